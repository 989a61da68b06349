"""Sessions: the actors between transports and applications.

Rules: a session handles events in the turns of its scheduler; it reaches the application only
through the mailbox, and the client only through the receiver. `states` and `life` say what each
event does in each state, `outbox` sends messages; this module has the methods that others call.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable

from twisted.internet.defer import Deferred

from ..errors import NotFound
from ..wire.frames import check_reason
from .connection import SockJSConnection
from .heartbeat import Callback
from .interfaces import GO_AWAY, Receiver, RouterForSessions
from .life import Life
from .states import (
    ABORT,
    BEAT,
    EXPIRE,
    OPEN,
    POSTED,
    RECEIVED,
    Event,
)


class BaseSession(Life):
    """A session that lives as long as its one receiver: a websocket's.

    ``expiry`` is in seconds; None means never. A session without an id gets one that can't be
    guessed. ``began`` is when it was made, on the reactor's clock.
    """

    __slots__ = ("began", "expiry", "promoted")
    channel = ""  # set for a session of a multiplexed channel

    def __init__(
        self,
        conn: type[SockJSConnection],
        server: RouterForSessions,
        session_id: str | None = None,
        expiry: float | None = None,
    ) -> None:
        super().__init__(conn, server, session_id or os.urandom(16).hex())
        self.expiry = expiry
        self.began = self.promoted = server.reactor.seconds()

    def __repr__(self) -> str:
        address = self.info.ip if self.info else "?"
        attached = "detached" if self._receiver is None else "attached"
        # The client chose the id, and this text is logged.
        name = self.session_id if self.session_id.isprintable() else ascii(self.session_id)
        return (
            f"<{type(self).__name__} {name} {self.transport or '?'} "
            f"{self.state.value} {attached} from {address} to {self._application.name}, "
            f"{len(self._pending)} messages to send, {self._application.size} bytes to handle>"
        )

    # -- for the application, through its connection

    @property
    def connection(self) -> SockJSConnection | None:
        """The application's connection; None before the session opens and after ``on_close``."""
        return self._application.connection

    def close(self, code: int = GO_AWAY[0], message: str = GO_AWAY[1]) -> None:
        """End the session: send what is queued, then the close frame, then call ``on_close``.

        Raises `ValueError` for a code that can't be sent to a client (RFC 6455 section 7.4), and
        `TypeError` for a message that is not a ``str``.
        """
        check_reason(code, message)
        self.end((code, message))

    def post(self, event: object) -> None:
        """Put any object into the mailbox, for ``on_event``."""
        self.tell(POSTED, event)

    def abort(self) -> None:
        """Drop the connection and forget the session, without waiting for anything."""
        self.server.scheduler.check_thread()
        self.handle(ABORT)

    # -- for the router and transports

    @property
    def is_open(self) -> bool:
        """Whether the client may send messages."""
        return self.state is OPEN

    def tell(self, event: Event, *arguments: object) -> None:
        """Handle ``event`` after everything told before it: now, if no turn is running."""
        self.server.scheduler.tell(self.handle, event, *arguments)

    def receive(self, messages: list[str | bytes]) -> bool:
        """Handle the client's messages as ``tell(RECEIVED)`` would; return whether it may go on.

        If not, messages are waiting, or the client is over its rate: ask `room`. When no turn is
        running, which is most often the case, this takes a shorter way.
        """
        over = False
        if self.state is not OPEN or not self.server.scheduler.begin():
            self.tell(RECEIVED, messages)
        else:
            try:
                over = self.do_receive(messages)
            finally:
                self.server.scheduler.end()
        return not (over or self._application.size)

    def bring(self, read: Callable[[], list[Any]], size: int) -> Deferred[None] | None:
        """Pass the messages that ``read()`` returns to the application, once there is room.

        Return None if they were taken and there is room for more. Otherwise, return a Deferred that
        fires when that is the case: it is a waiter of ``size`` bytes, and cancelling it stops the
        wait. Raises, or fails with, the exceptions of ``read``, `NotFound` if the session is over,
        and `TooManySenders` if too many wait already.
        """
        most = self.server.settings.max_body_size
        return self._application.bring(partial(self._bring, read), size, most)

    def _bring(self, read: Callable[[], list[str | bytes]]) -> Deferred[None] | None:
        if self.state is not OPEN:
            raise NotFound()
        messages = read()
        if messages:
            self.do_receive(messages)
        return self._application.room()

    def room(self) -> Deferred[None] | None:
        """Return None if its mailbox has room, else a Deferred that fires when it has."""
        return self._application.room()

    def on_delete(self, forced: bool) -> None:
        """Handle the removal from the container; if not ``forced``, the session expired."""
        if not forced:
            self.tell(EXPIRE)

    @property
    def waiting(self) -> tuple[int, int]:
        """How many bytes, as limits count them, wait for the application and for the client."""
        return self._application.size, self._pending_size

    # -- its time

    def clock(self) -> float:
        """Return the current time in seconds."""
        return self.server.reactor.seconds()

    @property
    def expiry_date(self) -> float | None:
        """When the session expires, on the reactor's clock; None means never."""
        return None if self.expiry is None else self.promoted + self.expiry

    def promote(self) -> None:
        """Restart the time until the session expires."""
        self.promoted = self.server.reactor.seconds()

    @property
    def heartbeat_delay(self) -> float:
        """The seconds between two heartbeats."""
        return self.server.settings.heartbeat_delay

    def begin(self) -> None:
        """Count the session as active, and start its heartbeats."""
        server = self.server
        beat = Callback(self._beat, self.heartbeat_delay, server.reactor, server.starter)
        self._heartbeat = beat
        beat.start()
        server.stats.session_opened(self.transport)

    def _beat(self) -> None:
        self.tell(BEAT)

    def do_beat(self) -> None:
        """Send a heartbeat, if a receiver is attached and ready."""
        if self._receiver is not None and self._receiver.ready:
            self._receiver.heartbeat()

    def receiver_ended(self) -> None:
        """Expire if the session is over: no other receiver can come."""
        if self.close_reason is not None and self._receiver is None:
            self.handle(EXPIRE)


class Session(BaseSession):
    """The session of an HTTP transport: reached by its id, it outlives its receivers."""

    __slots__ = ()

    @property
    def expiry_date(self) -> float | None:
        """When the session expires, on the reactor's clock; never while a receiver is attached."""
        return None if self._receiver is not None else super().expiry_date

    @property
    def heartbeat_delay(self) -> float:
        """The setting, or less, because a heartbeat ends a response after its lifetime."""
        settings = self.server.settings
        return min(settings.heartbeat_delay, settings.response_lifetime)

    @property
    def relayed_receiver(self) -> Any | None:
        """The attached receiver, if its client is connected to another node."""
        receiver = self._receiver
        return receiver if getattr(receiver, "is_relayed", False) else None

    def do_tell(self, receiver: Receiver) -> None:
        """Send the close frame to the attached receiver, and detach it."""
        # Detach first: ending the response can bring the next poll at once (pipelining).
        self._receiver = None
        super().do_tell(receiver)
        if self.server.closing:
            self.handle(EXPIRE)
        else:
            self.promote()

    def receiver_ended(self) -> None:
        """Wait ``disconnect_delay`` for the next receiver, whether open or over."""
        self.promote()
