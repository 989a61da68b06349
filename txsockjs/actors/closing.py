"""`Closing`: the orderly end of all sessions of a router.

Rules: each application still handles what its client has sent, and gets its ``on_close``. What is
not handled in time is dropped, counted, and logged once for the router.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .deadlines import Deadline
from .interfaces import Ending, Reason, RouterForSessions
from .session import BaseSession
from .states import LEAVE

_log = Logger()

# How many sessions one turn tells.
_MOST_AT_ONCE = 512


class Closing:
    """The applications that a closing router waits for, and the Deferreds of its callers.

    ``closed`` is called when, after `close`, no sessions and applications are left. ``suspended``
    are sessions without a connection here, which the router does not have by id.
    """

    def __init__(
        self,
        router: RouterForSessions,
        closed: Callable[[], None],
        suspended: set[Any] | None = None,
    ) -> None:
        self._router = router
        self._closed = closed
        self._suspended: set[Any] = set() if suspended is None else suspended
        self._ending: set[Ending] = set()
        self._waiting: list[Deferred[None]] = []

    def enter(self, application: Ending) -> None:
        """Wait for this application when closing."""
        self._ending.add(application)

    def leave(self, application: Ending) -> None:
        """Note that this application's last callback is done."""
        self._ending.discard(application)
        if self._waiting:
            self.check()

    def close(self, reason: Reason, patience: float) -> Deferred[None]:
        """Close all sessions, and fire when none is left; drop them after ``patience`` seconds."""
        for application in self._ending:
            application.stay()
        self._tell(list(self._router.sessions), reason)
        for session in list(self._suspended):
            session.stop(reason)
        give_up = Deadline(self._router.reactor, patience, self.give_up)
        result: Deferred[None] = Deferred()
        result.addCallback(lambda _: give_up.cancel())
        self._waiting.append(result)
        self.check()
        return result

    def _tell(self, sessions: list[BaseSession], reason: Reason) -> None:
        for session in sessions[:_MOST_AT_ONCE]:
            session.handle(LEAVE, reason)
        rest = sessions[_MOST_AT_ONCE:]
        if rest:
            self._router.reactor.callLater(0, self._tell, rest, reason)

    def give_up(self) -> None:
        """Drop what is left: connections, awaiting callbacks, and what waits behind them."""
        stats = self._router.stats
        before = stats.messages_dropped
        for session in [*self._router.sessions, *self._suspended]:
            session.abort()
        given_up: set[Ending] = set()
        # In a loop, because an on_close may end others, as a multiplexed connection's does.
        while left := self._ending - given_up:
            for application in left:
                given_up.add(application)
                application.give_up()
        _log.warn(
            "{router!r} drops what is left of its sessions: {dropped} messages were not handled "
            "or not sent",
            router=self._router,
            dropped=stats.messages_dropped - before,
        )
        self._ending.clear()
        self.check()

    def check(self) -> None:
        """Fire the Deferreds of `close` if nothing is left."""
        if self._waiting and not (self._router.sessions or self._suspended or self._ending):
            self._closed()
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.callback(None)
