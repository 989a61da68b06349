"""`Drain`: the end of many sessions, spread evenly over a time.

Their clients come back to other servers at the rate at which they are sent away here, rather than
all at once.

Rules: sessions that ended by themselves count as ended; after a stall what is due is made up for in
bounded turns, never all in one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from .interfaces import Reason
from .states import LEAVE

# How often sessions are ended, in seconds, and how many at a time at the most.
_INTERVAL = 0.1
_MOST_AT_ONCE = 256


class Drain:
    """End ``sessions`` for a reason, over so many seconds; ``done`` fires after the last."""

    def __init__(
        self, reactor: Any, sessions: Iterable[Any], seconds: float, reason: Reason
    ) -> None:
        self.done: Deferred[None] = Deferred()
        self._reactor = reactor
        self._left = deque(sessions)
        self._count = len(self._left)
        self._seconds = seconds
        self._reason = reason
        self._began = reactor.seconds()
        self._call: Any | None = reactor.callLater(0, self._step)

    def stop(self) -> None:
        """Leave those that are left to somebody else; ``done`` fires."""
        self._left.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self.done.callback(None)

    def _step(self) -> None:
        passed = self._reactor.seconds() - self._began
        share = min(passed / self._seconds, 1.0) if self._seconds else 1.0
        due = round(self._count * share) - (self._count - len(self._left))
        for _ in range(min(due, _MOST_AT_ONCE)):
            self._left.popleft().tell(LEAVE, self._reason)
        if not self._left:
            self._call = None
            self.done.callback(None)
        else:
            wait = 0.0 if due > _MOST_AT_ONCE else min(_INTERVAL, self._seconds)
            self._call = self._reactor.callLater(wait, self._step)
