"""A router served in memory: no sockets, and time is a `Clock`.

`Connection` is the client's end of one HTTP connection to a site; what it is sent can be read
whole (``received``) or as it comes (``take``). Websockets are upgraded over it.
"""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs import SockJSConnection, SockJSRouter


class Transport(StringTransportWithDisconnection):
    """A transport whose peer can stop reading, and which can be aborted."""

    aborted = False
    slow = False

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.slow and self.producer is not None:
            self.producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        if self.slow:
            producer.pauseProducing()

    def abortConnection(self) -> None:
        self.aborted = True
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionLost()))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Be a TCP transport."""

    def drain(self) -> None:
        """Let the peer read again."""
        self.slow = False
        if self.producer is not None:
            self.producer.resumeProducing()


class Connection:
    """One connection of a client."""

    def __init__(self, resource: Any, clock: Clock, peer: str = "192.0.2.1") -> None:
        site = Site(resource, reactor=clock)
        site.timeOut = None
        self.transport = Transport(peerAddress=IPv4Address("TCP", peer, 4711))
        protocol = site.buildProtocol(None)
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        self._read = 0

    @property
    def received(self) -> bytes:
        return self.transport.value()

    @property
    def is_open(self) -> bool:
        return self.transport.connected

    def take(self) -> bytes:
        """What came since the last call."""
        new = self.received[self._read :]
        self._read += len(new)
        return new

    def send(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)

    def vanish(self, reason: Exception | None = None) -> None:
        self.transport.connected = False
        self.transport.protocol.connectionLost(Failure(reason or ConnectionDone()))

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Connection:
        lines = [f"{method} {path} HTTP/1.1", "Host: server.example"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return self

    def upgrade(self, path: str, **headers: str) -> Connection:
        return self.request(
            "GET",
            path,
            **{
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec_WebSocket_Version": "13",
                "Sec_WebSocket_Key": base64.b64encode(b"0123456789abcdef").decode(),
                **headers,
            },
        )

    def say(self, payload: bytes, opcode: int = 1) -> None:
        """Send a masked websocket frame of less than 126 bytes; the mask is zero."""
        self.send(bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        """The body of the only response, its chunks joined."""
        head, _, body = self.received.partition(b"\r\n\r\n")
        return b"".join(chunks(body)) if b"chunked" in head.lower() else body


def chunks(body: bytes) -> list[bytes]:
    """The chunks of a chunked body, without the last, empty one."""
    found = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        found.append(body[:length])
        body = body[length + 2 :]
    return [chunk for chunk in found if chunk]


class Echo(SockJSConnection):
    """Answers what it is told, and keeps a list of what happened."""

    log: list[Any]

    def on_open(self, info: Any) -> None:
        self.log.append("open")

    def on_message(self, message: Any) -> None:
        self.log.append(message)
        if message == "close":
            self.close(3001, "as told")
        else:
            self.send(message)

    def on_close(self) -> None:
        self.log.append(("close", self.close_reason))


class Lab:
    """A router on a clock, its connections, and what its application heard."""

    def __init__(self, base: type[SockJSConnection] = Echo, **settings: Any) -> None:
        self.clock = Clock()
        self.log: list[Any] = []
        connection = type(base.__name__, (base,), {"log": self.log})
        self.router = SockJSRouter(connection, reactor=self.clock, **settings)
        self.resource = self.router.resource()

    def connect(self, peer: str = "192.0.2.1") -> Connection:
        return Connection(self.resource, self.clock, peer)

    def xhr(self, path: str = "/000/abc/xhr", **headers: str) -> Connection:
        return self.connect().request("POST", path, **headers)

    def send(self, body: bytes, path: str = "/000/abc/xhr_send", **headers: str) -> Connection:
        return self.connect().request("POST", path, body, **headers)

    def upgrade(self, path: str = "/000/abc/websocket", **headers: str) -> Connection:
        return self.connect().upgrade(path, **headers)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)

    def settle(self) -> None:
        """Close the router and check that nothing is left."""
        gone: list[object] = []
        self.router.close().addCallback(gone.append)
        self.pass_time(60)
        assert gone == [None]
        assert len(self.router.sessions) == 0
        assert self.router.stats.sessions_active == 0
        assert self.clock.getDelayedCalls() == []
