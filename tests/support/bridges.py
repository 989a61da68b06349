"""Two servers in memory on one clock: one in front, whose sessions are bridged to the other."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txsockjs import SockJSConnection, SockJSRouter, testing
from txsockjs.protocols.web_upstream import WebUpstream

from .client_network import ClientLab

WEBSOCKET = "ws://server.example/echo/websocket"
SOCKJS = "http://server.example/echo"


class Backend(SockJSConnection):
    """Echoes; closes, sends bytes or falls behind when it is told to; keeps what happened."""

    log: list[Any]

    def on_open(self, info: Any) -> None:
        self.log.append(info)

    def on_message(self, message: Any) -> None:
        self.log.append(message)
        if message == "close":
            self.close(3001, "as told")
        elif message == "fail":
            self.close(1011, "broken")
        elif message == "abort":
            self.session.abort()
        elif isinstance(message, str) and message.startswith("bytes:"):
            self.send(bytes.fromhex(message[6:]))
        else:
            self.send(message)

    def on_close(self) -> None:
        self.log.append(("close", self.close_reason))


class Bridges:
    """The two servers; ``front`` is the router that clients connect to."""

    def __init__(
        self, url: str = WEBSOCKET, base: Any = Backend, front: Any = None, **options: Any
    ) -> None:
        behind = {
            name: options.pop(name) for name in ("subprotocols", "mailbox_limit") if name in options
        }
        self.lab = ClientLab(base, **behind)
        self.log = self.lab.log
        self.clock = self.lab.clock
        self.network = self.lab.network
        upstream = WebUpstream(url, **options)
        connection = upstream.connection(self.clock, self.network)
        self.front = SockJSRouter(connection, "/front", reactor=self.clock, **(front or {}))
        testing.start(self.front)

    def connect(self, transport: str = "websocket", **options: Any) -> Any:
        client = testing.connect(self.front, transport, **options)
        self.advance()
        return client

    def advance(self, seconds: float = 0.1) -> None:
        testing.advance(self.clock, seconds)

    def settle(self) -> None:
        """End all, and check that nothing is left."""
        closed: list[object] = []
        self.front.close(patience=60).addCallback(closed.append)
        self.advance(70)
        assert closed
        stopped: list[object] = []
        Deferred.fromCoroutine(self.front.stop()).addCallback(stopped.append)
        assert len(self.front.sessions) == 0
        self.lab.settle()
