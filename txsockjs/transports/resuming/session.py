"""Resumable sessions: they outlive the sessions that carry them (docs/resume.md).

Rules: a session is lost only when its client did not come back in time, or left; what the client
has not acknowledged is kept and sent again, within ``send_limit``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

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

# What was received is acknowledged when so many messages were, or after so many seconds.
_MOST_UNTOLD = 16
_PATIENCE = 1.0
# Over HTTP, the client is told how many messages were sent when none was acknowledged for so long.
_OVERDUE = 3.0


class ResumableSession(BaseSession):
    """A session that is carried by one connection after the other.

    ``received`` is how many messages came of the client since the beginning. What it may not have
    of those that went to it is ``under_way``, or kept with what waits.
    """

    __slots__ = (
        *("_deadline", "_expecting", "_resume_for", "_timer", "_told"),
        *("_waiting", "received", "token", "under_way"),
    )
    counted = False  # its messages are those of the sessions that carry it
    server: ResumeServer

    def __init__(
        self, connection: type[SockJSConnection], server: ResumeServer, resume_for: float
    ) -> None:
        super().__init__(connection, server)
        self.received = 0
        self._resume_for = resume_for
        self.under_way = UnderWay(server.window)
        self._waiting = 0  # how many at the head of what is pending went out before
        self._told = 0  # how many of those received the client knows of
        self._timer: Any | None = None
        self._expecting: Any | None = None  # a timer, while acknowledgements are asked for
        self._deadline: Deadline | None = None
        self.token = server.add(self)

    # -- what differs from other sessions

    def check_sendable(self, message: object) -> None:
        """Raise `TypeError` that says what can be sent here."""
        if not isinstance(message, str):
            raise unsendable(message, "str on a connection that can be resumed")

    def begin(self) -> None:
        """Neither beat nor be counted, as the session that carries it does."""

    def receiver_ended(self) -> None:
        """Wait for the client to come back, to go on or to hear of the end."""
        if self.state is CLOSED:
            return
        if self.server.closing or not self.server.knows(self) or self.cause == "refused":
            self.handle(EXPIRE)
        elif self._deadline is None:
            self.server.suspend(self)
            # One that was told comes back only if it did not hear it.
            told = self.state is LINGERING
            self._wait(self.server.settings.disconnect_delay if told else self._resume_for)
            if self.state is OPEN:
                self._application.post(Notice("on_suspend"))

    def _finish(self, reason: Reason, cause: str, drop: bool) -> None:
        super()._finish(reason, cause, drop)
        self._bound_the_end()

    def _bound_the_end(self) -> None:
        # What is sent yet may need acknowledgements, for which this does not wait for ever.
        if self.is_closed and self._receiver is not None and self._deadline is None:
            self._wait(self._resume_for)

    def _wait(self, seconds: float) -> None:
        over = lambda: self.tell(EXPIRE if self._receiver is None else ABORT)  # noqa: E731
        self._deadline = Deadline(self.server.reactor, seconds, over)

    def do_tell_again(self, receiver: Any) -> None:
        """Tell a client that did not hear it what it has not got, and that it is over."""
        self._receiver = receiver
        messages, self._pending = self._pending, []
        self._pending_size = 0
        receiver.deliver(messages)  # all of it was under way before
        receiver.closed(self.close_reason)

    def do_expire(self) -> None:
        """End, and be forgotten."""
        super().do_expire()
        self._stop_timers()
        self.server.forget(self)

    def _overflow(self) -> None:
        self.server.forget(self)  # a gap, so that its client begins anew
        super()._overflow()

    # -- carriers come and go

    def resume(self, receiver: ResumedReceiver, received: int) -> None:
        """Go on over another connection; its client has ``received`` so many messages.

        Raises `Refused` if that can't be, or not now.
        """
        if not self._application.has_room(self.server.settings.mailbox_limit):
            raise Refused  # each time it could bring more, and hear of it never
        before = self._receiver
        if isinstance(before, ResumedReceiver):
            before.replaced()
            self.carrier_lost(before)
        if self.state is CLOSED:
            raise Refused  # as the server is closing
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
        """Return whether no other connection took its place."""
        return receiver is self._receiver

    def carrier_lost(self, receiver: ResumedReceiver) -> None:
        """Keep what the client may not have, and wait for it."""
        if not self.is_carried_by(receiver):
            return
        messages, size = self.under_way.take_back()
        self._waiting = len(messages)
        self._pending[:0] = messages
        self._pending_size += size
        self._stop_timers()
        self.handle(FULL, receiver)

    def left(self, receiver: ResumedReceiver) -> None:
        """End: the client left for good."""
        self.handle(GONE, receiver, LEFT, "client")
        self.handle(EXPIRE)

    def stop(self, reason: Reason) -> None:
        """End because the server stops: at once if nobody is there who may hear of it."""
        self.handle(LEAVE, reason)
        if self._receiver is None:
            self.handle(EXPIRE)  # it may be over, and its client not know it

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

    # -- messages, and how many there were

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
        while size <= room:  # one that fits in part goes, too, so that the receiver is full
            size += len(self._pending[number]) + MESSAGE_COST
            number += 1
        waits, self._pending = self._pending[number:], self._pending[:number]
        waits_size, self._pending_size = self._pending_size - size, size
        super()._flush()
        self._pending[:0] = waits
        self._pending_size += waits_size

    def acknowledged(self, number: int) -> None:
        """Forget what the client has; raises `BadEnvelope` for what was never sent."""
        self.under_way.acknowledged(number)
        # Not for each acknowledgement, as what waits is moved each time.
        if self.under_way.is_half_free:
            receiver = self._receiver
            if isinstance(receiver, ResumedReceiver) and not receiver.ready:
                receiver.drained()

    def acknowledge(self) -> None:
        """Say how many messages came."""
        receiver = self._receiver
        if isinstance(receiver, ResumedReceiver):
            self._told = self.received
            receiver.say(f"{ACKNOWLEDGE}{self.received}")

    def _acknowledge_late(self) -> None:
        self._timer = None
        if self._told < self.received:
            self.acknowledge()

    def expect_acknowledgement(self) -> None:
        """Say from time to time how many were sent, as long as none of them is acknowledged."""
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
