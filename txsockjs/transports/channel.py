"""Channels: sessions whose transport is another session, in the framing of websocket-multiplex.

Rules: a channel is a session like any other, so mailbox, supervision and output are the same; it
has no timer, as its carrier beats; a client that does not read ends its carrier, not a channel.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..actors.connection import SockJSConnection
from ..actors.heartbeat import Starter
from ..actors.info import ConnectionInfo
from ..actors.interfaces import (
    GO_AWAY,
    SLOW_CONSUMER,
    Ending,
    Reason,
    RouterForSessions,
    SessionForConnection,
)
from ..actors.registry import SessionContainer
from ..actors.rooms import Rooms
from ..actors.scheduler import Scheduler
from ..actors.session import BaseSession
from ..actors.states import ATTACH, GONE, RECEIVED
from ..errors import unsendable
from ..settings import Settings
from ..stats import StatsCollector
from ..wire.proto import Message
from ..wire.publication import wire_name

UNSUBSCRIBED: Reason = (1000, "Unsubscribed")


class ConnectionForChannels(Protocol):
    """What a channel needs of the connection that carries it."""

    @property
    def session(self) -> SessionForConnection:
        """The session of the whole connection."""
        ...

    @property
    def held(self) -> bool:
        """Whether producers have to wait for the client."""

    def watch(self) -> None:
        """Hold the channels' producers from now on, while the client is slower than they are."""

    def forget(self, channel: ChannelReceiver) -> None:
        """Note that a channel ended."""


class Service:
    """What is served by one name: a connection class, of which each subscription gets its own."""

    __slots__ = ("_last", "_wrapped", "connection", "name", "wire_name")

    def __init__(self, name: str, connection: type[SockJSConnection]) -> None:
        self.name = name
        self.connection = connection
        self.wire_name = wire_name(name)
        self._last: Message | None = None
        self._wrapped = Message()

    def wrap(self, message: str) -> str:
        """Return what carries a message; for a broadcast the same object, encoded once."""
        if type(message) is not Message:
            return f"msg,{self.wire_name},{message}"
        if message is not self._last:
            self._last, self._wrapped = message, Message(f"msg,{self.wire_name},{message}")
        return self._wrapped


class ChannelServer:
    """What a session needs of a router, for the channels that one router's sessions carry."""

    def __init__(self, router: RouterForSessions) -> None:
        self._router = router
        # Of messages, it is the session that carries channels which brings them.
        self.settings: Settings = router.settings.without_rate
        self.scheduler: Scheduler = router.scheduler
        self.reactor: IReactorTime = router.reactor
        self.starter: Starter = router.starter
        self.sessions = SessionContainer(router.reactor.seconds)  # none are found by their id
        self.stats: StatsCollector = router.stats
        self.rooms: Rooms = router.rooms
        self._leaving: dict[object, Deferred[None]] = {}

    @property
    def closing(self) -> bool:
        """Whether the router is closing."""
        return self._router.closing

    def ended(self, session: object) -> None:
        """Do nothing: whoever counts sessions counts those that carry channels."""

    def enter(self, application: Ending) -> None:
        """Have the router wait for this application when it closes."""
        self._leaving[application] = Deferred()
        self._router.enter(application)

    def leave(self, application: Ending) -> None:
        """Note that this application's last callback is done; fires the Deferred of `done`."""
        self._router.leave(application)
        leaving = self._leaving.pop(application, None)
        if leaving is not None:
            leaving.callback(None)

    def done(self, application: object) -> Deferred[None] | None:
        """Return what fires when this application, which is ending, is done; else None."""
        return self._leaving.get(application)


