"""`Bridge`: resumable sessions whose client came back to another node.

A frame is a JSON list: its kind, the number of its stream, and the content of its kind. The edge,
where the client is, numbers the streams (`far`). The owner, where the session is, handles the
client's messages as if it was connected there (`visitor`).

Rules: a frame that can't be read is dropped and counted; the loss of a node ends its streams.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection
from functools import partial
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from ...actors.interfaces import NODE_GONE
from .far import ConnectionAtEdge, Far
from .visitor import Visitor, described

# For each kind, the values after the number: first those from an edge, then those from an owner.
_KINDS: dict[str, tuple[type, ...]] = {
    "open": (str, int, dict),  # the token, how much was received, the connection's request
    "said": (str,),  # by the client
    "lost": (),  # the connection
    "end": (int, str),  # end the session: its connection was closed
    "say": (list,),  # to the client
    "close": (int, str, str),  # the connection, for a reason and a cause
    "room": (int,),  # for so many bytes more of the client's
    "absent": (),  # there is no such session
}


# A larger frame is sent in pieces, because a bus has a limit: the marks of the last and of others.
_PIECE = 1024 * 1024
_LAST, _MORE = b".", b"+"


class RouterForBridges(Protocol):
    """What a bridge needs from its router, whose place a `ResumeServer` takes."""

    scheduler: Any
    reactor: IReactorTime

    def find(self, text: str) -> Any | None:
        """Return the session of a token, or None."""


class BusForBridges(Protocol):
    """What a bridge needs from the bus of its node."""

    node: str
    counters: Counter[str]

    @property
    def nodes(self) -> Collection[str]:
        """The nodes that live, as far as is known."""
        ...

    def listen(self, port: str, listener: Bridge) -> None:
        """Have ``listener`` told what is sent to ``port``, and what becomes of other nodes."""

    def send(self, node: str, port: str, data: bytes) -> None:
        """Send to the listener on a port of another node."""


class Bridge:
    """The streams of one mount: those that end here, and those that begin here."""

    def __init__(self, bus: BusForBridges, prefix: str, router: RouterForBridges) -> None:
        self._bus = bus
        self._port = f"resume {prefix}"
        self._router = router
        self._numbers = itertools.count()
        self._edges: dict[int, Far] = {}
        self._owned: dict[tuple[str, int], Visitor] = {}
        self._pieces: dict[str, list[bytes]] = {}  # of the frame that is arriving from each node
        bus.listen(self._port, self)

    def __len__(self) -> int:
        return len(self._edges) + len(self._owned)

    def resume(self, edge: ConnectionAtEdge, node: str, token: str, received: int) -> Far:
        """Resume a session on its token's node; the client has ``received`` so many messages."""
        number = next(self._numbers)
        say = partial(self._say, node, number)
        over = partial(self._edges.pop, number, None)
        far = self._edges[number] = Far(edge, node, say, over, self._router.reactor)
        say("open", token, received, described(edge.session.info))
        return far

    def reaches(self, node: str) -> bool:
        """Return whether this is another node, and alive as far as is known."""
        return node != self._bus.node and node in self._bus.nodes

    def _say(self, node: str, number: int, kind: str, *rest: object) -> None:
        # In ASCII: on PyPy the time to encode lone surrogates grows with their number squared.
        frame = json.dumps([kind, number, *rest], separators=(",", ":")).encode("ascii")
        if len(frame) > _PIECE:
            while len(frame) > _PIECE:
                self._bus.send(node, self._port, _MORE + frame[:_PIECE])
                frame = frame[_PIECE:]
            frame = _LAST + frame
        self._bus.send(node, self._port, frame)

    # -- told by the bus

    def received(self, node: str, data: bytes) -> None:
        """Handle a frame, or a piece of one."""
        if data[:1] == _MORE:
            self._pieces.setdefault(node, []).append(data[1:])
            return
        if data[:1] == _LAST:
            data = b"".join([*self._pieces.pop(node, ()), data[1:]])
        try:
            kind, number, *rest = json.loads(data)
            types = _KINDS[kind]
        except (ValueError, TypeError, KeyError):
            types, rest, number = (), [None], None
        if [type(each) for each in rest] != list(types) or type(number) is not int:
            self._bus.counters["frames_invalid"] += 1
        else:
            self._router.scheduler.turn(getattr(self, f"_take_{kind}"), node, number, *rest)

    def lost(self, node: str) -> None:
        """End the streams of a lost node."""
        self._pieces.pop(node, None)
        for far in [far for far in self._edges.values() if far.node == node]:
            far.end(NODE_GONE, "node_gone")
        for (edge, _), visitor in list(self._owned.items()):
            if edge == node:
                self._router.scheduler.turn(visitor.lost)

    def away(self) -> None:
        """Do nothing: frames wait, and the loss of a node is reported."""

    back = away

    def taken(self, key: str) -> None:
        """Do nothing: resumable sessions claim no keys."""

    # -- at the owner

    def _take_open(
        self, node: str, number: int, token: str, received: int, info: dict[str, object]
    ) -> None:
        session = self._router.find(token)
        if session is None:
            self._say(node, number, "absent")
            return
        say = partial(self._say, node, number)
        over = partial(self._owned.pop, (node, number), None)
        visitor = self._owned[node, number] = Visitor(say, over, session, info)
        visitor.begin(received)

    def _take_said(self, node: str, number: int, text: str) -> None:
        visitor = self._owned.get((node, number))
        if visitor is not None:
            visitor.said(text)

    def _take_lost(self, node: str, number: int) -> None:
        visitor = self._owned.get((node, number))
        if visitor is not None:
            visitor.lost()

    def _take_end(self, node: str, number: int, code: int, words: str) -> None:
        visitor = self._owned.get((node, number))
        if visitor is not None:
            visitor.ended((code, words))

    # -- at the edge

    def _take_say(self, node: str, number: int, texts: list[str]) -> None:
        far = self._edges.get(number)
        if far is None:
            self._say(node, number, "lost")  # the stream ended here meanwhile
        else:
            far.say(texts)

    def _take_close(self, node: str, number: int, code: int, words: str, cause: str) -> None:
        far = self._edges.get(number)
        if far is not None:
            far.end((code, words), cause)

    def _take_room(self, node: str, number: int, size: int) -> None:
        far = self._edges.get(number)
        if far is not None:
            far.credited(size)

    def _take_absent(self, node: str, number: int) -> None:
        far = self._edges.get(number)
        if far is not None:
            far.absent()
