"""Sessions: the actors between transports and applications.

Rules: the state changes here and nowhere else, before anybody is called; whatever a session is
told happens in its scheduler's turns; the application is reached through its mailbox only, the
client through the receiver only. Told by the router and the receivers.

The states, and what each event does in them, are the table `TRANSITIONS` at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from threading import get_ident
from typing import Any, Callable, Union

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import NotFound
from ..wire.limits import MESSAGE_COST
from ..wire.proto import Message, decode_string
from .application import Application
from .connection import ConnectionInfo, SockJSConnection, unsendable
from .heartbeat import Callback
from .interfaces import (
    ANOTHER_RECEIVER,
    ATTACH,
    BEAT,
    DRAINED,
    EXPIRE,
    FULL,
    GO_AWAY,
    GONE,
    INTERNAL_ERROR,
    INTERRUPTED,
    POSTED,
    RECEIVED,
    SLOW_CONSUMER,
    TIMED_OUT,
    Reason,
    Receiver,
    Server,
    State,
)
from .outbox import Production
from .registry import SessionMixin
from .scheduler import Scheduler

_log = Logger()

Sendable = Union[str, bytes]

# Looked up once: an enum's members are slow to find.
_NEW, _OPEN, _CLOSING, _CLOSED = State

# They mean "none", "abnormal" and "TLS", and never stand in a frame.
_RESERVED_CODES = frozenset((1004, 1005, 1006, 1015))

# A turn that sends more than this is flushed while it runs, and a producer is paused above it.
_FLUSH_MARK = 64 * 1024


class BaseSession(SessionMixin):
    """A session that lives as long as its one receiver: a websocket's."""

    __slots__ = (
        "_application",
        "_dirty",
        "_heartbeat",
        "_pending",
        "_pending_size",
        "_production",
        "_receiver",
        "_told",
        "close_reason",
        "info",
        "server",
        "state",
        "transport",
    )

    def __init__(
        self,
        conn: type[SockJSConnection],
        server: Server,
        session_id: str | None = None,
        expiry: float | None = None,
    ) -> None:
        self._receiver: Receiver | None = None
        super().__init__(session_id, expiry, server.reactor.seconds)
        self.server = server
        self.info: ConnectionInfo | None = None
        self.transport = ""
        self.close_reason: Reason | None = None
        self.state = _NEW
        self._application = Application(conn, server, self)
        self._heartbeat: Callback | None = None  # while it is open
        self._pending: list[Any] = []
        self._pending_size = 0
        self._dirty = False
        self._told = False
        self._production: Production | None = None

    def __repr__(self) -> str:
        address = self.info.ip if self.info else "?"
        attached = "detached" if self._receiver is None else "attached"
        # A client chose it, and this stands in logs.
        name = self.session_id if self.session_id.isprintable() else ascii(self.session_id)
        return (
            f"<{type(self).__name__} {name} {self.transport or '?'} "
            f"{self.state.value} {attached} from {address} to {self._application.name}, "
            f"{len(self._pending)} messages to send, {self._application.size} bytes to handle>"
        )

    # -- what the application may do, through its connection

    @property
    def connection(self) -> SockJSConnection | None:
        """The application's object; None before the session opens and after ``on_close``."""
        return self._application.connection

    @property
    def is_closed(self) -> bool:
        """Whether the end has come, or is coming."""
        return self.close_reason is not None

    def send(self, message: Sendable) -> None:
        """Queue a message for the client; it goes out when the turn ends."""
        scheduler = self.server.scheduler
        if scheduler.thread != get_ident():
            scheduler.check_thread()
        kind = type(message)
        if kind is not str and kind is not Message:
            self.check_sendable(message)
            message = _plain(message)
        if self.close_reason is not None:
            self.server.stats.messages_dropped += 1
            return
        self._pending.append(message)
        self._pending_size += len(message) + MESSAGE_COST
        if self._pending_size > _FLUSH_MARK:
            self._relieve()
        if not self._dirty:
            self._dirty = True
            scheduler.flush(self._flush)

    def check_sendable(self, message: object) -> None:
        """Raise `TypeError` that says what can be sent here."""
        if isinstance(message, str):
            return
        if not isinstance(message, bytes):
            raise unsendable(message, "str or bytes")
        if self.transport != "rawwebsocket":
            raise TypeError("bytes can be sent on a raw websocket only; send str here")

    def broadcast(self, clients: Iterable[SockJSConnection], message: Sendable) -> None:
        """Send one message to many connections; it is encoded once."""
        broadcast(self.server.scheduler, clients, message)

    def close(self, code: int = GO_AWAY[0], message: str = GO_AWAY[1]) -> None:
        """End the session: what is queued, the close frame, then ``on_close``.

        Raises `ValueError` for a code that no client would be told (RFC 6455 section 7.4), and
        `TypeError` for a message that is no ``str``.
        """
        if not isinstance(code, int) or not 1000 <= code <= 4999 or code in _RESERVED_CODES:
            raise ValueError(
                f"a close code must be in 1000..4999 and not 1004, 1005, 1006 or 1015, not {code!r}"
            )
        if not isinstance(message, str):
            raise TypeError(f"a close reason must be str, not {message!r}")
        self.end((code, message))

    def post(self, event: Any) -> None:
        """Put any object into the mailbox, for ``on_event``."""
        self.tell(POSTED, event)

    def register_producer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume ``producer`` as the client reads (Twisted's ``IConsumer``)."""
        if self._production is not None:
            raise RuntimeError("another producer is registered; unregister it first")
        if self.is_closed:
            producer.stopProducing()
        else:
            self._production = Production(producer, streaming)
            self._changed()

    def unregister_producer(self) -> None:
        """Forget the producer."""
        self._production = None

    # -- the same and some more, by the names that sockjs-tornado has for it

    def send_message(self, msg: Sendable, stats: bool = True, binary: bool = False) -> None:
        """Send a message; text is sent as bytes if ``binary``, which a raw websocket can do.

        ``stats`` changes nothing: whatever leaves is counted.
        """
        self.send(msg.encode("utf-8", "replace") if binary and isinstance(msg, str) else msg)

    def send_jsonified(self, msg: str | bytes, stats: bool = True) -> None:
        """Send a message that comes as JSON, which must be that of one string.

        ``stats`` changes nothing. Raises `ValueError` for other JSON and for what is none.
        """
        self.send(decode_string(msg))

    def get_close_reason(self) -> Reason | None:
        """Return the code and reason of the end, or None while there is none."""
        return self.close_reason

    def delayed_close(self) -> None:
        """Close when what is going on now is done."""
        self.server.scheduler.tell_later(self.close)

    def flush(self) -> None:
        """Send what is queued now, if a receiver takes it, and not when the turn ends."""
        self.server.scheduler.turn(self._flush)

    def start_heartbeat(self) -> None:
        """Let heartbeats come, the next one ``heartbeat_delay`` from now; only while open."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.start()
            self._heartbeat.delay()

    def stop_heartbeat(self) -> None:
        """Send no heartbeats, and on websockets no pings, until `start_heartbeat`."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def delay_heartbeat(self) -> None:
        """Let the next heartbeat come ``heartbeat_delay`` from now."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.delay()

    def set_handler(self, handler: Receiver, start_heartbeat: bool = True) -> None:
        """Attach a receiver, which opens a new session; beside another one it gets 2010."""
        self.tell(ATTACH, handler)
        self.server.scheduler.tell(self._set_heartbeat, handler, start_heartbeat)

    def verify_state(self) -> bool:
        """Return whether the session was opened: its first receiver does that, nothing else."""
        return self.state is not _NEW

    def remove_handler(self, handler: Receiver) -> None:
        """Detach a receiver, if it is the attached one: this session ends with it."""
        self.tell(GONE, handler, INTERRUPTED)

    def on_messages(self, msg_list: Iterable[Sendable]) -> None:
        """Give messages of the client to the application."""
        if isinstance(msg_list, (str, bytes)):
            raise TypeError(f"messages must come in a list, not as {msg_list!r}")
        self.tell(RECEIVED, list(msg_list))

    # -- what router and transports may do

    @property
    def is_open(self) -> bool:
        """Whether the client may send."""
        return self.state is State.OPEN

    def tell(self, event: str, *arguments: Any) -> None:
        """Let something happen to this session, after all that happened before."""
        self.server.scheduler.tell(self._handle, event, arguments)

    def receive(self, messages: list[Any]) -> bool:
        """Let the client's messages happen, as `tell` would; return whether nothing waits.

        Most messages find nothing else going on, and are handled here and now.
        """
        if self.state is not _OPEN or not self.server.scheduler.begin():
            self.tell(RECEIVED, messages)
        else:
            try:
                self._application.receive(messages)
            finally:
                self.server.scheduler.end()
        return not self._application.size

    def bring(self, read: Callable[[], list[Any]], size: int) -> Deferred[None] | None:
        """Give the application the messages that ``read()`` returns, once there is room for them.

        Return None if they were taken and there is room for more, else a Deferred that fires then.
        Whoever waits holds ``size`` bytes, and cancels it if it does not any longer. Raises, or
        fails with, what ``read`` raises, `NotFound` if the session is over, and `TooManySenders`
        if too many wait already.
        """
        most = self.server.settings.max_body_size
        return self._application.bring(partial(self._bring, read), size, most)

    def _bring(self, read: Callable[[], list[Any]]) -> Deferred[None] | None:
        if self.state is not _OPEN:
            raise NotFound()
        messages = read()
        if messages:
            self._application.receive(messages)
        return self._application.room()

    def room(self) -> Deferred[None] | None:
        """Return None if its mailbox has room, else a Deferred that fires when it has."""
        return self._application.room()

    def on_delete(self, forced: bool) -> None:
        """React to the removal from the container; if not ``forced``, its time was over."""
        if not forced:
            self.tell(EXPIRE)

    # -- events

    def _handle(self, event: str, arguments: tuple[Any, ...]) -> None:
        TRANSITIONS[self.state][event](self, *arguments)

    def _open(self, receiver: Receiver) -> None:
        server = self.server
        self.info = receiver.connection_info()
        self.state = _OPEN
        self.transport = receiver.transport_name
        delay = self._heartbeat_delay
        self._heartbeat = Callback(self._beat, delay, server.reactor, server.starter)
        server.stats.session_opened(self.transport)
        self._receiver = receiver
        receiver.opened()
        self._heartbeat.start()
        self._application.open(self.info)

    @property
    def _heartbeat_delay(self) -> float:
        return self.server.settings.heartbeat_delay

    def _attach(self, receiver: Receiver) -> None:
        if self._receiver is not None:
            receiver.closed(ANOTHER_RECEIVER)
        else:
            self._receiver = receiver
            self.delay_heartbeat()
            self._changed()

    def _attach_late(self, receiver: Receiver) -> None:
        # One that comes in the instant of the close must not get 2010: end the first now. If it
        # is too slow for that it is still open, and what is queued is for it.
        self._flush()
        if self._receiver is None:
            self._receiver = receiver
            self._changed()
        else:
            receiver.closed(ANOTHER_RECEIVER)

    def _refuse(self, receiver: Receiver) -> None:
        receiver.closed(self.close_reason or GO_AWAY)

    def _received(self, messages: list[Any]) -> None:
        self._application.receive(messages)

    def _posted(self, event: Any) -> None:
        self._application.post(event)

    def _drop(self, lost: Any) -> None:
        self.server.stats.messages_dropped += len(lost) if isinstance(lost, list) else 1

    def _full(self, receiver: Receiver) -> None:
        if receiver is self._receiver:
            self._receiver = None
            self.promote()

    def _drained(self, receiver: Receiver) -> None:
        if receiver is self._receiver:
            self._changed()

    def _gone(self, receiver: Receiver, reason: Reason) -> None:
        if receiver is self._receiver:
            self._receiver = None
            self._drop_pending()
            self._told = True  # nobody is left to tell
            self.end(reason, drop=False)

    def leave(self, reason: Reason) -> None:
        """End because the server does: what the client sent is handled, until the server goes.

        Linger only for a client that was not told yet.
        """
        self.end(reason, drop=False)
        if self._told and self._receiver is None:
            self._forget()

    def _gone_late(self, receiver: Receiver, reason: Reason) -> None:
        if receiver is self._receiver:
            self._receiver = None
            self._receiver_ended()

    def _set_heartbeat(self, receiver: Receiver, wanted: bool) -> None:
        if receiver is self._receiver:
            if wanted:
                self.start_heartbeat()
            else:
                self.stop_heartbeat()

    def _silence(self) -> None:
        if self._receiver is not None and self._receiver.ready:
            self._receiver.heartbeat()

    def _expire(self) -> None:
        self._drop_pending()
        self.end(TIMED_OUT, drop=False)
        self._forget()

    def _forget(self) -> None:
        if self.state is not _CLOSED:
            self.state = _CLOSED
            self._drop_pending()
            self.server.sessions.remove(self.session_id)

    def _ignore(self, *arguments: Any) -> None:
        pass

    # -- the end

    def end(self, reason: Reason, drop: bool = True) -> None:
        """Close for this reason; ``drop`` what the application has not handled yet."""
        self.server.scheduler.check_thread()
        if self.close_reason is not None:
            return
        self.close_reason = reason
        if self._heartbeat is not None:
            heartbeat, self._heartbeat = self._heartbeat, None
            heartbeat.stop()
            self.server.stats.session_closed()
        self.state = _CLOSING
        if self._production is not None:
            production, self._production = self._production, None
            self.server.scheduler.tell_later(production.stop)
        self._application.end(drop)
        if self._receiver is None:
            self._receiver_ended()
        else:
            self._changed()

    def _receiver_ended(self) -> None:
        """React to the end of the last receiver after, or by, the end of the session."""
        self._forget()

    # -- output

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
            self._pending_size = 0
            self.server.stats.packets_sent_ps.accumulator += len(messages)
            try:
                receiver.deliver(messages)
            except BaseException:  # noqa: BLE001
                _log.failure("messages can't be sent, which ends {session!r}", session=self)
                self.end(INTERNAL_ERROR)
        if self._production is not None and receiver.ready:
            self._regulate(True)
        if self.state is _CLOSING and receiver.ready and not self._pending:
            self._close_receiver(receiver)

    def _close_receiver(self, receiver: Receiver) -> None:
        self._told = True
        receiver.ready = False
        receiver.closed(self.close_reason or GO_AWAY)

    def _relieve(self) -> None:
        """Make room in the output; if the client does not read, hold the producer or end."""
        if self._receiver is not None and self._receiver.ready:
            self._flush()
        elif self._pending_size > self.server.settings.send_limit and len(self._pending) > 1:
            self._overflow()
        else:
            self._regulate(False)

    def _regulate(self, room: bool) -> None:
        if self._production is None:
            return
        try:
            self._production.regulate(room)
        except BaseException:  # noqa: BLE001
            # Whoever sends may be another session: the failure is this one's.
            _log.failure("a producer failed, which ends {session!r}", session=self)
            self._production = None
            self.end(INTERNAL_ERROR)

    def _overflow(self) -> None:
        self.server.stats.slow_consumers += 1
        _log.warn("{session!r} does not read what it is sent, which ends it", session=self)
        self._drop_pending()
        receiver, self._receiver = self._receiver, None
        self.end(SLOW_CONSUMER)
        if receiver is not None:
            receiver.abort()

    def abort(self) -> None:
        """Drop the connection and forget the session, without waiting for anything."""
        self._drop_pending()
        receiver, self._receiver = self._receiver, None
        self.end(GO_AWAY)
        if receiver is not None:
            receiver.abort()
        self._forget()

    def _drop_pending(self) -> None:
        if self._pending:
            self.server.stats.messages_dropped += len(self._pending)
            self._pending.clear()
            self._pending_size = 0

    def _beat(self) -> None:
        self.tell(BEAT)


class Session(BaseSession):
    """A session that is reached by its id and outlives its receivers: an HTTP transport's."""

    __slots__ = ()

    @property
    def expiry_date(self) -> float | None:
        """When it expires, on the reactor's clock: not while a receiver is attached."""
        return None if self._receiver is not None else super().expiry_date

    @property
    def _heartbeat_delay(self) -> float:
        # It is by a heartbeat that a response ends whose time is over.
        settings = self.server.settings
        return min(settings.heartbeat_delay, settings.response_lifetime)

    def remove_handler(self, handler: Receiver) -> None:
        """Detach a receiver, if it is the attached one: the session waits for the next."""
        self.tell(FULL, handler)

    def _receiver_ended(self) -> None:
        """Linger, so that each receiver that still comes hears of the close."""
        self.promote()

    def _close_receiver(self, receiver: Receiver) -> None:
        # Let go of it first: the next receiver may come while this one ends.
        self._receiver = None
        super()._close_receiver(receiver)
        if self.server.closing:
            self._forget()
        else:
            self.promote()


def broadcast(scheduler: Scheduler, clients: Iterable[SockJSConnection], message: Sendable) -> None:
    """Send one message to many connections, in one turn, encoding it once."""
    sessions = [client.session for client in clients]
    if isinstance(message, str):
        message = Message(message)
    else:
        for session in sessions:
            session.check_sendable(message)
    scheduler.turn(_send_to_all, sessions, message)


def _send_to_all(sessions: list[BaseSession], message: Sendable) -> None:
    for session in sessions:
        session.send(message)


def _plain(message: Sendable) -> Sendable:
    """Return the message without what a subclass makes of it, which may fail when it is sent."""
    return str.__str__(message) if isinstance(message, str) else bytes(memoryview(message))


_Transition = Callable[..., None]
_S = BaseSession

TRANSITIONS: dict[State, dict[str, _Transition]] = {
    State.NEW: {
        ATTACH: _S._open,
        RECEIVED: _S._drop,
        POSTED: _S._drop,
        FULL: _S._ignore,
        DRAINED: _S._ignore,
        GONE: _S._ignore,
        BEAT: _S._ignore,
        EXPIRE: _S._expire,
    },
    State.OPEN: {
        ATTACH: _S._attach,
        RECEIVED: _S._received,
        POSTED: _S._posted,
        FULL: _S._full,
        DRAINED: _S._drained,
        GONE: _S._gone,
        BEAT: _S._silence,
        EXPIRE: _S._expire,
    },
    State.CLOSING: {
        ATTACH: _S._attach_late,
        RECEIVED: _S._drop,
        POSTED: _S._drop,
        FULL: _S._full,
        DRAINED: _S._drained,
        GONE: _S._gone_late,
        BEAT: _S._ignore,
        EXPIRE: _S._expire,
    },
    State.CLOSED: {
        ATTACH: _S._refuse,
        RECEIVED: _S._drop,
        POSTED: _S._drop,
        FULL: _S._ignore,
        DRAINED: _S._ignore,
        GONE: _S._ignore,
        BEAT: _S._ignore,
        EXPIRE: _S._ignore,
    },
}
