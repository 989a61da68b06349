"""`Application`: one session's connection object, its mailbox and its supervision.

Rules: every callback goes through the mailbox, which it is; ``on_close`` is called if ``on_open``
was, once, and nothing refers to the connection after it; a callback's exception ends its own
session and no other.
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
from .interfaces import GO_AWAY, INTERNAL_ERROR, Reason, Server
from .mailbox import Mailbox
from .members import Notice

_log = Logger()


class Owner(Protocol):
    """What an application needs from its session."""

    @property
    def is_closed(self) -> bool: ...

    def end(self, reason: Reason, cause: str) -> None:
        """End for a reason that the application gave; ``cause`` is one of `stats.CAUSES`."""


class _Nobody:
    """The owner of an application that is done."""

    is_closed = True

    def end(self, reason: Reason, cause: str) -> None:
        """Do nothing."""


_NOBODY = _Nobody()


class Application(Mailbox):
    """The application's side of a session."""

    __slots__ = ("_class", "_given_up", "_grace", "_opened", "_owner", "_server", "connection")

    def __init__(self, conn: type[SockJSConnection], server: Server, owner: Owner) -> None:
        super().__init__(server.scheduler, server.settings.mailbox_limit)
        self._class = conn
        self._server = server
        self._owner: Owner = owner
        self._opened = False
        self._given_up = False
        self._grace: Deadline | None = None
        self.connection: SockJSConnection | None = None

    @property
    def name(self) -> str:
        """The name of the connection's class, for people."""
        return self._class.__name__

    def open(self, info: ConnectionInfo) -> None:
        """Make the connection and call ``on_open``."""
        self.put(self._on_open, info)

    def receive(self, messages: list[Any]) -> bool:
        """Call ``on_message`` for each message; return whether the client has to wait for a rate.

        Whether it has to for the mailbox, its ``size`` tells.
        """
        connection = self.connection
        taken = 0
        if connection is not None:
            taken = self.put_all(connection.on_message, messages, MESSAGE_COST)
        if taken < len(messages):
            self._server.stats.messages_dropped += len(messages) - taken
        return False

    def post(self, event: Any) -> None:
        """Call ``on_event``."""
        if not self.put(self._on_event, event, MESSAGE_COST):
            self._server.stats.messages_dropped += 1

    def end(self, drop: bool) -> None:
        """Call ``on_close`` soon, after what waits or (``drop``) in its place.

        A callback that still awaits is cancelled after ``disconnect_delay``, and what waits behind
        it dropped, so that ``on_close`` is always called. While the router closes, it decides when
        that happens.
        """
        self._server.stats.messages_dropped += self.shut(drop)
        self._server.enter(self)
        # Not now, so that on_close never runs inside the application's call to close().
        self._server.scheduler.tell_later(self._close)

    def _close(self) -> None:
        self.close(self._on_close)
        if self._opened and self.connection is not None and not self._server.closing:
            delay = self._server.settings.disconnect_delay
            self._grace = Deadline(self._server.reactor, delay, self._time_out)

    def stay(self) -> None:
        """Go on until the router, which is closing, gives it up."""
        if self._grace is not None:
            grace, self._grace = self._grace, None
            grace.cancel()

    def done(self) -> None:
        """Break the cycle with the session, and let the router stop: the last callback is done."""
        if not self._given_up:  # then its callback may fail yet, and the log has to say whose it is
            self._owner = _NOBODY  # as the session refers to this one, too
        self._server.leave(self)

    def give_up(self) -> int:
        """Cancel the callback that still awaits, drop what waits behind it, and count that."""
        self._given_up = True
        dropped = super().give_up()
        self._server.stats.messages_dropped += dropped
        return dropped

    def _time_out(self) -> None:
        self._grace = None
        _log.warn("{owner!r} ended and its callback does not: cancelled", owner=self._owner)
        self.give_up()

    def cancelled(self, awaited: Deferred[Any]) -> None:
        """Abandon the callback; under asyncio only after ``disconnect_delay``.

        A cancelled Task ends in a later iteration of the loop, or not at all. If the router is
        closing, it has waited for that already.
        """
        if is_asyncio() and not self._server.closing:
            delay = self._server.settings.disconnect_delay
            self._grace = Deadline(self._server.reactor, delay, lambda: self.abandon(awaited))
        else:
            self.abandon(awaited)

    # -- the calls, made by the mailbox

    def _on_open(self, info: ConnectionInfo) -> Any:
        session: Any = self._owner  # all of it, of which little is needed here
        self.connection = self._class(session)
        self._opened = True
        result = self.connection.on_open(info)
        return None if result is None else unless_false(result, self._refuse)

    def _refuse(self) -> None:
        self._owner.end(GO_AWAY, "refused")

    def _on_event(self, event: Any) -> Any:
        if self.connection is None:
            return None
        if type(event) is Notice:
            return event.call(self.connection)
        return self.connection.on_event(event)

    def _on_close(self, _: None) -> Any:
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
            self._owner.end((failure.value.code, failure.value.reason), "refused")
            return
        if self._owner.is_closed and failure.check(CancelledError, asyncio.CancelledError):
            return
        if self.connection is not None and not self._owner.is_closed:
            try:
                if in_context(self._context, self.connection.on_error, failure) is True:
                    return
            except BaseException:  # noqa: BLE001
                _log.failure("on_error failed in {owner!r}", owner=self._owner)
        _log.failure("an application failed, which ends {owner!r}", failure, owner=self._owner)
        self._owner.end(INTERNAL_ERROR, "error")
