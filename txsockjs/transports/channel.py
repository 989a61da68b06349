"""Channels: sessions whose transport is another session, in the framing of websocket-multiplex.

Rules: a channel is a session like any other, with the same mailbox, supervision and output. It has
no timer, because its carrier sends heartbeats. A client that does not read ends the carrier, not a
channel.
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
    """What a channel needs from the connection that carries it."""

    @property
    def session(self) -> SessionForConnection:
        """The session of the whole connection."""
        ...

    @property
    def held(self) -> bool:
        """Whether producers must wait for the client."""

    def watch(self) -> None:
        """Pause the channels' producers from now on whenever the client reads too slowly."""

    def forget(self, channel: ChannelReceiver) -> None:
        """Note that a channel ended."""


class Service:
    """What one name serves: a connection class, with an instance for each subscription."""

    __slots__ = ("_last", "_wrapped", "connection", "name", "wire_name")

    def __init__(self, name: str, connection: type[SockJSConnection]) -> None:
        self.name = name
        self.connection = connection
        self.wire_name = wire_name(name)
        self._last: Message | None = None
        self._wrapped = Message()

    def wrap(self, message: str) -> str:
        """Return the message in its frame; for a broadcast, the same object, encoded once."""
        if type(message) is not Message:
            return f"msg,{self.wire_name},{message}"
        if message is not self._last:
            self._last, self._wrapped = message, Message(f"msg,{self.wire_name},{message}")
        return self._wrapped


class ChannelServer:
    """Stands in for a router, for the channels carried by that router's sessions."""

    def __init__(self, router: RouterForSessions) -> None:
        self._router = router
        # The rate of messages is limited in the carrying session, which brings them.
        self.settings: Settings = router.settings.without_rate
        self.scheduler: Scheduler = router.scheduler
        self.reactor: IReactorTime = router.reactor
        self.starter: Starter = router.starter
        self.sessions = SessionContainer(router.reactor.seconds)  # empty: none are found by id
        self.stats: StatsCollector = router.stats
        self.rooms: Rooms = router.rooms
        self._leaving: dict[object, Deferred[None]] = {}

    @property
    def closing(self) -> bool:
        """Whether the router is closing."""
        return self._router.closing

    def ended(self, session: object) -> None:
        """Do nothing: only the sessions that carry channels are counted."""

    def enter(self, application: Ending) -> None:
        """Make the closing router wait for this application."""
        self._leaving[application] = Deferred()
        self._router.enter(application)

    def leave(self, application: Ending) -> None:
        """Note that this application's last callback is done; fires the Deferred of `done`."""
        self._router.leave(application)
        leaving = self._leaving.pop(application, None)
        if leaving is not None:
            leaving.callback(None)

    def done(self, application: object) -> Deferred[None] | None:
        """Return a Deferred that fires when this ending application is done; otherwise None."""
        return self._leaving.get(application)


class ChannelSession(BaseSession):
    """The session of one subscription; ``carrier`` is the connection that carries it.

    ``channel`` is the name of its service, as clients write it: each service has its own rooms.
    """

    __slots__ = ("carrier", "channel")
    counted = False  # its messages are counted in the session that carries it
    server: ChannelServer

    def __init__(
        self, service: Service, server: ChannelServer, carrier: ConnectionForChannels
    ) -> None:
        super().__init__(service.connection, server)
        self.carrier = carrier
        self.channel = service.wire_name

    def check_sendable(self, message: object) -> None:
        """Raise a `TypeError` that says what can be sent here, unless ``message`` can."""
        if not isinstance(message, str):
            raise unsendable(message, "str on a channel")

    def begin(self) -> None:
        """Do nothing: the session that carries it is counted and sends heartbeats."""

    def register_producer(
        self, producer: Any, streaming: bool, resumed: Callable[[], object] | None = None
    ) -> None:
        """Pause and resume ``producer`` as the client reads."""
        if not self.is_closed:
            self.carrier.watch()
            # Before the producer is asked for anything.
            self._set_held(self.carrier.held)
        super().register_producer(producer, streaming, resumed)
        if self.carrier.held:
            self.hold()

    def unregister_producer(self) -> None:
        """Forget the producer; its messages wait no longer."""
        super().unregister_producer()
        self.resume()

    def abort(self) -> None:
        """End only this channel, without sending what waits for the client."""
        self._drop_pending()
        self._set_held(False)
        self.end(GO_AWAY)

    # -- told by the carrier, in its turn

    def subscribed(self, receiver: ChannelReceiver) -> None:
        """Open the channel."""
        self.handle(ATTACH, receiver)

    def received(self, payload: str) -> Deferred[None] | None:
        """Take a message; return a Deferred if the client must wait before the next one."""
        self.handle(RECEIVED, [payload])
        return self.room()

    def lost(self, receiver: ChannelReceiver, reason: Reason | None = UNSUBSCRIBED) -> None:
        """End, because the client unsubscribed or its connection ended for another reason."""
        self.handle(GONE, receiver, reason or GO_AWAY)

    def done(self) -> Deferred[None] | None:
        """Return a Deferred for the end of its application; None if it is done or not ending."""
        return self.server.done(self._application)

    def hold(self) -> None:
        """Hold a producer's messages; all others go to the carrier, where they are counted."""
        if self._production is not None:
            self._set_held(True)
            self._pause_or_resume(False)

    def resume(self) -> None:
        """Pass messages to the carrier again."""
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
        """The transport under which its session is listed."""
        return f"channel {self.service.name}"

    def connection_info(self) -> ConnectionInfo:
        """Describe the request that opened the connection."""
        info = self._carrier.session.info
        assert info is not None, "a channel is subscribed to over an open connection"
        return info

    def opened(self) -> None:
        """Do nothing: the framing has no answer to a subscription."""

    def deliver(self, messages: list[Any]) -> None:
        """Send each message with the channel's name."""
        for message in messages:
            self._carrier.session.send(self.service.wrap(message))

    def set_held(self, held: bool) -> None:
        """Take no messages while ``held``."""
        self.ready = not held

    def heartbeat(self) -> None:
        """Do nothing: the connection sends heartbeats for all its channels."""

    def closed(self, reason: Reason) -> None:
        """Tell the client that the channel is over; the framing has no room for a reason."""
        self.ready = False
        self._carrier.forget(self)
        self._carrier.session.send(f"uns,{self.service.wire_name}")
        self.session.tell(GONE, self, reason)

    def abort(self) -> None:
        """Drop the connection, because its client does not read."""
        session = self._carrier.session
        if isinstance(session, BaseSession):
            session.end(SLOW_CONSUMER, "slow")
        else:
            session.close(*SLOW_CONSUMER)
        session.abort()
