"""A proxy that knows nothing of websockets: what it forwards has no Upgrade.

It answers to HTTP/1.1, a request at a time, as old proxies do: the headers that name a connection's
next protocol are dropped, and the server then sees an ordinary request.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol


class Behind(Protocol):
    """The connection to the server."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def dataReceived(self, data: bytes) -> None:
        self.front.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.front.transport.loseConnection()


class Front(Protocol):
    """A client's connection."""

    port: int
    transport: Any

    def connectionMade(self) -> None:
        self.behind: Any = None
        self.waiting = b""
        self.transport.setTcpNoDelay(True)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        factory = Factory.forProtocol(lambda: Behind(self))
        factory.noisy = False
        endpoint.connect(factory).addCallbacks(self.reached, lambda _: self.abort())

    def reached(self, behind: Any) -> None:
        self.behind = behind
        behind.transport.setTcpNoDelay(True)
        self.dataReceived(b"")

    def dataReceived(self, data: bytes) -> None:
        self.waiting += data
        if self.behind is not None and self.waiting:
            data, self.waiting = self.waiting, b""
            self.behind.transport.write(re.sub(rb"(?i)\r\n(upgrade|connection):[^\r]*", b"", data))

    def connectionLost(self, reason: Any = None) -> None:
        if self.behind is not None:
            self.behind.transport.loseConnection()

    def abort(self) -> None:
        self.transport.abortConnection()


async def breaking_proxy(port: int) -> Any:
    """Listen before the server at ``port``; returns the port that listens."""
    factory = Factory.forProtocol(type("Front", (Front,), {"port": port}))
    factory.noisy = False
    return await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
