"""A server under test and the sessions that a test has on it.

`Site` opens connections (and closes all of them when the test is over), `Session` is one session
id at one mount, `Attached` a receiver request that is under way. `Lab` is the site of
`lab_server.py`, which also tells what its connections went through.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional
from urllib.parse import quote

from .peer import PATIENCE, Body, Peer, Response
from .receivers import XHR_STREAMING, Receiver, messages
from .running import Server
from .ways import Nodes
from .websocket import WebSocket

Sent = Optional[Mapping[str, Optional[str]]]

_numbers = itertools.count(1)


def fresh(what: str = "s") -> str:
    """Give a session id that was not used before."""
    return f"{what}{next(_numbers)}x{os.getpid()}"


def until(happened: Callable[[], bool]) -> None:
    """Ask again and again until it has happened; for what no event tells."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Site:
    """Where a server listens, for the time of one test."""

    def __init__(self, server: Server | Nodes | At) -> None:
        self.server: Any = server
        self.peers: list[Peer] = []

    def connect(self, receive_buffer: int | None = None, beside: Peer | None = None) -> Peer:
        """Open a connection, to the node of another one if there are several."""
        port = self.server.port if beside is None else beside.port
        peer = Peer(port, receive_buffer)
        self.peers.append(peer)
        return peer

    def close(self) -> None:
        for peer in self.peers:
            peer.close()

    def ask(
        self,
        method: str,
        path: str,
        headers: Sent = None,
        body: Body = None,
        version: str = "HTTP/1.1",
    ) -> Response:
        """Ask for one thing on a connection of its own."""
        peer = self.connect()
        peer.ask(method, path, headers, body, version)
        answer = peer.response(method)
        peer.close()
        return answer

    def get(self, path: str, headers: Sent = None) -> Response:
        return self.ask("GET", path, headers)

    def post(self, path: str, body: Body = None, headers: Sent = None) -> Response:
        return self.ask("POST", path, headers, body)

    def options(self, path: str, headers: Sent = None) -> Response:
        return self.ask("OPTIONS", path, headers)

    def session(self, prefix: str = "/echo", name: str | None = None) -> Session:
        return Session(self, prefix, name or fresh())

    def opened(self, prefix: str = "/echo") -> Session:
        """Give a session that a poll has opened; no receiver is attached."""
        session = self.session(prefix)
        assert session.poll() == b"o\n"
        return session

    def websocket(self, prefix: str = "/echo", headers: Sent = None) -> WebSocket:
        """Open a SockJS websocket and take its open frame."""
        return self.session(prefix).websocket(headers)

    def raw(self, path: str = "/echo/websocket", headers: Sent = None) -> WebSocket:
        return WebSocket(self.connect(), path, headers)

    def resident(self) -> int:
        """Give the resident memory of the server in bytes."""
        pages = 0
        for pid in self.server.pids:
            with open(f"/proc/{pid}/statm") as file:
                pages += int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def processor_time(self) -> float:
        """Give the seconds that the server has worked."""
        ticks = 0
        for pid in self.server.pids:
            with open(f"/proc/{pid}/stat") as file:
                user, system = file.read().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.server.pids)


class Attached:
    """A receiver request under way; its head is read with the first frame."""

    def __init__(self, peer: Peer, receiver: Receiver) -> None:
        self.peer = peer
        self.receiver = receiver
        self._head: Response | None = None
        self._left = 1
        self._ahead: bytes | None = None

    @property
    def head(self) -> Response:
        if self._head is None:
            self._head = self.peer.head()
            assert self._head.status == 200, (self._head, self.receiver.name)
            if self.receiver.streams:
                assert self.receiver.is_prelude(self.peer.chunk())
        return self._head

    def piece(self) -> bytes:
        """Read what was one write: a chunk, or the whole body of a poll; nothing after the end."""
        if self._ahead is not None:
            data, self._ahead = self._ahead, None
            return data
        if self.head.chunked:
            return self.peer.chunk()
        self._left -= 1
        return (
            self.peer.exactly(int(self.head.headers["content-length"])) if self._left == 0 else b""
        )

    def frame(self) -> str:
        return self.receiver.unwrap(self.piece())

    def ended(self) -> bool:
        """Tell whether the response ends here (the connection lives on)."""
        return self.piece() == b""

    def over(self) -> bool:
        """Like `ended`, but a frame that comes instead is kept."""
        self._ahead = self.piece()
        return self._ahead == b""

    def waits(self) -> bool:
        """Tell whether nothing comes for now."""
        return self.peer.silent()

    def abort(self) -> None:
        self.peer.abort()


