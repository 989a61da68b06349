"""Resumable sessions: they outlive the sessions that carry them (docs/resume.md).

Rules: a session ends only when its client left or did not come back in time. Messages that the
client has not acknowledged are kept and sent again, within ``send_limit``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ...actors.connection import SockJSConnection
from ...actors.deadlines import Deadline
from ...actors.interfaces import Reason
from ...actors.members import Notice
from ...actors.session import BaseSession
from ...actors.states import (
    ABORT,
    ATTACH,
    CLOSED,
    EXPIRE,
    FULL,
    GONE,
    LEAVE,
    LINGERING,
    OPEN,
    RECEIVED,
)
from ...errors import unsendable
from ...wire.limits import MESSAGE_COST, length
from ...wire.resumption import ACKNOWLEDGE, BadEnvelope, Refused
from .receiver import LEFT, ResumedReceiver
from .server import ResumeServer
from .under_way import UnderWay

# Messages are acknowledged after this many, or after this many seconds.
_MOST_UNTOLD = 16
_PATIENCE = 1.0
# Over HTTP, after so many seconds without an acknowledgement, the client is told how many messages
# were sent.
_OVERDUE = 3.0


class ResumableSession(BaseSession):
    """A session carried by one connection after another.

    ``received`` is how many messages came from the client since the beginning. Messages that it may
    not have received are ``under_way``, or kept with those that wait.
    """

    __slots__ = (
        *("_deadline", "_expecting", "_resume_for", "_timer", "_told"),
        *("_waiting", "received", "token", "under_way"),
    )
    counted = False  # its messages are counted in the sessions that carry it
    server: ResumeServer

    def __init__(
        self, connection: type[SockJSConnection], server: ResumeServer, resume_for: float
    ) -> None:
        super().__init__(connection, server)
        self.received = 0
        self._resume_for = resume_for
        self.under_way = UnderWay(server.window)
        self._waiting = 0  # how many of the first pending messages were sent before
        self._told = 0  # how many received messages were acknowledged to the client
        self._timer: IDelayedCall | None = None
        self._expecting: IDelayedCall | None = None  # a timer, while acknowledgements are asked for
        self._deadline: Deadline | None = None
        self.token = server.add(self)

    # -- what differs from other sessions

    def check_sendable(self, message: object) -> None:
        """Raise a `TypeError` that says what can be sent here, unless ``message`` can."""
        if not isinstance(message, str):
            raise unsendable(message, "str on a connection that can be resumed")

    def begin(self) -> None:
        """Do nothing: the session that carries it is counted and sends heartbeats."""

    def receiver_ended(self) -> None:
        """Wait for the client to come back, either to go on or to hear of the end."""
        if self.state is CLOSED:
            return
        if self.server.closing or not self.server.knows(self) or self.cause == "refused":
            self.handle(EXPIRE)
        elif self._deadline is None:
            self.server.suspend(self)
            # A client that was told of the end comes back only if it did not hear it.
            told = self.state is LINGERING
            self._wait(self.server.settings.disconnect_delay if told else self._resume_for)
            if self.state is OPEN:
                self._application.post(Notice("on_suspend"))

    def _finish(self, reason: Reason, cause: str, drop: bool) -> None:
        super()._finish(reason, cause, drop)
        self._bound_the_end()

    def _bound_the_end(self) -> None:
        # The last messages may need acknowledgements, which this does not wait for for ever.
        if self.is_closed and self._receiver is not None and self._deadline is None:
            self._wait(self._resume_for)

    def _wait(self, seconds: float) -> None:
        over = lambda: self.tell(EXPIRE if self._receiver is None else ABORT)  # noqa: E731
        self._deadline = Deadline(self.server.reactor, seconds, over)

    def do_tell_again(self, receiver: Any) -> None:
        """Send a client that did not hear of the end what it is missing, and the end."""
        self._receiver = receiver
        messages, self._pending = self._pending, []
        self._pending_size = 0
        receiver.deliver(messages)  # all of them were under way before
        receiver.closed(self.close_reason)

    def do_expire(self) -> None:
        """End, and forget the session."""
        super().do_expire()
        self._stop_timers()
        self.server.forget(self)

    def _overflow(self) -> None:
        self.server.forget(self)  # there is a gap, so the client must begin a new session
        super()._overflow()

    # -- carriers come and go

    def resume(self, receiver: ResumedReceiver, received: int) -> None:
        """Go on over another connection; the client has ``received`` this many messages.

        Raises `Refused` if that is impossible, or not possible now.
        """
        if not self._application.has_room(self.server.settings.mailbox_limit):
            raise Refused  # it could bring more messages each time, without ever hearing of it
        before = self._receiver
        if isinstance(before, ResumedReceiver):
            before.replaced()
            self.carrier_lost(before)
        if self.state is CLOSED:
            raise Refused  # the server is closing
        has = received - self.under_way.acked
        if not 0 <= has <= self._waiting:
            raise BadEnvelope("it has not received so many messages")
        self._pending_size -= length(self._pending[:has]) + MESSAGE_COST * has
        del self._pending[:has]
        self.under_way.go_on(received)
        self._waiting = 0
        self._stop_timers()
        self.info = receiver.connection_info()
        self.transport = receiver.transport_name
        self.server.resume(self)
        if not receiver.here:
            self.server.suspend(self)
        self.token.renew()
        receiver.continued(self.token.text, self.received)
        self._told = self.received
        if self.connection is not None:
            self.connection.info = self.info
        if self.state is OPEN:
            self._application.post(Notice("_resumed"))
        self.handle(ATTACH, receiver)
        self._bound_the_end()

    def is_carried_by(self, receiver: ResumedReceiver) -> bool:
        """Return whether this is the present receiver."""
        return receiver is self._receiver

    def carrier_lost(self, receiver: ResumedReceiver) -> None:
        """Keep what the client may not have received, and wait for it."""
        if not self.is_carried_by(receiver):
            return
        messages, size = self.under_way.take_back()
        self._waiting = len(messages)
        self._pending[:0] = messages
        self._pending_size += size
        self._stop_timers()
        self.handle(FULL, receiver)

    def left(self, receiver: ResumedReceiver) -> None:
        """End, because the client left for good."""
        self.handle(GONE, receiver, LEFT, "client")
        self.handle(EXPIRE)

    def stop(self, reason: Reason) -> None:
        """End because the server stops: at once if no client is there to hear of it."""
        self.handle(LEAVE, reason)
        if self._receiver is None:
            self.handle(EXPIRE)  # it may be over already, unknown to its client

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._expecting is not None:
            self._expecting.cancel()
            self._expecting = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- messages and acknowledgements

    def take_message(self, receiver: ResumedReceiver, text: str) -> Deferred[None] | None:
        """Take a message of the client; return a Deferred if it has to wait."""
        if receiver is not self._receiver:
            return None  # another connection took its place
        self.received += 1
        if self.received - self._told >= _MOST_UNTOLD:
            self.acknowledge()
        elif self._timer is None:
            self._timer = self.server.reactor.callLater(_PATIENCE, self._acknowledge_late)
        if self.state is not OPEN:
            self.handle(RECEIVED, [text])
        else:
            self._application.receive([text])
        return self._application.room() if self._application.size else None

    def _flush(self) -> None:
        """Send as much as may be under way; the rest waits for acknowledgements."""
        room = self.under_way.room
        receiver = self._receiver
        if self._pending_size <= room or receiver is None or not receiver.ready:
            super()._flush()
            return
        size = number = 0
        while size <= room:  # a message that only fits in part goes, too, to fill the receiver
            size += len(self._pending[number]) + MESSAGE_COST
            number += 1
        waits, self._pending = self._pending[number:], self._pending[:number]
        waits_size, self._pending_size = self._pending_size - size, size
        super()._flush()
        self._pending[:0] = waits
        self._pending_size += waits_size

    def acknowledged(self, number: int) -> None:
        """Forget the messages the client has; raise `BadEnvelope` for a number never sent."""
        self.under_way.acknowledged(number)
        # Not at each acknowledgement, because the waiting messages are moved each time.
        if self.under_way.is_half_free:
            receiver = self._receiver
            if isinstance(receiver, ResumedReceiver) and not receiver.ready:
                receiver.drained()

    def acknowledge(self) -> None:
        """Tell the client how many messages arrived."""
        receiver = self._receiver
        if isinstance(receiver, ResumedReceiver):
            self._told = self.received
            receiver.say(f"{ACKNOWLEDGE}{self.received}")

    def _acknowledge_late(self) -> None:
        self._timer = None
        if self._told < self.received:
            self.acknowledge()

    def expect_acknowledgement(self) -> None:
        """Tell from time to time how many were sent, while none of them is acknowledged."""
        if self._expecting is None:
            later = self.server.reactor.callLater
            self._expecting = later(_OVERDUE, self._check_acknowledgement, self.under_way.acked)

    def _check_acknowledgement(self, acked: int) -> None:
        self._expecting = None
        receiver, now = self._receiver, self.under_way.acked
        if now < self.under_way.sent and isinstance(receiver, ResumedReceiver):
            if now == acked:
                receiver.say_sent()
            self.expect_acknowledgement()
