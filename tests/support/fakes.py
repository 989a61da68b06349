"""Doubles for unit tests: a server without sockets, a receiver and a connection that record.

`make_session` gives a session with all of them on a `Clock`; `settle` checks that a test leaves
nothing behind.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorFDSet
from twisted.internet.task import Clock
from zope.interface import implementer

from txsockjs import SockJSConnection
from txsockjs.actors.heartbeat import Starter
from txsockjs.actors.info import ConnectionInfo
from txsockjs.actors.interfaces import INTERRUPTED
from txsockjs.actors.registry import SessionContainer
from txsockjs.actors.rooms import Rooms
from txsockjs.actors.scheduler import Scheduler
from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import ATTACH, DRAINED, FULL, GONE
from txsockjs.settings import Settings
from txsockjs.stats import StatsCollector

INFO = ConnectionInfo("192.0.2.1", {}, {}, {}, "/echo/000/abc/xhr", "xhr")


@implementer(IReactorFDSet)
class Reactor(Clock):
    """A clock that real transports run on; it notes who waits to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def addReader(self, reader: Any) -> None:
        """Nobody reads here."""

    def removeReader(self, reader: Any) -> None:
        """Nobody reads here."""


@implementer(IPushProducer)
class Producer:
    """A producer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class FakeServer:
    """What a session needs of a router."""

    def __init__(self, **settings: Any) -> None:
        self.reactor = Clock()
        self.settings = Settings(**settings)
        self.stats = StatsCollector(self.reactor)
        self.scheduler = Scheduler(self.reactor, self.settings.immediate_flush)
        self.rooms = Rooms(self.scheduler)
        self.starter = Starter(float("inf"))  # nobody sweeps here: timers start at once
        self.sessions = SessionContainer(self.reactor.seconds)
        self.closing = False
        self.leaving: set[object] = set()

    def ended(self, session: Any) -> None:
        self.stats.session_ended(session)

    def enter(self, application: object) -> None:
        self.leaving.add(application)

    def leave(self, application: object) -> None:
        self.leaving.discard(application)


class FakeReceiver:
    """Records what a session tells it, as short strings.

    ``room`` is how many frames it takes before it is full, as a poll (1) or a stream is.
    """

    transport_name = "xhr_streaming"

    def __init__(self, room: int = 1000000) -> None:
        self.heard: list[str] = []
        self.delivered: list[Any] = []
        self.session: BaseSession | None = None
        self.room = room
        self.ready = True
        self.aborted = False

    def attach(self, session: BaseSession) -> FakeReceiver:
        self.session = session
        session.tell(ATTACH, self)
        return self

    def connection_info(self) -> ConnectionInfo:
        return INFO

    def opened(self) -> None:
        self._frame("o")

    def deliver(self, messages: list[Any]) -> None:
        self.delivered.extend(messages)
        self._frame("a" + ",".join(str(message) for message in messages))

    def heartbeat(self) -> None:
        self._frame("h")

    def closed(self, reason: tuple[int, str]) -> None:
        self.ready = False
        self.heard.append(f"c{reason[0]} {reason[1]}")

    def abort(self) -> None:
        self.ready = False
        self.aborted = True

    def _frame(self, frame: str) -> None:
        assert self.ready, f"{frame} was sent to a receiver that is not ready"
        self.heard.append(frame)
        self.room -= 1
        if self.room == 0:
            self.ready = False
            assert self.session is not None
            self.session.tell(FULL, self)

    # -- what the network does

    def stall(self) -> None:
        self.ready = False

    def drain(self) -> None:
        assert self.session is not None
        self.ready = True
        self.session.tell(DRAINED, self)

    def vanish(self) -> None:
        assert self.session is not None
        self.ready = False
        self.session.tell(GONE, self, INTERRUPTED)


class Recorder(SockJSConnection):
    """An application that notes its callbacks, and does what a test told it to do in them."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.calls: list[Any] = []
        session.server.recorder = self

    def on_open(self, info: ConnectionInfo) -> Any:
        self.calls.append("open")
        return self.react("open", info)

    def on_message(self, message: Any) -> Any:
        self.calls.append(message)
        return self.react("message", message)

    def on_event(self, event: Any) -> Any:
        self.calls.append(("event", event))
        return self.react("event", event)

    def on_close(self) -> Any:
        self.calls.append("close")
        return self.react("close", None)

    def react(self, what: str, argument: Any) -> Any:
        reaction = getattr(self.session.server, "on_" + what, None)
        return None if reaction is None else reaction(self, argument)


def make_session(
    kind: type[BaseSession] = Session, server: FakeServer | None = None, **settings: Any
) -> Any:
    """Return (session, server); ``server.recorder`` is the connection once it is open."""
    server = server or FakeServer(**settings)
    session = kind(Recorder, server, expiry=server.settings.disconnect_delay)
    server.sessions.add(session)
    return session, server


def open_session(kind: type[BaseSession] = Session, room: int = 1000000, **settings: Any) -> Any:
    """Return (session, server, receiver) with the receiver attached and the session open."""
    session, server = make_session(kind, **settings)
    receiver = FakeReceiver(room).attach(session)
    return session, server, receiver


def settle(server: FakeServer) -> None:
    """Let all time pass that a session may need to go, and check that nothing is left."""
    for session in server.sessions:
        session.close()
    for _ in range(100):
        server.reactor.advance(server.settings.disconnect_delay)
        server.sessions.expire()
        for session in server.sessions:
            receiver = session._receiver
            if receiver is not None:
                receiver.vanish()
    assert len(server.sessions) == 0
    assert server.leaving == set()
    assert server.stats.sessions_active == 0
    assert server.reactor.getDelayedCalls() == []