class Session:
    """One session id at one mount."""

    def __init__(self, site: Site, prefix: str, name: str) -> None:
        self.site = site
        self.prefix = prefix
        self.name = name

    def url(self, transport: str) -> str:
        return f"{self.prefix}/000/{self.name}/{transport}"

    def poll(self, headers: Sent = None) -> bytes:
        """Make one xhr poll and give its body."""
        answer = self.site.post(self.url("xhr"), headers=headers)
        assert answer.status == 200, answer
        return answer.body

    def send(self, *messages: str, headers: Sent = None) -> Response:
        """Send messages with xhr_send."""
        return self.site.post(self.url("xhr_send"), json.dumps(messages), headers)

    def attach(
        self,
        receiver: Receiver = XHR_STREAMING,
        headers: Sent = None,
        peer: Peer | None = None,
    ) -> Attached:
        peer = peer or self.site.connect()
        peer.ask(receiver.method, self.url(receiver.suffix), headers)
        return Attached(peer, receiver)

    def open(self, receiver: Receiver = XHR_STREAMING, headers: Sent = None) -> Attached:
        """Open the session; a stream stays attached, after a poll the next one waits."""
        attached = self.attach(receiver, headers)
        assert attached.frame() == "o"
        if not receiver.streams:
            assert attached.ended()
            attached = self.attach(receiver, headers, attached.peer)
        return attached

    def waiting(self, receiver: Receiver = XHR_STREAMING) -> Attached:
        """Open the session; what is given back is attached, and not only on its way."""
        if receiver.streams:
            return self.open(receiver)
        opened = self.attach(receiver)
        assert opened.frame() == "o"
        # At its own node, which alone ends it when the connection of a silent poll is lost.
        peers = [self.site.connect(beside=opened.peer) for _ in range(2)]
        rivals = [self.attach(receiver, peer=peer) for peer in peers]
        # One of the two is refused, because the other waits.
        (answered,) = select.select(peers, [], [], PATIENCE)[0]
        (refused,) = (rival for rival in rivals if rival.peer is answered)
        assert refused.frame().startswith("c[2010,")
        rivals.remove(refused)
        return rivals[0]

    def collect(self, attached: Attached, count: int) -> list[str]:
        """Read so many messages, with another request whenever one ends."""
        got: list[str] = []
        while len(got) < count:
            if attached.over():
                attached = self.attach(attached.receiver, peer=attached.peer)
            else:
                got += messages(attached.frame())
        return got

    def websocket(self, headers: Sent = None, first: bytes = b"") -> WebSocket:
        socket = WebSocket(self.site.connect(), self.url("websocket"), headers, first)
        assert socket.text() == "o"
        return socket


class Lab(Site):
    """The server of `lab_server.py`: mounts that do what they are told, and keep a journal."""

    def journal(self, session: Session) -> list[list[Any]]:
        """Give everything that happened to the connection of a session."""
        return self._ask("journal", session.name)

    def wait(self, session: Session, event: str) -> list[list[Any]]:
        """Give the journal once it has that event."""
        return self._ask("wait", session.name, event)

    def names(self, session: Session) -> list[str]:
        return [event[0] for event in self.journal(session)]

    def closings(self, session: Session) -> int:
        """Wait for on_close, and count how often it was called."""
        self.wait(session, "close")
        return self.names(session).count("close")

    def tell(self, session: Session, command: str) -> None:
        """Give a command to the application's side, past the transport."""
        answer = self.post(f"/lab/tell/{quote(session.name)}", command)
        assert answer.status == 200, answer

    def pass_time(self, seconds: float) -> None:
        """Let time pass on the mounts where it passes only so."""
        self._ask("pass", str(seconds))

    def expire(self) -> None:
        """Let more time pass there than a session lives without a receiver."""
        self.pass_time(7)

    def empty(self, mount: str) -> None:
        """Let time pass there until a mount has no session."""

        def is_empty() -> bool:
            self.expire()
            return bool(self.gauges()[mount] == 0)

        until(is_empty)

    def gauges(self) -> dict[str, Any]:
        """Give the counts of sessions per mount, and of timers."""
        gauges: dict[str, Any] = self._ask("gauges")
        return gauges

    def errors(self) -> list[str]:
        """Give what the server logged as errors since this was last asked, and forget it."""
        errors: list[str] = self._ask("errors")
        return errors

    def forgotten(self) -> list[str]:
        """Give the errors that show only when the server collects its garbage."""
        self._ask("collect")
        return self.errors()

    def told(self, session: Session, event: str) -> Any:
        """Give the details of the first such event."""
        return next(entry[1] for entry in self.wait(session, event) if entry[0] == event)

    def _ask(self, *words: str) -> Any:
        answer = self.get("/lab/" + "/".join(map(quote, words)))
        assert answer.status == 200, answer
        return json.loads(answer.body)


class LabOfNodes(Lab):
    """Several of these servers that are one: what a connection went through, one of them knows."""

    def tell(self, session: Session, command: str) -> None:
        for port in self.server.ports:
            if self._ask_one(port, "journal", session.name):
                answer = self._at(port).post(f"/lab/tell/{quote(session.name)}", command)
                assert answer.status == 200, answer

    def _ask(self, *words: str) -> Any:
        if words[0] == "wait":
            _, name, event = words
            until(lambda: any(entry[0] == event for entry in self._ask("journal", name)))
            return self._ask("journal", name)
        answers = [self._ask_one(port, *words) for port in self.server.ports]
        if isinstance(answers[0], list):
            return [each for answer in answers for each in answer]
        if isinstance(answers[0], dict):
            return {key: sum(answer[key] for answer in answers) for key in answers[0]}
        return answers[0]

    def _ask_one(self, port: int, *words: str) -> Any:
        return Lab._ask(self._at(port), *words)

    def _at(self, port: int) -> Lab:
        """Give the lab of one node."""
        one = Lab(At(port))
        one.peers = self.peers
        return one


@dataclass
class At:
    """A server, as far as its port tells."""

    port: int
