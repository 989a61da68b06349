"""`MultiplexConnection`: many services over one connection, for clients of websocket-multiplex.

The framing is ``sub,name``, ``msg,name,payload`` and ``uns,name``, with the name as JavaScript's
``escape`` writes it. Other messages are ignored, as other servers of this framing do.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from .actors.awaiting import finished
from .actors.connection import SockJSConnection, check_class
from .actors.interfaces import SessionForConnection
from .errors import SettingsError
from .factory import Given, Keywords, RouterResource, merged_options
from .protocols.connection import ProtocolFactory, connection_class
from .router import SockJSRouter
from .transports.channel import ChannelReceiver, ChannelServer, Service
from .wire.publication import wire_name
from .wire.text import checked_encoding

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Services:
    """The services of one multiplexing class, by name."""

    def __init__(self, channels: Mapping[str, type[SockJSConnection]]) -> None:
        self._services: dict[str, Service] = {}
        # By the id of their router. Servers keep their router alive, and sessions keep their
        # server.
        self._servers: WeakValueDictionary[int, ChannelServer] = WeakValueDictionary()
        for name, connection in channels.items():
            self.add(name, connection)

    def add(self, name: str, connection: type[SockJSConnection]) -> None:
        """Serve a `SockJSConnection` class to clients that subscribe to ``name``."""
        if not isinstance(name, str) or not name:
            raise SettingsError(f"a channel's name must be a str that is not empty, not {name!r}")
        if not (isinstance(connection, type) and issubclass(connection, SockJSConnection)):
            raise SettingsError(
                f"channel {name} must be served by a subclass of SockJSConnection, "
                f"not {connection!r}"
            )
        check_class(connection)
        if wire_name(name) in self._services:
            raise SettingsError(f"a channel can be added once, {name} is there twice")
        self._services[wire_name(name)] = Service(name, connection)

    def get(self, name: str) -> Service | None:
        """Return the service of this name, as a client writes it."""
        return self._services.get(name)

    @property
    def connections(self) -> list[type[SockJSConnection]]:
        """The classes that are served, each once."""
        return list(dict.fromkeys(each.connection for each in self._services.values()))

    def server_for(self, router: Any) -> ChannelServer:
        """Return the server of the channels carried by a router's sessions."""
        server = self._servers.get(id(router))
        if server is None:
            server = self._servers[id(router)] = ChannelServer(router)
        return server


@implementer(IPushProducer)
class MultiplexConnection(SockJSConnection):
    """A connection that carries the channels its client subscribes to.

    A subclass names them in ``channels``, which maps each name to a `SockJSConnection` class; each
    subscription makes an instance. It may override ``on_open`` to admit or refuse the whole
    connection.
    """

    channels: Mapping[str, type[SockJSConnection]] = {}
    _services = Services({})

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls._services = Services(cls.channels)

    @classmethod
    def get(cls, **channels: type[SockJSConnection]) -> type[MultiplexConnection]:
        """Make a subclass with these channels."""
        return type(cls.__name__, (cls,), {"channels": channels})

    def __init__(self, session: SessionForConnection) -> None:
        super().__init__(session)
        self._server = self._services.server_for(session.server)
        self._subscribed: dict[str, ChannelReceiver] = {}
        self._leaving: dict[str, Deferred[None]] = {}
        self._watching = False
        self.held = False

    # -- told by the server

    @classmethod
    async def on_start(cls, router: Any) -> None:
        """Start the classes of all channels; if one fails, stop those already started."""
        started: list[type[SockJSConnection]] = []
        try:
            for connection in cls._services.connections:
                await finished(connection.on_start, router)
                started.append(connection)
        except BaseException:
            for connection in reversed(started):
                await finished(connection.on_stop, router)
            raise

    @classmethod
    async def on_stop(cls, router: Any) -> None:
        """Stop the classes of all channels, in reverse order."""
        for connection in reversed(cls._services.connections):
            await finished(connection.on_stop, router)

    # -- told by the session

    def on_message(self, message: str | bytes) -> Deferred[None] | None:
        """Pass a message on to the channel that it names.

        The client's next message waits only if that channel's mailbox is over its limit, or if the
        client subscribes again to a channel that it left and that is not done yet.
        """
        if not isinstance(message, str):
            return None
        kind, _, rest = message.partition(",")
        name, _, payload = rest.partition(",")
        channel = self._subscribed.get(name)
        if channel is None:
            if kind == "sub":
                return self._subscribe(name)
        elif kind == "msg":
            return channel.session.received(payload)
        elif kind == "uns":
            channel.session.lost(channel)
            self.forget(channel)
        return None

    def on_close(self) -> None:
        """End all channels with the reason for which the connection ended."""
        channels, self._subscribed = self._subscribed, {}
        for channel in channels.values():
            channel.session.lost(channel, self.close_reason)

    def _subscribe(self, name: str) -> Deferred[None] | None:
        service = self._services.get(name)
        if service is None:
            # Otherwise the client would wait for ever: the framing has no other refusal.
            self.send(f"uns,{name}")
            return None
        leaving = self._leaving.pop(name, None)
        if leaving is not None:
            # Otherwise a client could leave any number of channels with unhandled messages behind.
            return leaving.addCallback(lambda _: self._subscribe(name))
        channel = self._subscribed[name] = ChannelReceiver(service, self._server, self)
        channel.session.subscribed(channel)
        return None

    # -- told by the channels

    def watch(self) -> None:
        """Pause the channels' producers from now on whenever the client reads too slowly."""
        if not self._watching:
            self._watching = True
            self.register_producer(self, True)

    def forget(self, channel: ChannelReceiver) -> None:
        """Note that a channel ended."""
        name = channel.service.wire_name
        if self._subscribed.get(name) is channel:
            del self._subscribed[name]
            leaving = channel.session.done()
            if leaving is not None:
                self._leaving[name] = leaving

    # -- told by the session, as a producer

    def pauseProducing(self) -> None:
        """Pause the channels' producers."""
        self.held = True
        for channel in list(self._subscribed.values()):
            channel.session.hold()

    def resumeProducing(self) -> None:
        """Resume the channels' producers."""
        self.held = False
        for channel in list(self._subscribed.values()):
            channel.session.resume()

    def stopProducing(self) -> None:
        """Do nothing: each channel stops its producer when it ends."""


class SockJSMultiplexResource(RouterResource):
    """A resource whose clients subscribe to the services added to it.

    ``options`` and the keywords are those of `SockJSResource`. ``router`` holds the sessions.
    """

    def __init__(
        self, options: Given = None, *, reactor: Any = None, **keywords: Unpack[Keywords]
    ) -> None:
        options, settings = merged_options(options, keywords)
        self._fallback = checked_encoding(settings.pop("fallback_encoding", None))
        connection = MultiplexConnection.get()
        self._services = connection._services
        super().__init__(SockJSRouter(connection, "", options, reactor, **settings))

    def addConnection(self, name: str, connection: type[SockJSConnection]) -> None:
        """Serve a `SockJSConnection` class to clients that subscribe to ``name``."""
        self._services.add(name, connection)

    def addFactory(self, name: str, factory: ProtocolFactory) -> None:
        """Serve an ordinary Twisted factory; each subscription is a connection to it.

        The factory is started when the reactor runs and stopped by `close`.
        """
        self._services.add(name, connection_class(factory, self._fallback))
        self.start(factory)
