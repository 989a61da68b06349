"""`Outbox`: the messages that a session sends, and the receiver that takes them to the client.

Rules: everything sent in a turn goes out together when the turn ends. A receiver that is not ready
gets nothing. What a client does not read counts towards ``send_limit``, and a registered producer
is paused before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, ClassVar

from twisted.logger import Logger

from ..errors import unsendable
from ..wire.limits import MESSAGE_COST, length
from ..wire.proto import JSONMessage, Message
from .interfaces import (
    INTERNAL_ERROR,
    SLOW_CONSUMER,
    Client,
    Reason,
    Receiver,
    RouterForSessions,
    Sendable,
    SessionForConnection,
)
from .producing import Production
from .states import CLOSE, SENT, Event

if TYPE_CHECKING:
    from .scheduler import Scheduler

_log = Logger()

# A turn that sends more than this is flushed while it runs; above it, a producer is paused.
_FLUSH_MARK = 64 * 1024
_NO_TRAFFIC = (0, 0, 0, 0, 0)


class Outbox:
    """The output side of a session."""

    #: Whether its messages are counted in the router's statistics. Not a method, because it is read
    #: at each flush.
    counted: ClassVar[bool] = True

    __slots__ = (
        "_dirty",
        "_pending",
        "_pending_size",
        "_production",
        "_receiver",
        "_size_out",
        "_taken",
        "bytes_in",
        "cause",
        "close_reason",
        "frames_out",
        "messages_in",
        "messages_out",
        "server",
        "transport",
    )

    def __init__(self, server: RouterForSessions) -> None:
        self.server = server
        self.transport = ""
        self.close_reason: Reason | None = None
        self._receiver: Receiver | None = None
        self._pending: list[str | bytes] = []
        self._pending_size = 0
        self._dirty = False  # whether a flush is under way
        self._production: Production | None = None
        self.cause = ""  # of the end, one of `stats.CAUSES`
        self.messages_in = self.messages_out = self.frames_out = 0
        self.bytes_in = self._size_out = 0  # _size_out includes the fixed cost of each message
        self._taken: Sequence[int] = _NO_TRAFFIC  # already added to the statistics

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended or is ending."""
        return self.close_reason is not None

    # -- implemented by subclasses

    def handle(self, event: Event, *arguments: object) -> None:
        """Handle an event."""
        raise NotImplementedError

    # -- sending

    def do_open_again(self, receiver: Receiver) -> None:
        """Tell the client, which has not heard it, that the session is open."""
        self._receiver = receiver
        receiver.opened()
        self._changed()

    def send(self, message: Sendable) -> None:
        """Queue a message for the client; it goes out when the turn ends."""
        scheduler = self.server.scheduler
        if scheduler.thread != get_ident():
            scheduler.check_thread()
        kind = type(message)
        if kind is not str and kind is not Message and kind is not JSONMessage:
            self.check_sendable(message)
            message = _plain(message)
        if self.close_reason is not None:
            self.server.stats.dropped()
            return
        self._pending.append(message)
        self._pending_size += len(message) + MESSAGE_COST
        if self._pending_size > _FLUSH_MARK:
            self._relieve()
        if not self._dirty:
            self._dirty = True
            scheduler.flush(self._flush)

    def send_all(self, messages: list[str]) -> None:
        """Queue messages in the current turn: all plain text, or all `Message` objects."""
        if self.close_reason is not None:
            self.server.stats.dropped(len(messages))
            return
        self._pending += messages
        self._pending_size += length(messages) + MESSAGE_COST * len(messages)
        if self._pending_size > _FLUSH_MARK:
            self._relieve()
        self._changed()

    def check_sendable(self, message: object) -> None:
        """Raise a `TypeError` that says what can be sent here, unless ``message`` can."""
        if isinstance(message, str):
            return
        if not isinstance(message, bytes):
            raise unsendable(message, "str or bytes")
        if self.transport != "rawwebsocket":
            raise TypeError("bytes can be sent on a raw websocket only; send str here")

    def broadcast(self, clients: Iterable[Client], message: Sendable) -> None:
        """Send one message to many connections, encoding it once."""
        broadcast(self.server.scheduler, clients, message)

    # -- producing

    def register_producer(
        self, producer: Any, streaming: bool, resumed: Callable[[], object] | None = None
    ) -> None:
        """Pause and resume ``producer`` as the client reads (Twisted's ``IConsumer``).

        ``resumed`` is called after each ``resumeProducing``.
        """
        if self._production is not None:
            raise RuntimeError("another producer is registered; unregister it first")
        if self.close_reason is not None:
            producer.stopProducing()
        else:
            self._production = Production(producer, streaming, resumed)
            self._changed()

    @property
    def producer_waits(self) -> bool:
        """Whether a producer waits for the client to read."""
        return self._production is not None and self._production.is_waiting

    def unregister_producer(self) -> None:
        """Forget the producer."""
        self._production = None

    # -- inside

    def _changed(self) -> None:
        if not self._dirty:
            self._dirty = True
            self.server.scheduler.flush(self._flush)

    def _flush(self) -> None:
        self._dirty = False
        receiver = self._receiver
        if receiver is None or not receiver.ready:
            return
        if self._pending:
            messages, self._pending = self._pending, []
            if self.counted:
                count = len(messages)
                self.server.stats.packets_sent_ps.accumulator += count
                if self.close_reason is None:  # otherwise it was counted already
                    self.messages_out += count
                    self.frames_out += 1
                    self._size_out += self._pending_size
            self._pending_size = 0
            try:
                receiver.deliver(messages)
            except BaseException:  # noqa: BLE001
                _log.failure("messages can't be sent, which ends {session!r}", session=self)
                self.handle(CLOSE, INTERNAL_ERROR, "error")
        if self._production is not None and receiver.ready:
            self._pause_or_resume(True)
        if self.close_reason is not None and receiver.ready and not self._pending:
            self.handle(SENT, receiver)

    def _count_pending(self) -> None:
        """Count what is still to go out, before anybody hears of the end."""
        self.messages_out += len(self._pending)
        self.frames_out += 1
        self._size_out += self._pending_size

    @property
    def bytes_out(self) -> int:
        """How many characters of text, or bytes of binary messages, were sent."""
        return self._size_out - self.messages_out * MESSAGE_COST

    def take_traffic(self) -> Sequence[int]:
        """Return the traffic since the last call, as `stats.Traffic.add` takes it."""
        before = self._taken
        self._taken = now = (
            self.messages_in,
            self.messages_out,
            self.frames_out,
            self.bytes_in,
            self.bytes_out,
        )
        return [total - taken for total, taken in zip(now, before)]

    def _relieve(self) -> None:
        """Make room in the output; if the client does not read, pause the producer or end."""
        if self._receiver is not None and self._receiver.ready:
            self._flush()
        elif self._pending_size > self.server.settings.send_limit and len(self._pending) > 1:
            self._overflow()
        else:
            self._pause_or_resume(False)

    def _overflow(self) -> None:
        self.server.stats.slow_consumer()
        _log.warn("{session!r} does not read what it is sent, which ends it", session=self)
        self._drop_pending()
        receiver, self._receiver = self._receiver, None
        self.handle(CLOSE, SLOW_CONSUMER, "slow")
        if receiver is not None:
            receiver.abort()

    def _drop_pending(self) -> None:
        self.server.stats.dropped(len(self._pending))
        self._pending.clear()
        self._pending_size = 0

    def _pause_or_resume(self, room: bool) -> None:
        if self._production is None:
            return
        try:
            self._production.pause_or_resume(room)
        except BaseException:  # noqa: BLE001
            # The sender may be another session, but the failure belongs to this one.
            _log.failure("a producer failed, which ends {session!r}", session=self)
            self._production = None
            self.handle(CLOSE, INTERNAL_ERROR, "error")

    def _stop_production(self) -> None:
        production, self._production = self._production, None
        self.server.scheduler.tell_later(production.stop)  # type: ignore[union-attr]


def broadcast(scheduler: Scheduler, clients: Iterable[Client], message: Sendable) -> None:
    """Send one message to many connections, in one turn, encoding it once."""
    sessions = [client.session for client in clients]
    if isinstance(message, str):
        message = Message(message)
    else:
        for session in sessions:
            session.check_sendable(message)
    scheduler.turn(_send_to_all, sessions, message)


def _send_to_all(sessions: list[SessionForConnection], message: Sendable) -> None:
    for session in sessions:
        session.send(message)


def _plain(message: Sendable) -> Sendable:
    """Return a plain copy, because methods of a subclass could fail in a flush."""
    # Not str.__str__: PyPy looks it up in the subclass.
    return "".join((message,)) if isinstance(message, str) else bytes(memoryview(message))
