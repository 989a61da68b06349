"""`Life`: walks the table of states, and does what it says.

Rules: the state changes here and nowhere else, before anybody is called; all of it happens in turns
of the scheduler. A subclass overrides a ``do_`` method to do something else at an event.
"""

from __future__ import annotations

from typing import Any, Callable, ClassVar

from .application import Application
from .connection import SockJSConnection
from .heartbeat import Callback
from .info import ConnectionInfo
from .interfaces import ANOTHER_RECEIVER, GO_AWAY, TIMED_OUT, Reason, Receiver, Server
from .outbox import Outbox
from .states import ATTACH, CLOSE, CLOSING, EXPIRE, GONE, NEW, TABLE, Event, State

# By event: what is done, and the state from then on.
_Row = list[tuple[Callable[..., None], State]]


class Life(Outbox):
    """What a session does at each event, in each state."""

    __slots__ = ("_application", "_heartbeat", "_row", "info", "session_id", "state")
    _rows: ClassVar[dict[State, _Row]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # The methods are found once for each class, and a session keeps the row of its state, so
        # that an event costs no look-up by a name or by an enum.
        cls._rows = {
            state: [(getattr(cls, f"do_{row[event][0]}"), row[event][1]) for event in Event]
            for state, row in TABLE.items()
        }

    def __init__(self, conn: type[SockJSConnection], server: Server, session_id: str) -> None:
        super().__init__(server)
        self.session_id = session_id
        self.info: ConnectionInfo | None = None
        self.state = NEW
        self._row = self._rows[NEW]
        self._application = Application(conn, server, self)
        self._heartbeat: Callback | None = None  # while it is open

    def handle(self, event: Event, *arguments: Any) -> None:
        """Do what the table says for this event, in the turn that is running."""
        if event <= GONE and arguments[0] is not self._receiver:
            return  # a receiver's last words, after another one came or the session let go of it
        act, state = self._row[event]
        if state is not self.state:
            self.state = state
            self._row = self._rows[state]
        act(self, *arguments)

    def end(self, reason: Reason) -> None:
        """Close for this reason, and drop what the application has not handled yet."""
        self.server.scheduler.check_thread()
        self.handle(CLOSE, reason)

    # -- what differs between kinds of sessions

    def begin(self) -> None:
        """Be counted as a session, and beat, until the end."""
        raise NotImplementedError

    def receiver_ended(self) -> None:
        """React to the end of a receiver, or to the session's end without one."""
        raise NotImplementedError

    # -- receivers come and go

    def do_open(self, receiver: Receiver) -> None:
        """Open: the first receiver came."""
        self.info = receiver.connection_info()
        self.transport = receiver.transport_name
        self._receiver = receiver
        receiver.opened()
        self.begin()
        self._application.open(self.info)

    def do_attach(self, receiver: Receiver) -> None:
        """Send through this receiver from now on; refuse one beside another."""
        if self._receiver is not None:
            receiver.closed(ANOTHER_RECEIVER)
        else:
            self._receiver = receiver
            if self._heartbeat is not None:
                self._heartbeat.delay()
            self._changed()

    def do_attach_late(self, receiver: Receiver) -> None:
        """Let this receiver bring the end to the client, and what was sent before it."""
        # One that comes in the instant of the close must not get 2010: end the first now. If it
        # is too slow for that it is still open, and what is queued is for it.
        self._flush()
        if self.state is CLOSING:
            self.do_attach(receiver)
        else:
            self.handle(ATTACH, receiver)

    def do_detach(self, receiver: Receiver, reason: Reason | None = None) -> None:
        """Wait for the next receiver, if one can come."""
        self._receiver = None
        self.receiver_ended()

    def do_lose(self, receiver: Receiver, reason: Reason) -> None:
        """End: the client is gone, and what it has sent is still handled."""
        self._receiver = None
        self._drop_pending()
        self._finish(reason, drop=False)

    def do_tell(self, receiver: Receiver) -> None:
        """Tell the client that the session is over."""
        receiver.closed(self.close_reason or GO_AWAY)

    def do_tell_again(self, receiver: Receiver) -> None:
        """Tell a receiver that came after the end."""
        receiver.closed(self.close_reason or GO_AWAY)
        self.receiver_ended()

    def do_flush(self, receiver: Receiver) -> None:
        """Send what waited while the receiver was not ready."""
        self._changed()

    # -- messages and events come

    def do_receive(self, messages: list[Any]) -> None:
        """Put the client's messages into the mailbox."""
        if self.counted:
            self.server.stats.packets_rcv_ps.accumulator += len(messages)
        self._application.receive(messages)

    def do_post(self, event: Any) -> None:
        """Put an event into the mailbox."""
        self._application.post(event)

    def do_drop(self, lost: Any) -> None:
        """Count what comes before the beginning or after the end."""
        self.server.stats.messages_dropped += len(lost) if isinstance(lost, list) else 1

    # -- the end

    def do_close(self, reason: Reason) -> None:
        """End, and drop what the application has not handled yet."""
        self._finish(reason, drop=True)

    def do_leave(self, reason: Reason) -> None:
        """End because the server does: what the client sent is handled, until the server goes."""
        self._finish(reason, drop=False)

    def do_hurry(self, reason: Reason) -> None:
        """Linger for nobody any more: the server ends, and the client knows the session's end."""
        if self._receiver is None:
            self.handle(EXPIRE)

    def do_abort(self) -> None:
        """Drop the connection and forget the session."""
        self._drop_pending()
        receiver, self._receiver = self._receiver, None
        if self.close_reason is None:
            self._finish(GO_AWAY, drop=True)
        if receiver is not None:
            receiver.abort()
        self.do_expire()

    def do_expire(self) -> None:
        """End if that did not happen yet, and be found by nobody any more."""
        self._drop_pending()
        if self.close_reason is None:
            self._finish(TIMED_OUT, drop=False)
        self.server.sessions.remove(self.session_id)

    def do_nothing(self, *arguments: Any) -> None:
        """Do nothing."""

    def _finish(self, reason: Reason, drop: bool) -> None:
        self.close_reason = reason
        if self._heartbeat is not None:
            heartbeat, self._heartbeat = self._heartbeat, None
            heartbeat.stop()
            self.server.stats.session_closed()
        self._stop_production()
        self._application.end(drop)
        if self._receiver is None:
            self.receiver_ended()
        else:
            self._changed()
