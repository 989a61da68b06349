"""`Application`: one session's connection object, its mailbox and its supervision.

Rules: it is a mailbox, and every callback goes through it. If ``on_open`` was called, ``on_close``
is called once, and nothing refers to the connection afterwards. An exception in a callback ends its
own session and no other.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import Refused
from ..wire.limits import MESSAGE_COST
from .awaiting import in_context, is_asyncio, unless_false
from .connection import SockJSConnection
from .deadlines import Deadline
from .info import ConnectionInfo
from .interfaces import GO_AWAY, INTERNAL_ERROR, Reason, RouterForSessions
from .mailbox import Mailbox
from .members import Notice

_log = Logger()


class SessionForApplication(Protocol):
    """What an application needs from its session."""

    @property
    def is_closed(self) -> bool: ...

    def end(self, reason: Reason, cause: str) -> None:
        """End for a reason given by the application; ``cause`` is one of `stats.CAUSES`."""


class _Nobody:
    """The session of a finished application."""

    is_closed = True

    def end(self, reason: Reason, cause: str) -> None:
        """Do nothing."""


_NOBODY = _Nobody()


class Application(Mailbox):
    """The application's side of a session."""

    __slots__ = ("_class", "_given_up", "_grace", "_opened", "_router", "_session", "connection")

    def __init__(
        self,
        conn: type[SockJSConnection],
        router: RouterForSessions,
        session: SessionForApplication,
    ) -> None:
        super().__init__(router.scheduler, router.settings.mailbox_limit)
        self._class = conn
        self._router = router
        self._session: SessionForApplication = session
        self._opened = False
        self._given_up = False
        self._grace: Deadline | None = None
        self.connection: SockJSConnection | None = None

    @property
    def name(self) -> str:
        """The name of the connection's class, for logs."""
        return self._class.__name__

    def open(self, info: ConnectionInfo) -> None:
        """Make the connection and call ``on_open``."""
        self.put(self._on_open, info)

    def receive(self, messages: list[str | bytes]) -> bool:
        """Call ``on_message`` for each message; return whether the client must wait for its rate.

        The mailbox's ``size`` tells whether the client must wait for room.
        """
        connection = self.connection
        taken = 0
        if connection is not None:
            taken = self.put_all(connection.on_message, messages, MESSAGE_COST)
        if taken < len(messages):
            self._router.stats.dropped(len(messages) - taken)
        return False

    def post(self, event: object) -> None:
        """Call ``on_event``."""
        if not self.put(self._on_event, event, MESSAGE_COST):
            self._router.stats.dropped()

    def end(self, drop: bool) -> None:
        """Call ``on_close`` soon, after what waits or, with ``drop``, instead of it.

        After ``disconnect_delay``, a callback that still awaits is cancelled and what waits behind
        it is dropped, so that ``on_close`` is always called. While the router is closing, it
        decides when this happens.
        """
        dropped = self.shut(drop)
        if dropped:
            self._router.stats.dropped(dropped)
        self._router.enter(self)
        # Not now, so that on_close never runs inside the application's call to close().
        self._router.scheduler.tell_later(self._close)

    def _close(self) -> None:
        self.close(self._on_close)
        if self._opened and self.connection is not None and not self._router.closing:
            delay = self._router.settings.disconnect_delay
            self._grace = Deadline(self._router.reactor, delay, self._time_out)

    def stay(self) -> None:
        """Go on until the closing router gives it up."""
        if self._grace is not None:
            grace, self._grace = self._grace, None
            grace.cancel()

    def done(self) -> None:
        """Let the router stop, as the last callback is done; break the cycle with the session."""
        if not self._given_up:  # otherwise its callback may still fail, and the log must name it
            self._session = _NOBODY  # the session refers to this object, too
        self._router.leave(self)

    def give_up(self) -> int:
        """Cancel the callback that still awaits; drop and count what waits behind it."""
        self._given_up = True
        dropped = super().give_up()
        self._router.stats.dropped(dropped)
        return dropped

    def _time_out(self) -> None:
        self._grace = None
        _log.warn("{session!r} ended and its callback does not: cancelled", session=self._session)
        self.give_up()

    def cancelled(self, awaited: Deferred[object]) -> None:
        """Abandon the callback; under asyncio only after ``disconnect_delay``.

        A cancelled Task ends in a later iteration of the loop, or not at all. A closing router has
        waited for it already.
        """
        if is_asyncio() and not self._router.closing:
            delay = self._router.settings.disconnect_delay
            self._grace = Deadline(self._router.reactor, delay, lambda: self.abandon(awaited))
        else:
            self.abandon(awaited)

    # -- calls made by the mailbox

    def _on_open(self, info: ConnectionInfo) -> object:
        session: Any = self._session  # the whole session, for its connection
        self.connection = self._class(session)
        self._opened = True
        result = self.connection.on_open(info)
        return None if result is None else unless_false(result, self._refuse)

    def _refuse(self) -> None:
        self._session.end(GO_AWAY, "refused")

    def _on_event(self, event: object) -> object:
        if self.connection is None:
            return None
        if type(event) is Notice:
            return event.call(self.connection)
        return self.connection.on_event(event)

    def _on_close(self, _: None) -> object:
        connection, self.connection = self.connection, None
        if self._grace is not None:
            self.stay()
        if self._opened and connection is not None:
            return connection.on_close()
        return None

    # -- supervision

    def failed(self, failure: Failure) -> None:
        """End the session, unless the connection's ``on_error`` decides otherwise."""
        if isinstance(failure.value, Refused):
            self._session.end((failure.value.code, failure.value.reason), "refused")
            return
        if self._session.is_closed and failure.check(CancelledError, asyncio.CancelledError):
            return
        if self.connection is not None and not self._session.is_closed:
            try:
                if in_context(self._context, self.connection.on_error, failure) is True:
                    return
            except BaseException:  # noqa: BLE001
                _log.failure("on_error failed in {session!r}", session=self._session)
        _log.failure(
            "an application failed, which ends {session!r}", failure, session=self._session
        )
        self._session.end(INTERNAL_ERROR, "error")
