"""How long a connection may be idle, take to bring a request, and take to read an answer.

Rules: time in which the server itself waits does not count. A slow peer is waited for as long as it
makes `FLOOR` bytes a second or more. Pure; the connections of a site use it in the site's sweep.
"""

from __future__ import annotations

from typing import NamedTuple

#: How many bytes a second are fast enough.
FLOOR = 1024


class Timeouts(NamedTuple):
    """The time-outs of a site, in seconds; None means no limit."""

    idle: float | None
    request: float | None

    @property
    def shortest(self) -> float | None:
        """The shorter one, which is also how long the peer has to take the connection's end."""
        return min(filter(None, self), default=None)


class Progress:
    """The progress of something the peer must do, since ``now``; ``moved`` counts its bytes."""

    __slots__ = ("_moved", "_since")

    def __init__(self, now: float, moved: int = 0) -> None:
        self._since = now
        self._moved = moved

    def is_over(self, until: float, limit: float | None, moved: int) -> bool:
        """Return whether it was too slow until then; None means no limit.

        Each second's worth of bytes extends the time by a second, up to ``limit`` ahead.
        """
        gained = max(0, moved - self._moved) / FLOOR
        self._since = min(until, self._since + gained)
        self._moved = moved
        return is_over(until - self._since, limit)


def is_over(seconds: float, limit: float | None) -> bool:
    """Return whether this is too long; None means no limit."""
    return limit is not None and seconds >= limit
