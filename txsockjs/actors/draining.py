"""`Drain`: the end of many sessions, spread evenly over a time.

Their clients come back to other servers at the rate at which they are sent away here, rather than
all at once.

Rules: sessions that ended by themselves count as ended; the time of a stall is no part of the time,
as making up for it would send away many at once; a turn ends a bounded number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from .deadlines import STALL
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
        self._reason = reason
        # How many a second, and how many are due: each in the middle of its share of the time.
        self._rate, self._due = 0.0, float(len(self._left))
        if seconds > 0:
            self._rate, self._due = len(self._left) / seconds, 0.5
        self._last: float = reactor.seconds()
        self._call: Any | None = reactor.callLater(0, self._step)

    def stop(self) -> None:
        """Leave those that are left to somebody else; ``done`` fires."""
        self._left.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self.done.callback(None)

    def _step(self) -> None:
        now = self._reactor.seconds()
        passed, self._last = now - self._last, now
        self._due += self._rate * (_INTERVAL if passed > STALL else passed)
        # Before any session hears of it: one may be the last, and stop this.
        self._call = self._reactor.callLater(_INTERVAL, self._step)
        for _ in range(min(int(self._due), _MOST_AT_ONCE, len(self._left))):
            if self._left:
                self._due -= 1
                self._left.popleft().tell(LEAVE, self._reason)
        if not self._left:
            self.stop()
        elif self._due >= 1 and self._call is not None:
            self._call.reset(0)
