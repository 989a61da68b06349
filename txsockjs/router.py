"""`SockJSRouter`: the SockJS URLs under one prefix, and what their sessions share.

Rules: two routers share nothing; a router takes time and thread from its reactor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .actors.awaiting import finished
from .actors.closing import Closing
from .actors.connection import SockJSConnection, check_class
from .actors.deadlines import Sweep
from .actors.draining import Drain
from .actors.heartbeat import Starter
from .actors.info import ConnectionInfo
from .actors.interfaces import GO_AWAY, Client, Sendable
from .actors.outbox import broadcast
from .actors.pace import Pace
from .actors.registry import SessionContainer
from .actors.rooms import Room, Rooms
from .actors.scheduler import Scheduler
from .actors.session import BaseSession, Session
from .cluster.bus import Bus
from .cluster.relay import Relay
from .cluster.rooms import RoomsOfNodes
from .errors import Overloaded, SettingsError
from .http.client_limits import ClientLimits
from .http.exchange import Exchange
from .http.page import Page
from .http.prefix import check_prefix
from .http.refusals import RefusalLog
from .server import routes
from .settings import Settings, SettingsKeywords
from .stats import StatsCollector
from .transports.urls import Url, Urls
from .transports.websocket.upgrade import Sockets
from .wire.publication import wire_name

if TYPE_CHECKING:
    from klein import Klein
    from klein.resource import KleinResource
    from typing_extensions import Unpack

_log = Logger()

# How many sessions one turn expires, or gives their timer.
_MOST_AT_ONCE = 512


class SockJSRouter:
    """Serve a connection class under a prefix, with its settings and its sessions.

    ``prefix`` is a literal path such as ``/chat``, where `resource` and `apply_routes` serve it.
    Pass settings as a `Settings` or a mapping, single ones as keywords; wrong ones raise
    `SettingsError`. ``reactor`` defaults to the global one. ``bus`` connects this router with the
    routers at the same prefix on other nodes; a `SockJSService` starts and stops the bus.
    """

    session_class: type[Session] = Session
    socket_session_class: type[BaseSession] = BaseSession

    def __init__(
        self,
        connection: type[SockJSConnection],
        prefix: str = "",
        settings: None | Settings | Mapping[str, object] = None,
        reactor: Any = None,  # to type checkers, the global one is a module
        bus: Bus | None = None,
        **overrides: Unpack[SettingsKeywords],
    ) -> None:
        if reactor is None:
            # Importing Klein installs one, unless the program has already.
            from twisted.internet import reactor  # noqa: PLC0415
        check_class(connection)
        self.prefix = check_prefix(prefix)
        self.settings = Settings.merged(settings, overrides)
        self.reactor = reactor
        self.stats = StatsCollector(reactor)
        self.scheduler = Scheduler(reactor, self.settings.immediate_flush)
        self.rooms = Rooms(self.scheduler)
        # A session whose client never comes again needs no timer for its heartbeats.
        self.starter = Starter(self.settings.session_check_interval, self.settings.disconnect_delay)
        #: Resumable sessions without a connection here: the client is away, or on another node.
        self.suspended: set[Any] = set()
        self._end = Closing(self, self._stop, self.suspended)
        self.enter = self._end.enter
        self.leave = self._end.leave
        # Looked up on each call: the program may choose monotonic time later.
        clock = lambda: reactor.seconds()  # noqa: E731, PLW0108
        self.sessions = SessionContainer(clock, self._emptied, self._forget)
        self.closing = False
        self.leaving = False  # closing, or about to
        self._drain: Drain | None = None
        self.refusals = RefusalLog(self, self.settings, clock, self._run)
        self.refused_origins: set[str | None] = set()
        #: Called with each opened session when it is over, with its ``cause``, ``close_reason``,
        #: ``info`` and message counts set.
        self.end_observers: list[Callable[[BaseSession], object]] = []
        self.client_limits: ClientLimits | None = None
        if self.settings.limits_clients:
            limits = self.client_limits = ClientLimits(self.settings, clock)
            self.end_observers.append(lambda session: limits.ended(session.session_id))
        self.sockets = Sockets(self, self._make_socket_session)
        urls = Urls(self)
        self.urls: list[Url] = urls.table
        self.pages: Mapping[str, Page] = urls.pages
        self.app = self.apply_routes(routes.application())
        self._connection = connection
        self.started = False  # whether `start` is done, and `stop` was not called
        self._sweep = Sweep(reactor, self._expire)
        self.bus: Bus | None = None
        self.relay: Relay | None = None
        if bus is not None:
            self.join_bus(bus)

    def __repr__(self) -> str:
        return f"<SockJSRouter {self._connection.__name__} at {self.prefix or '/'}>"

    # -- composition

    def resource(self) -> KleinResource:
        """Return a resource that serves ``prefix`` and everything under it, wherever you put it."""
        return routes.Root(self)

    def apply_routes(self, app: Klein) -> Klein:
        """Add this router's URLs to a Klein application, and return the application."""
        for url in self.urls:
            if self.prefix or url.pattern:  # without a prefix, "" and "/" are the same path
                routes.add(app, self.prefix, url)
        return app

    def join_bus(self, bus: Bus) -> None:
        """Connect with the routers at the same prefix on the other nodes of a bus.

        Raises `SettingsError` if this router is on another bus already, or if this bus already has
        a router at its prefix.
        """
        if self.bus is not None:
            raise SettingsError(f"{self!r} is on a bus already")
        try:
            self.relay = Relay(self, bus)
            self.rooms.connect(RoomsOfNodes(bus, self.prefix, self.rooms, self.reactor))
        except ValueError:
            raise SettingsError(f"another router is on this bus at {self.prefix or '/'}") from None
        self.bus = bus

    # -- what applications ask

    def get_connection_class(self) -> type[SockJSConnection]:
        """Return the connection class."""
        return self._connection

    def get_session(self, session_id: str) -> BaseSession | None:
        """Return the session with this id, or None.

        Sessions of polling and streaming transports have their id in the URL. A websocket's session
        has a generated id, at ``connection.session.session_id``.
        """
        return self.sessions.get(session_id)

    def broadcast(self, clients: Iterable[Client], message: Sendable) -> None:
        """Send one message to many connections, encoding it once."""
        broadcast(self.scheduler, clients, message)

    def room(self, name: str, channel: str = "") -> Room:
        """Return a room, to send to its members or to ask who they are.

        ``channel`` is the name of a multiplexed channel; each channel has its own rooms. Raises
        `TypeError` or `ValueError` if ``name`` can't be the name of a room.
        """
        return self.rooms.room(name, wire_name(channel))

    # -- sessions

    def ended(self, session: BaseSession) -> None:
        """Count the end of an opened session, and call the observers of ends."""
        self.stats.session_ended(session)
        for observe in self.end_observers:
            try:
                observe(session)
            except BaseException:  # noqa: BLE001
                _log.failure("an observer of ends failed at {session!r}", session=session)

    def admit(self, exchange: Exchange) -> None:
        """Raise a `RequestError` if this request may not open a new session.

        That is `Overloaded` if nobody may open one. Suspended sessions do not count here: this may
        be the client of one, coming back.
        """
        limit = self.settings.max_sessions
        if self.leaving:
            raise Overloaded()
        if self.client_limits is not None:
            self.client_limits.check(exchange)
        if limit is not None and len(self.sessions) >= limit:
            raise Overloaded("max_sessions")

    def make_session(self, session_id: str, info: ConnectionInfo) -> Session:
        """Make and register the session of an HTTP transport, for a request that was admitted."""
        expiry = self.settings.disconnect_delay
        session = self.session_class(self._connection, self, session_id, expiry)
        self._add(session, info)
        return session

    def _make_socket_session(self, info: ConnectionInfo) -> BaseSession:
        session = self.socket_session_class(self._connection, self)
        self._add(session, info)
        return session

    def _add(self, session: BaseSession, info: ConnectionInfo) -> None:
        self.sessions.add(session)
        if self.client_limits is not None:
            self.client_limits.opened(session.session_id, info.ip)
        if not self._sweep.running:  # checked here too, to spare each new session the call
            self._run()

    def _run(self) -> None:
        """Do the periodic work, and stop when there is nothing left to do."""
        if not self._sweep.running:
            self.stats.start()
            self._sweep.start(self.settings.session_check_interval)

    def _expire(self, until: float) -> bool:
        pace = Pace(_MOST_AT_ONCE)
        may_expire = self.relay is None or self.relay.may_expire
        if (may_expire and self.sessions.expire(until, pace)) or self.starter.sweep(until, pace):
            return True
        self.refusals.flush()
        if self.client_limits is not None:
            self.client_limits.sweep()
        if not (self.sessions or self.starter.waiting) and self.stats.idle:
            self._stop()
        return False

    def _emptied(self) -> None:
        if self._drain is not None:
            self._drain.stop()
        self._end.check()

    def _forget(self, session_id: str) -> None:
        if self.relay is not None:
            self.relay.forget(session_id)
        if self.client_limits is not None:
            self.client_limits.ended(session_id)  # needed if it was never opened

    def _stop(self) -> None:
        self.stats.stop()
        self._sweep.stop()
        self.refusals.flush(last=True)

    # -- the beginning and the end

    async def start(self) -> None:
        """Call the connection class's ``on_start``, and raise what it raises.

        A `SockJSService` calls this and `stop`; without one, call them yourself.
        """
        await finished(self._connection.on_start, self)
        self.started = True

    async def stop(self) -> None:
        """Call the connection class's ``on_stop``, if its ``on_start`` has finished."""
        if self.started:
            self.started = False
            await finished(self._connection.on_stop, self)

    def drain(
        self, seconds: float, code: int = GO_AWAY[0], reason: str = GO_AWAY[1]
    ) -> Deferred[None]:
        """Refuse new sessions, end existing ones evenly over ``seconds``; fire after the last.

        The sessions that are left are served meanwhile. Call `close` afterwards.
        """
        self.leaving = True
        if self._drain is None:
            sessions = [session for session in self.sessions if not session.is_closed]
            self._drain = Drain(self.reactor, sessions, seconds, (code, reason))
        return self._drain.done

    def close(
        self, code: int = GO_AWAY[0], reason: str = GO_AWAY[1], patience: float | None = None
    ) -> Deferred[None]:
        """Refuse new sessions, close the existing ones, and fire when none is left.

        Each session gets its close frame. Each application still handles what its client has sent,
        then gets its ``on_close``. After ``patience`` seconds (default: ``disconnect_delay`` plus
        ``ping_timeout``) what is left is dropped, counted and logged, callbacks that still await
        are cancelled, and ``on_close`` is called at once.
        """
        if patience is None:
            patience = self.settings.disconnect_delay + self.settings.ping_timeout
        self.closing = self.leaving = True
        if self._drain is not None:
            self._drain.stop()
        return self._end.close((code, reason), patience)
