"""What an application writes, and the types that it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

import txsockjs
from txsockjs import ConnectionInfo, Refused, Settings, SockJSConnection, SockJSRouter
from txsockjs.client.endpoints import Endpoints
from txsockjs.cluster.redis import RedisBus
from txsockjs.factory import SockJSFactory
from txsockjs.multiplex import MultiplexConnection
from txsockjs.service import SockJSService
from txsockjs.stats import StatsCollector
from txsockjs.tornado import SockJSRouter as TornadoRouter

if TYPE_CHECKING:
    from twisted.internet import reactor
    from typing_extensions import reveal_type

    # What a program makes with the global reactor, which is a module to type checkers.
    SockJSRouter(SockJSConnection, "/chat", bus=RedisBus("redis://localhost", reactor))
    Endpoints(reactor)
    StatsCollector(reactor)


class Chat(SockJSConnection):
    members: set[Chat] = set()

    def on_open(self, info: ConnectionInfo) -> bool:
        reveal_type(info.ip)  # is str
        self.members.add(self)
        return info.get_cookie("user") is not None

    def on_message(self, message: str) -> None:
        self.broadcast(self.members, message)

    def on_close(self) -> None:
        self.members.discard(self)


class Slow(SockJSConnection):
    async def on_open(self, info: ConnectionInfo) -> None:
        raise Refused(4000, "not today")

    async def on_message(self, message: str | bytes) -> None:
        self.send(message)

    def on_event(self, event: int) -> Deferred[None]:
        return Deferred()

    def on_error(self, failure: Failure) -> bool:
        return True


class Both(MultiplexConnection):
    channels = {"chat": Chat, "slow": Slow}


def look(connection: SockJSConnection, chat: Chat) -> None:
    reveal_type(connection.session)  # is SessionForConnection
    reveal_type(connection.session.session_id)  # is str
    reveal_type(connection.session.server.settings)  # is Settings
    reveal_type(connection.info)  # is ConnectionInfo
    reveal_type(chat.info.headers)  # is Mapping[str, str]
    reveal_type(connection.is_closed)  # is bool
    reveal_type(connection.rooms)  # is tuple[str, ...]
    reveal_type(chat.rooms)  # is tuple[str, ...]


router = SockJSRouter(Chat, "/chat", heartbeat_delay=20, trusted_proxies="10.0.0.0/8")
reveal_type(SockJSRouter(Chat))  # is SockJSRouter
reveal_type(txsockjs.SockJSRouter(Chat))  # is SockJSRouter
reveal_type(router.settings)  # is Settings
reveal_type(router.settings.heartbeat_delay)  # is float
reveal_type(router.get_connection_class())  # is type[SockJSConnection]
reveal_type(Settings(allowed_origins=["https://example.com"], max_sessions=None))  # is Settings
reveal_type(SockJSFactory(Factory(), fallback_encoding="latin-1").router)  # is SockJSRouter
reveal_type(SockJSService("tcp:8080", [router]).routers)  # is list[SockJSRouter]
reveal_type(TornadoRouter(Chat, "/old", jsessionid=False).settings)  # is Settings
