"""`Life`: the loop that walks the table of states, and the actions named in the table.

Rules: the state changes only in `handle`, before the action runs; events are handled in turns of
the scheduler. A subclass overrides a ``do_`` method to act differently at an event.
"""

from __future__ import annotations

from typing import Any, Callable, ClassVar

from ..wire.limits import MESSAGE_COST, length
from .application import Application
from .connection import SockJSConnection
from .heartbeat import Callback
from .info import ConnectionInfo
from .interfaces import ANOTHER_RECEIVER, GO_AWAY, TIMED_OUT, Reason, Receiver, RouterForSessions
from .outbox import Outbox
from .states import ATTACH, CLOSE, CLOSING, EXPIRE, GONE, NEW, TABLE, Event, State
from .throttle import ThrottledApplication

# For each event: the action, and the next state.
_Row = list[tuple[Callable[..., object], State]]


class Life(Outbox):
    """A session's reaction to events: ``do_<action>`` for each action of `states.TABLE`."""

    __slots__ = ("_application", "_heartbeat", "_row", "info", "session_id", "state")
    _rows: ClassVar[dict[State, _Row]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # The methods are looked up once for each class, and a session keeps the row of its state,
        # so that an event costs no look-up by name or by enum.
        cls._rows = {
            state: [(getattr(cls, f"do_{row[event][0]}"), row[event][1]) for event in Event]
            for state, row in TABLE.items()
        }

    def __init__(
        self, conn: type[SockJSConnection], server: RouterForSessions, session_id: str
    ) -> None:
        super().__init__(server)
        self.session_id = session_id
        self.info: ConnectionInfo | None = None
        self.state = NEW
        self._row = self._rows[NEW]
        kind = Application if server.settings.message_rate is None else ThrottledApplication
        self._application = kind(conn, server, self)
        self._heartbeat: Callback | None = None  # while it is open

    def handle(self, event: Event, *arguments: object) -> None:
        """Change the state and act as the table says, in the current turn."""
        if event <= GONE and arguments[0] is not self._receiver:
            return  # from a receiver that was detached
        act, state = self._row[event]
        if state is not self.state:
            self.state = state
            self._row = self._rows[state]
        act(self, *arguments)

    def end(self, reason: Reason, cause: str = "application") -> None:
        """Close with this reason, and drop what the application has not handled yet.

        ``cause`` is one of `stats.CAUSES`.
        """
        self.server.scheduler.check_thread()
        self.handle(CLOSE, reason, cause)

    # -- what differs between kinds of sessions

    def begin(self) -> None:
        """Count the session as active, and start its heartbeats."""
        raise NotImplementedError

    def receiver_ended(self) -> None:
        """Handle the end of a receiver, or the session's end without one."""
        raise NotImplementedError

    # -- receivers come and go

    def do_open(self, receiver: Receiver) -> None:
        """Open the session over its first receiver."""
        self.info = receiver.connection_info()
        self.transport = receiver.transport_name
        self._receiver = receiver
        receiver.opened()
        self.begin()
        self._application.open(self.info)

    def do_attach(self, receiver: Receiver) -> None:
        """Attach a receiver; refuse it if one is attached."""
        if self._receiver is not None:
            receiver.closed(ANOTHER_RECEIVER)
        else:
            self._receiver = receiver
            if self._heartbeat is not None:
                self._heartbeat.delay()
            if self._pending or self._production is not None or self.close_reason is not None:
                self._changed()

    def do_attach_late(self, receiver: Receiver) -> None:
        """Attach a receiver that takes what is left to send, and the close frame."""
        # A receiver that comes in the same turn as the close must not get 2010 (protocol section
        # 7). So flush first, which ends the attached one. If that one is slow, it stays attached,
        # and the queued messages belong to it.
        self._flush()
        if self.state is CLOSING:
            self.do_attach(receiver)
        else:
            self.handle(ATTACH, receiver)

    def do_take_back(self, receiver: Receiver, messages: list[str | bytes]) -> None:
        """Detach the receiver, and queue the messages again that the client did not get."""
        self._pending[:0] = messages
        self._pending_size += sum([len(message) + MESSAGE_COST for message in messages])
        self.do_detach(receiver)

    def do_detach(self, receiver: Receiver, *unheard: object) -> None:
        """Detach the receiver."""
        self._receiver = None
        self.receiver_ended()

    def do_lose(self, receiver: Receiver, reason: Reason, cause: str = "lost") -> None:
        """End because the peer vanished; messages it sent before are still handled."""
        self._receiver = None
        if self._pending:
            self._drop_pending()
        self._finish(reason, cause, drop=False)

    def do_tell(self, receiver: Receiver) -> None:
        """Send the close frame."""
        receiver.closed(self.close_reason or GO_AWAY)

    def do_tell_again(self, receiver: Receiver) -> None:
        """Send the close frame to a receiver that comes after the end."""
        receiver.closed(self.close_reason or GO_AWAY)
        self.receiver_ended()

    def do_flush(self, receiver: Receiver) -> None:
        """Send the messages that waited for the receiver to become ready."""
        self._changed()

    # -- messages and events come

    def do_receive(self, messages: list[str | bytes]) -> bool:
        """Pass the client's messages to the application; return as `Application.receive` does."""
        if self.counted:
            count = len(messages)
            self.server.stats.packets_rcv_ps.accumulator += count
            self.messages_in += count
            self.bytes_in += len(messages[0]) if count == 1 else length(messages)
        return self._application.receive(messages)

    def do_post(self, event: object) -> None:
        """Pass an event to the application."""
        self._application.post(event)

    def do_drop(self, lost: object) -> None:
        """Drop messages or an event, and count them."""
        self.server.stats.dropped(len(lost) if isinstance(lost, list) else 1)

    # -- the end

    def do_close(self, reason: Reason, cause: str = "application") -> None:
        """End, and drop what the application has not handled yet."""
        self._finish(reason, cause, drop=True)

    def do_leave(self, reason: Reason) -> None:
        """End because the server stops; messages the client sent are handled until it does."""
        self._finish(reason, "shutdown", drop=False)

    def do_hurry(self, reason: Reason) -> None:
        """Stop lingering because the server stops, unless a receiver is still being ended."""
        if self._receiver is None:
            self.handle(EXPIRE)

    def do_abort(self) -> None:
        """Drop the connection and forget the session."""
        if self._pending:
            self._drop_pending()
        receiver, self._receiver = self._receiver, None
        if self.close_reason is None:
            self._finish(GO_AWAY, "shutdown" if self.server.closing else "application", drop=True)
        if receiver is not None:
            receiver.abort()
        self.do_expire()

    def do_expire(self) -> None:
        """End if the session is still open, and remove it from the container."""
        if self._pending:
            self._drop_pending()
        if self.close_reason is None:
            self._finish(TIMED_OUT, "timeout", drop=False)
        self.server.sessions.remove(self.session_id)

    def do_nothing(self, *arguments: object) -> None:
        """Do nothing."""

    def _finish(self, reason: Reason, cause: str, drop: bool) -> None:
        self.close_reason = reason
        self.cause = cause
        if self._heartbeat is not None:
            heartbeat, self._heartbeat = self._heartbeat, None
            heartbeat.stop()
            if self._pending:
                self._count_pending()
            self.server.ended(self)
        if self._production is not None:
            self._stop_production()
        if self.server.rooms.joined:
            member: Any = self  # subclasses have the rest of a `Member`
            self.server.rooms.forget(member)
        self._application.end(drop)
        if self._receiver is None:
            self.receiver_ended()
        else:
            self._changed()
