"""A site in memory, with and without its front, and what it answers in a form to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.server.body_limit import SockJSRequest
from txsockjs.server.front import Front
from txsockjs.server.root import Root
from txsockjs.site import SockJSSite
from txsockjs.testing.network import Connection, Transport

from .memory import Echo

LIMIT = 5000


class Wire(Transport):
    """A transport that ends with the next iteration, as TCP does, and can be half closed."""

    half_closed = False
    no_delay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def loseConnection(self) -> None:
        self._end_soon()

    def abortConnection(self) -> None:
        self.aborted = True
        self._end_soon()

    def unregisterProducer(self) -> None:
        self.producer = None

    def _end_soon(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self._clock.callLater(0, self.end, ConnectionDone())

    @property
    def is_read(self) -> bool:
        return bool(self.producerState == "producing")


class Client(Connection):
    """A connection to a site."""

    transport: Wire

    def __init__(self, site: SockJSSite, clock: Clock, transport: Wire | None = None) -> None:
        self.transport = transport or Wire(clock, "192.0.2.1")
        protocol = site.buildProtocol(self.transport.getPeer())
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        self._read = 0

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it; a server does not read what it has ended."""
        return self.transport.connected and not self.transport.disconnecting

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if self.is_open:
            self.transport.protocol.dataReceived(data)

    @property
    def is_fast(self) -> bool:
        """Whether it has never been given to twisted.web or to a websocket."""
        return isinstance(self.transport.protocol, Front)

    @property
    def answers(self) -> list[Answer]:
        return read_answers(self.received)


class OwnRequest(SockJSRequest):
    """A request factory of a program, for which twisted.web does all."""


class SiteLab:
    """Routers at their prefixes on one site; ``fast`` is whether sessions need no twisted.web."""

    def __init__(
        self,
        *prefixes: str,
        fast: bool = True,
        base: type[SockJSConnection] = Echo,
        time_out: float | None = None,
        limit: int = LIMIT,
        options: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.log: list[Any] = []
        root = Root()
        self.routers = []
        for prefix in prefixes or ("/chat",):
            connection = type(base.__name__, (base,), {"log": self.log})
            router = SockJSRouter(connection, prefix, reactor=self.clock, **settings)
            root.mount(router.prefix, router.resource())
            self.routers.append(router)
        web = {} if fast else {"requestFactory": OwnRequest}
        self.site = SockJSSite(
            root, self.routers, limit, reactor=self.clock, **{**web, **(options or {})}
        )
        self.site.timeOut = time_out
        self.clients: list[Client] = []

    @property
    def router(self) -> SockJSRouter:
        return self.routers[0]

    def connect(self) -> Client:
        client = Client(self.site, self.clock)
        self.clients.append(client)
        return client

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)

    def turn(self) -> None:
        """Make what is due now, and not what that makes due, as an iteration of a reactor does."""
        due = [call for call in self.clock.calls if call.getTime() <= self.clock.seconds()]
        for call in due:
            if call.active():
                self.clock.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def settle(self) -> None:
        """Let all clients vanish, close the routers and check that nothing is left."""
        for client in self.clients:
            client.vanish()
        for router in self.routers:
            router.close()
        self.pass_time(60)
        for router in self.routers:
            assert len(router.sessions) == 0
            assert router.stats.sessions_active == 0
            assert router.stats.connections_active == 0
        assert self.site.connections() == []
        assert self.clock.getDelayedCalls() == []


# -- requests


def request(
    method: str = "POST",
    path: str = "/chat/000/abc/xhr",
    body: bytes = b"",
    *lines: str,
) -> bytes:
    """The bytes of a request."""
    length = [f"Content-Length: {len(body)}"] if body else []
    head = [f"{method} {path} HTTP/1.1", "Host: a", *lines, *length, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


POLL = request()
SEND = request("POST", "/chat/000/abc/xhr_send", b'["hello"]')
INFO = request("GET", "/chat/info")
GREETING = request("GET", "/chat")
UPGRADE = request(
    "GET",
    "/chat/000/abc/websocket",
    b"",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


# -- answers


class Answer(NamedTuple):
    """One answer: ``headers`` are sorted, without the date; ``body`` is one part, or chunks."""

    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]
    complete: bool

    @property
    def code(self) -> int:
        return int(self.status.split(" ")[1])

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


def read_answers(data: bytes) -> list[Answer]:
    """Split what a server sent into answers; after a 101 all is its body."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = sorted(
            (name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)
        )
        headers = [(name, value) for name, value in pairs if name not in ("date", "expires")]
        sizes = dict(headers)
        code = int(status.split(" ")[1])
        complete = True
        if code == 101:
            body, data = [data], b""
        elif sizes.get("transfer-encoding") == "chunked":
            body, data, complete = _read_chunks(data)
        elif code in (100, 204, 304):
            body = []
        elif "content-length" in sizes:
            length = int(sizes["content-length"])
            complete = len(data) >= length
            body, data = [data[:length]], data[length:]
        else:
            body, data = [data], b""
        body = [re.sub(rb'"entropy":\d+', b'"entropy":0', part) for part in body]
        headers = [(n, "?" if b"entropy" in b"".join(body) else v) for n, v in headers]
        found.append(Answer(status, headers, body, complete))
    return found


def _read_chunks(data: bytes) -> tuple[list[bytes], bytes, bool]:
    chunks: list[bytes] = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(data[:length])
        assert data[length : length + 2] == b"\r\n"
        data = data[length + 2 :]
        if not length:
            return chunks[:-1], data, True
    return chunks, data, False


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Split bytes at these places."""
    at = sorted({place for place in cuts if 0 < place < len(data)})
    return [data[i:j] for i, j in zip([0, *at], [*at, len(data)])]
