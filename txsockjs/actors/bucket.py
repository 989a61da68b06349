"""`Bucket`: a token bucket, which bounds how often something happens.

Rules: it is full at first, and never holds more than its rate's count; so however long nothing
came, or the program stood still, no more than that comes at once. What is taken beyond what is
there is owed, and paid back first.
"""

from __future__ import annotations

from .._kinds import Rate

# Of a token: tokens come in fractions, and those of a second do not add up to it exactly.
_EPSILON = 1e-6


class Bucket:
    """The tokens of one client, filled again at ``rate``; ``now`` is in seconds.

    A clock that is set back brings no tokens and takes none; one that jumps ahead fills it.
    """

    __slots__ = ("_rate", "_seen", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens: float = rate.count
        self._seen = now

    def take(self, now: float, count: int = 1) -> None:
        """Take ``count`` tokens, whether they are there or not."""
        self._fill(now)
        self._tokens -= count

    def wait(self, now: float) -> float:
        """Return in how many seconds there is a token, 0 if there is one."""
        self._fill(now)
        missing = 1 - self._tokens
        if missing <= _EPSILON:
            return 0.0
        return missing * self._rate.seconds / self._rate.count

    def is_full(self, now: float) -> bool:
        """Return whether it is as if it was new."""
        self._fill(now)
        return self._tokens >= self._rate.count - _EPSILON

    def _fill(self, now: float) -> None:
        if now > self._seen:
            rate = self._rate
            come = (now - self._seen) * rate.count / rate.seconds
            self._tokens = min(self._tokens + come, rate.count)
        self._seen = now