class ChannelSession(BaseSession):
    """The session of one subscription; ``carrier`` is the connection that carries it.

    ``channel`` is the name of its service, as clients write it: rooms belong to one service.
    """

    __slots__ = ("carrier", "channel")
    counted = False  # its messages are those of the session that carries it
    server: ChannelServer

    def __init__(
        self, service: Service, server: ChannelServer, carrier: ConnectionForChannels
    ) -> None:
        super().__init__(service.connection, server)
        self.carrier = carrier
        self.channel = service.wire_name

    def check_sendable(self, message: object) -> None:
        """Raise `TypeError` that says what can be sent here."""
        if not isinstance(message, str):
            raise unsendable(message, "str on a channel")

    def begin(self) -> None:
        """Neither beat nor be counted, as the session that carries it does."""

    def register_producer(
        self, producer: Any, streaming: bool, resumed: Callable[[], object] | None = None
    ) -> None:
        """Pause and resume ``producer`` as the client reads what its connection carries."""
        if not self.is_closed:
            self.carrier.watch()
            # Before it is asked for anything.
            self._set_held(self.carrier.held)
        super().register_producer(producer, streaming, resumed)
        if self.carrier.held:
            self.hold()

    def unregister_producer(self) -> None:
        """Forget the producer; what it sent waits for nothing any more."""
        super().unregister_producer()
        self.resume()

    def abort(self) -> None:
        """End this channel alone, without sending what waits for the client."""
        self._drop_pending()
        self._set_held(False)
        self.end(GO_AWAY)

    # -- told by the carrier, in its turn

    def subscribed(self, receiver: ChannelReceiver) -> None:
        """Open."""
        self.handle(ATTACH, receiver)

    def received(self, payload: str) -> Deferred[None] | None:
        """Take a message; return a Deferred if the client has to wait before the next one."""
        self.handle(RECEIVED, [payload])
        return self.room()

    def lost(self, receiver: ChannelReceiver, reason: Reason | None = UNSUBSCRIBED) -> None:
        """End: the client unsubscribed, or its connection ended for another reason."""
        self.handle(GONE, receiver, reason or GO_AWAY)

    def done(self) -> Deferred[None] | None:
        """Return what fires when its application is done; None if it is, or has not ended."""
        return self.server.done(self._application)

    def hold(self) -> None:
        """Hold what a producer sends; all else goes to the carrier, where it is counted."""
        if self._production is not None:
            self._set_held(True)
            self._pause_or_resume(False)

    def resume(self) -> None:
        """Send on to the carrier again."""
        self._set_held(False)
        self._changed()

    def _set_held(self, held: bool) -> None:
        if isinstance(self._receiver, ChannelReceiver):
            self._receiver.set_held(held)


class ChannelReceiver:
    """The end of a channel at which its session's output arrives."""

    __slots__ = ("_carrier", "ready", "service", "session")

    def __init__(
        self, service: Service, server: ChannelServer, carrier: ConnectionForChannels
    ) -> None:
        self.service = service
        self._carrier = carrier
        self.ready = True
        self.session = ChannelSession(service, server, carrier)

    @property
    def transport_name(self) -> str:
        """What its session is listed under."""
        return f"channel {self.service.name}"

    def connection_info(self) -> ConnectionInfo:
        """Describe the request that opened the connection."""
        info = self._carrier.session.info
        assert info is not None, "a channel is subscribed to over an open connection"
        return info

    def opened(self) -> None:
        """Say nothing: a client takes its subscription for granted."""

    def deliver(self, messages: list[Any]) -> None:
        """Send each message with the channel's name."""
        for message in messages:
            self._carrier.session.send(self.service.wrap(message))

    def set_held(self, held: bool) -> None:
        """Take nothing more while ``held``."""
        self.ready = not held

    def heartbeat(self) -> None:
        """Say nothing: the connection beats for all its channels."""

    def closed(self, reason: Reason) -> None:
        """Tell the client that the channel is over; the framing has no room for a reason."""
        self.ready = False
        self._carrier.forget(self)
        self._carrier.session.send(f"uns,{self.service.wire_name}")
        self.session.tell(GONE, self, reason)

    def abort(self) -> None:
        """Drop the connection: its client does not read what its channels send."""
        session = self._carrier.session
        if isinstance(session, BaseSession):
            session.end(SLOW_CONSUMER, "slow")
        else:
            session.close(*SLOW_CONSUMER)
        session.abort()
