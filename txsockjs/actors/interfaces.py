"""The interfaces between sessions, receivers and routers, and the reasons of ends.

Rules: names only, no behaviour. A session tells its receiver what happened (opened, messages,
heartbeat, closed), and never a frame; a receiver and the router tell a session events of `states`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, Protocol, Union

from twisted.internet.interfaces import IReactorTime

from ..settings import Settings
from ..stats import StatsCollector
from .heartbeat import Starter
from .info import ConnectionInfo
from .registry import SessionContainer
from .rooms import Rooms
from .scheduler import Scheduler

Reason = tuple[int, str]
Sendable = Union[str, bytes]

GO_AWAY: Reason = (3000, "Go away!")
INTERRUPTED: Reason = (1002, "Connection interrupted")
ANOTHER_RECEIVER: Reason = (2010, "Another connection still open")
SLOW_CONSUMER: Reason = (1008, "Slow consumer")
INTERNAL_ERROR: Reason = (1011, "Internal error")
TIMED_OUT: Reason = (1006, "Session timed out")
NODE_GONE: Reason = (1001, "Node gone")


class Receiver(Protocol):
    """The end of a transport at which a session's output arrives.

    It tells its session FULL, DRAINED and GONE. Only the receiver writes its ``ready``.
    """

    @property
    def transport_name(self) -> str:
        """The transport under which its session is counted."""
        ...

    @property
    def ready(self) -> bool:
        """False while it is full, or while its peer reads more slowly than the session writes."""
        ...

    def connection_info(self) -> ConnectionInfo:
        """Describe the request of this receiver."""
        ...

    def opened(self) -> None:
        """Tell the client that the session is new and open."""

    def deliver(self, messages: list[str | bytes]) -> None:
        """Send these messages to the client, in order."""

    def heartbeat(self) -> None:
        """Send a heartbeat, to keep the connection from being silent for too long."""

    def closed(self, reason: Reason) -> None:
        """Tell the client that the session is over, and end."""

    def abort(self) -> None:
        """Drop the connection: the session is over and the client won't hear it."""


class Ending(Protocol):
    """An application whose session is over and whose last callback is not done."""

    def stay(self) -> None:
        """Go on until it is given up."""

    def give_up(self) -> int:
        """Cancel what awaits and drop what waits, except ``on_close``; return how many."""
        ...


class RouterForSessions(Protocol):
    """What a session needs from its router."""

    @property
    def settings(self) -> Settings: ...
    @property
    def stats(self) -> StatsCollector: ...
    @property
    def scheduler(self) -> Scheduler: ...
    @property
    def reactor(self) -> IReactorTime: ...
    @property
    def starter(self) -> Starter: ...
    @property
    def sessions(self) -> SessionContainer: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def closing(self) -> bool: ...

    def ended(self, session: Any) -> None:
        """Note that an opened session is over, with its traffic and its cause known."""

    def enter(self, application: Ending) -> None:
        """Wait for this application when closing."""

    def leave(self, application: Ending) -> None:
        """Note that this application's last callback is done."""


class SessionForConnection(Protocol):
    """The part of a session that a connection, and so an application, sees.

    ``session_id`` can't be guessed; ``transport`` is the name of the transport that opened the
    session, such as ``xhr_streaming``; ``server`` is the router.
    """

    @property
    def session_id(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def server(self) -> RouterForSessions: ...
    @property
    def info(self) -> ConnectionInfo | None: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def close_reason(self) -> Reason | None: ...

    def check_sendable(self, message: object) -> None:
        """Raise a `TypeError` that says what can be sent here, unless ``message`` can."""

    def send(self, message: Sendable) -> None:
        """Queue a message for the client; it goes out when the turn ends."""

    def broadcast(self, clients: Iterable[Client], message: Sendable) -> None:
        """Send one message to many connections, encoding it once."""

    def close(self, code: int = ..., message: str = ...) -> None:
        """Send what is queued, then the close frame, and end."""

    def abort(self) -> None:
        """Drop the connection without sending what is queued."""

    def post(self, event: object) -> None:
        """Deliver an object to the application, in order with the messages."""

    # `Any`, because only type checkers that know zope.interface recognize the classes that
    # implement Twisted's IPullProducer or IPushProducer.
    def register_producer(
        self, producer: Any, streaming: bool, resumed: Callable[[], object] | None = ...
    ) -> None:
        """Pause and resume ``producer`` as the client reads (Twisted's ``IConsumer``)."""

    @property
    def producer_waits(self) -> bool:
        """Whether a producer waits for the client to read."""
        ...

    def unregister_producer(self) -> None:
        """Forget the producer."""


class Client(Protocol):
    """A connection that messages can be sent to."""

    @property
    def session(self) -> SessionForConnection:
        """The session of the connection."""
        ...
