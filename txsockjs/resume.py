"""`ResumableConnection`: a connection that survives the loss of the session that carries it.

Rules: a client that does not announce itself is served as by any `SockJSConnection`.
``docs/resume.md`` specifies the protocol.
"""

from __future__ import annotations

from typing import Any, ClassVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred

from ._kinds import SECONDS, Unfit
from .actors.connection import SockJSConnection, check_callbacks
from .actors.deadlines import Deadline
from .actors.info import ConnectionInfo
from .actors.interfaces import SessionForConnection
from .actors.states import ATTACH, EXPIRE
from .errors import RequestError, SettingsError
from .transports.resuming.bridge import Bridge
from .transports.resuming.far import Far
from .transports.resuming.receiver import ResumedReceiver
from .transports.resuming.server import ResumeServer, node_of
from .transports.resuming.session import ResumableSession
from .wire import resumption as wire

__all__ = ["ResumableConnection"]

#: The query argument with which a client announces itself, and its value.
ARGUMENT, VERSION = "resume", "1"


class ResumableConnection(SockJSConnection):
    """A connection whose client can lose its network, come back, and miss nothing.

    The object waits ``resume_for`` seconds for its client to come back; messages sent meanwhile are
    kept, within ``send_limit``. `on_close` is called once, when it is really over. While suspended,
    it counts towards ``max_sessions`` and stays in its rooms.
    """

    #: How long a client may be away, in seconds.
    resume_for: float = 60.0

    _servers: ClassVar[WeakValueDictionary[int, ResumeServer]] = WeakValueDictionary()

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls._servers = WeakValueDictionary()
        check_callbacks(cls, {"on_suspend": "", "on_resume": "info"})
        try:
            SECONDS.check(cls.resume_for)
        except Unfit as unfit:
            raise SettingsError(
                f"{cls.__name__}.resume_for must be {SECONDS.rule}, not {unfit.culprit!r}"
            ) from None

    def __new__(cls, session: SessionForConnection) -> Any:
        """Make a connection, or a `Carrier` for a client that announced itself."""
        is_carried = isinstance(session, ResumableSession) or getattr(session, "channel", None)
        if not is_carried and announced(session.info):
            return Carrier(session, cls)
        return super().__new__(cls)

    # -- callbacks

    def on_suspend(self) -> object:
        """Handle the loss of the client; it may come back."""

    def on_resume(self, info: ConnectionInfo) -> object:
        """Handle the return of the client, over a new connection that ``info`` describes."""

    def _resumed(self) -> object:
        # `info` is looked up late, so that queued calls do not hold the requests of a client that
        # comes back again and again.
        return self.on_resume(self.info)

    @classmethod
    def server_of(cls, router: Any) -> ResumeServer:
        """Return the server of this class's sessions on a router."""
        server = cls._servers.get(id(router))
        if server is None:
            server = cls._servers[id(router)] = ResumeServer(router)
            if router.bus is not None:
                server.connect(Bridge(router.bus, router.prefix, server))
        return server


class Carrier(SockJSConnection):
    """The connection of a session that carries a resumable session."""

    def __init__(self, session: SessionForConnection, carried: type[ResumableConnection]) -> None:
        super().__init__(session)
        self._carried = carried
        carrier: Any = session  # the whole session, not only what a connection sees
        self._carrier = carrier
        self._server = carried.server_of(session.server)
        self._receiver: ResumedReceiver | None = None
        self._far: Far | None = None  # if the session it carries is on another node
        self._deadline: Deadline | None = None

    def on_open(self, info: ConnectionInfo) -> None:
        """Give the client some time to say what it wants."""
        server = self.session.server
        seconds = server.settings.request_timeout
        self._deadline = Deadline(server.reactor, seconds, self._give_up)

    def on_message(self, message: Any) -> Deferred[None] | None:
        """Do what the client says."""
        if not isinstance(message, str):
            self._refuse(wire.BadEnvelope("a resumable connection has text only"))
            return None
        receiver = self._receiver
        if receiver is not None and message[:1] == wire.MESSAGE:
            # Nearly all messages are of this kind, so this is the shortest way.
            room: Deferred[None] | None = receiver.session.take_message(receiver, message[1:])
            return room
        try:
            if self._far is not None:
                return self._far.said(message)
            said = wire.read(message)
            if receiver is not None:
                return receiver.take(said)
            self._begin(said)
        except wire.Refused as refused:
            self._refuse(refused)
        return None

    def on_close(self) -> None:
        """Suspend the resumable session; end it if the server stops."""
        self._stop_waiting()
        cause = self._carrier.cause
        # Somebody, such as an operator, closed the carrying session and meant this one.
        reason = self._carrier.close_reason if cause == "application" else None
        far, self._far = self._far, None
        if far is not None:
            far.lost(reason)
        receiver, self._receiver = self._receiver, None
        if receiver is None or not receiver.session.is_carried_by(receiver):
            return
        session = receiver.session
        if cause == "shutdown":
            session.stop(self._carrier.close_reason)
            session.handle(EXPIRE)
            return
        if reason is not None:
            session.end(reason)
        session.carrier_lost(receiver)

    def _begin(self, said: wire.Said) -> None:
        if said.letter == wire.NEW:
            self._start(wire.STARTED)
        elif said.letter == wire.RESUME:
            session = self._server.find(said.text)
            bridge, node = self._server.bridge, node_of(said.text)
            if session is not None:
                receiver = ResumedReceiver(self._carrier, session)
                session.resume(receiver, said.number)
                self._attached(receiver)
            elif bridge is not None and bridge.reaches(node):
                self._stop_waiting()
                self._far = bridge.resume(self, node, said.text, said.number)
            else:
                self._start(wire.FRESH)
        else:
            raise wire.BadEnvelope("it neither begins nor resumes")

    def absent(self) -> None:
        """Begin a new session, because the one to resume is gone."""
        self._far = None
        if not self.is_closed:
            self.session.server.scheduler.turn(self._start, wire.FRESH)

    def _start(self, letter: str) -> None:
        try:
            self._server.admit(self._carrier.info)
        except RequestError as error:
            router = self._carrier.server
            router.stats.refused(error.kind)
            router.refusals.note(error)
            self._refuse(wire.Refused(error.wording))
            return
        session = ResumableSession(self._carried, self._server, self._carried.resume_for)
        receiver = ResumedReceiver(self._carrier, session)
        self.send(letter + session.token.text)
        self._attached(receiver)
        session.handle(ATTACH, receiver)

    def _attached(self, receiver: ResumedReceiver) -> None:
        self._stop_waiting()
        self._receiver = receiver

    def _give_up(self) -> None:
        self._refuse(wire.BadEnvelope("it said nothing"))

    def _refuse(self, refused: wire.Refused) -> None:
        self._stop_waiting()
        self._carrier.end(refused.reason, refused.cause)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def announced(info: ConnectionInfo | None) -> bool:
    """Return whether a client announced that it can resume."""
    return info is not None and info.get_argument(ARGUMENT) == VERSION
