"""`Serving`: serves requests from other nodes, the edges, for sessions on this node.

Rules: a request is served once its body has arrived, by the page that would have served it on this
node. If the session is not here, the edge is told so, rather than 404.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable, Protocol

from twisted.internet.interfaces import IReactorTime

from ..actors.registry import SessionContainer
from ..http.exchange import Exchange
from ..http.page import Page
from ..settings import Settings
from ..wire import relay as wire
from .bus import Bus
from .claims import Claims
from .remote import RemoteExchange

#: The frames that an edge sends.
TO_OWNER = frozenset((wire.REQUEST, wire.BODY, wire.CREDIT, wire.LOST, wire.DONE, wire.HERE))

# In seconds: how long a receiver waits for the end of the one before it to reach the client, and
# how long for an edge to answer whether that one's client is still there: a lost packet is sent
# again after one second.
_LEAVING, _ASKING = 5.0, 2.0
# How many earlier receivers one waits for: clients may leave poll after poll.
_MOST_BEFORE = 3

#: A stream: the node at its edge, and its number there.
Key = tuple[str, int]


class RouterForRelay(Protocol):
    """What the relay needs from its router."""

    prefix: str
    settings: Settings
    reactor: IReactorTime
    sessions: SessionContainer
    pages: Mapping[str, Page]

    def admit(self, exchange: Exchange) -> None:
        """Raise a `RequestError` if this request may not open a new session.

        That is `Overloaded` if nobody may open one here.
        """


class Serving:
    """The current requests of other nodes; ``post_to(node)`` sends frames."""

    def __init__(
        self,
        router: RouterForRelay,
        claims: Claims,
        counters: Counter[str],
        post_to: Callable[[str], Callable[..., object]],
    ) -> None:
        self._router = router
        self._claims = claims
        self._counters = counters
        self._post_to = post_to
        self._remotes: dict[Key, RemoteExchange] = {}
        # Those whose body is not all here, and whether their session may be opened here then.
        self._collecting: dict[RemoteExchange, bool] = {}
        self._last_number: dict[str, int] = {}  # the highest number of each node's requests
        self._ended_early: set[Key] = set()  # requests that were lost before they arrived

    def told(self, node: str, kind: int, number: int, payload: bytes) -> None:
        """Handle a frame from an edge."""
        key = (node, number)
        if kind == wire.REQUEST:
            self._begin(key, payload)
            return
        remote = self._remotes.get(key)
        if remote is None:
            # An urgent frame may overtake a request that waits for the window.
            if kind == wire.LOST and number > self._last_number.get(node, -1):
                self._ended_early.add(key)
        elif kind == wire.BODY:
            if remote in self._collecting:
                self._add(key, remote, payload)
        elif kind == wire.CREDIT:
            remote.credited(wire.read_number(payload)[0])
        elif kind == wire.HERE:
            remote.is_there()
        else:
            taken, in_order = wire.read_told(payload)
            del self._remotes[key]
            self._collecting.pop(remote, None)
            if kind == wire.DONE:
                remote.done()
            else:
                remote.untaken(taken, in_order)

    def let_go(self) -> None:
        """End what can be ended: the bus was away for so long that edges may have done so, too."""
        for remote in list(self._remotes.values()):
            if remote.let_go is not None:
                remote.let_go()

    def lost(self, node: str, lives: bool) -> None:
        """Cut the requests of an edge; if it ``lives``, it has taken this node for gone."""
        for key in [key for key in self._remotes if key[0] == node]:
            remote = self._remotes.pop(key)
            self._collecting.pop(remote, None)
            remote.lost(given_up=lives)
        self._last_number.pop(node, None)
        self._ended_early = {key for key in self._ended_early if key[0] != node}

    def _begin(self, key: Key, payload: bytes) -> None:
        node, number = key
        self._last_number[node] = number
        if key in self._ended_early:
            self._ended_early.discard(key)
            return
        described, opens, size, body = wire.read_request(payload)
        forget = partial(self._remotes.pop, key, None)
        remote = RemoteExchange(number, described, size, self._post_to(node), forget)
        if remote.name not in self._router.pages:
            raise wire.BadFrame(f"there is no page {remote.name!r}")
        self._remotes[key] = remote
        # The error of a body that is too large is known already.
        if size > self._router.settings.max_body_size or not remote.add(body):
            self._serve(key, remote, opens)
        else:
            self._collecting[remote] = opens
            self._took(key, body)

    def _add(self, key: Key, remote: RemoteExchange, piece: bytes) -> None:
        if remote.add(piece):
            self._took(key, piece)
        else:
            self._serve(key, remote, self._collecting.pop(remote))

    def _took(self, key: Key, piece: bytes) -> None:
        node, number = key
        self._post_to(node)(wire.number(wire.TAKEN, number, len(piece)), urgent=True)

    def _serve(self, key: Key, remote: RemoteExchange, opens: bool) -> None:
        if self._remotes.get(key) is not remote:
            return  # ended while it waited
        session_id = remote.session_id
        if self._router.sessions.get(session_id) is None and session_id not in self._claims:
            # The edge may have heard of the claim before this node did.
            if self._claims.when_answered(session_id, partial(self._serve, key, remote, opens)):
                return
            if opens:
                claimed = self._claims.claim(remote, session_id)
                claimed.addErrback(lambda _: None)
                claimed.addCallback(lambda _: self._serve(key, remote, opens=False))
                return
            del self._remotes[key]
            node, number = key
            self._post_to(node)(wire.frame(wire.ABSENT, number), urgent=True)
            return
        self._counters["requests_served"] += 1
        self._router.pages[remote.name].serve(remote, session_id)


async def make_way(session: Any, exchange: Exchange, claims: Claims, bus: Bus) -> None:
    """End the receiver of ``session`` if its client was connected to another node and has left.

    ``exchange`` is the request to serve in its place.
    """
    for _ in range(_MOST_BEFORE):
        receiver = session.relayed_receiver
        if receiver is None:
            return
        receiver.ask()
        if not receiver.is_leaving:
            await claims.until(exchange, receiver.when_sure, _ASKING)
        if receiver.is_leaving:
            # The client has the end of the answer, or will never get it.
            await claims.until(exchange, receiver.when_left, _LEAVING)
        if receiver.is_silent:
            receiver.miss(sure=bus.connected)
        if session.relayed_receiver is receiver:
            return
