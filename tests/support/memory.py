"""A router served in memory: no sockets, and time is a `Clock`.

`Lab` is such a router with its clock; its connections are those of `txsockjs.testing`, where what
comes can be read byte by byte.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.testing import Connection
from txsockjs.testing.network import chunks

__all__ = ["Connection", "Echo", "Lab", "Slow", "chunks"]


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


class Slow(SockJSConnection):
    """An application that takes its time."""

    log: list[Any]

    def on_message(self, message: Any) -> Any:
        self.log.append(message)
        gate: Deferred[None] = Deferred()
        self.session.server.gates = [*getattr(self.session.server, "gates", []), gate]
        return gate


class Lab:
    """A router on a clock, its connections, and what its application heard."""

    router_class = SockJSRouter

    def __init__(self, base: type[SockJSConnection] = Echo, **settings: Any) -> None:
        self.clock = Clock()
        self.log: list[Any] = []
        connection = type(base.__name__, (base,), {"log": self.log})
        self.router = self.router_class(connection, reactor=self.clock, **settings)
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
