"""`Bucket`: a token bucket, which bounds how often something happens.

Rules: it starts full and never holds more than its rate's count, so no more than that can come at
once, even after a long pause or a stall. Tokens taken beyond its content are owed, and paid back
first.
"""

from __future__ import annotations

from .._kinds import Rate

# A fraction of a token: the fractions that come in a second do not add up exactly.
_EPSILON = 1e-6


class Bucket:
    """The tokens of one client, refilled at ``rate``; ``now`` is in seconds.

    A clock set back adds no tokens and removes none; one that jumps ahead fills the bucket.
    """

    __slots__ = ("_rate", "_seen", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens: float = rate.count
        self._seen = now

    def take(self, now: float, count: int = 1) -> None:
        """Take ``count`` tokens, even if there are fewer."""
        self._fill(now)
        self._tokens -= count

    def wait(self, now: float) -> float:
        """Return in how many seconds there will be a token; 0 if there is one."""
        self._fill(now)
        missing = 1 - self._tokens
        if missing <= _EPSILON:
            return 0.0
        return missing * self._rate.seconds / self._rate.count

    def is_full(self, now: float) -> bool:
        """Return whether the bucket is full, like a new one."""
        self._fill(now)
        return self._tokens >= self._rate.count - _EPSILON

    def _fill(self, now: float) -> None:
        if now > self._seen:
            rate = self._rate
            come = (now - self._seen) * rate.count / rate.seconds
            self._tokens = min(self._tokens + come, rate.count)
        self._seen = now
