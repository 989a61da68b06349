"""`Drain`: ends many sessions, spread evenly over a time.

Their clients come back to other servers at the same rate, rather than all at once.

Rules: sessions that end by themselves count as ended. The time of a stall does not count, because
making up for it would end many sessions at once. A turn ends a bounded number of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .deadlines import STALL
from .interfaces import Reason
from .session import BaseSession
from .states import LEAVE

# How often sessions are ended, in seconds, and the most at a time.
_INTERVAL = 0.1
_MOST_AT_ONCE = 256


class Drain:
    """End ``sessions`` with ``reason`` over ``seconds``; ``done`` fires after the last."""

    def __init__(
        self, reactor: IReactorTime, sessions: Iterable[BaseSession], seconds: float, reason: Reason
    ) -> None:
        self.done: Deferred[None] = Deferred()
        self._reactor = reactor
        self._left = deque(sessions)
        self._reason = reason
        # How many per second, and how many are due: each in the middle of its share of the time.
        self._rate, self._due = 0.0, float(len(self._left))
        if seconds > 0:
            self._rate, self._due = len(self._left) / seconds, 0.5
        self._last: float = reactor.seconds()
        self._call: IDelayedCall | None = reactor.callLater(0, self._step)

    def stop(self) -> None:
        """Stop without ending the others; ``done`` fires."""
        self._left.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self.done.callback(None)

    def _step(self) -> None:
        now = self._reactor.seconds()
        passed, self._last = now - self._last, now
        self._due += self._rate * (_INTERVAL if passed > STALL else passed)
        # Before any session is ended: one may be the last, and stop this.
        self._call = self._reactor.callLater(_INTERVAL, self._step)
        for _ in range(min(int(self._due), _MOST_AT_ONCE, len(self._left))):
            if self._left:
                self._due -= 1
                self._left.popleft().tell(LEAVE, self._reason)
        if not self._left:
            self.stop()
        elif self._due >= 1 and self._call is not None:
            self._call.reset(0)
