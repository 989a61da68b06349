"""How long a connection may be idle, bring a request, and take an answer.

Rules: the time in which the server itself waits is in none of these. Who is slow but goes on, at
`FLOOR` bytes a second or more, is waited for. Pure; asked by the connections of a site, in its
sweep.
"""

from __future__ import annotations

from typing import NamedTuple

#: How many bytes a second are not too slow.
FLOOR = 1024


class Timeouts(NamedTuple):
    """What a site allows, in seconds; None is any time."""

    idle: float | None
    request: float | None

    @property
    def shortest(self) -> float | None:
        """The shorter one: how long the peer has to take the end of its connection."""
        return min(filter(None, self), default=None)


class Progress:
    """How far something is that the peer must do, since ``now``; ``moved`` counts its bytes."""

    __slots__ = ("_moved", "_since")

    def __init__(self, now: float, moved: int = 0) -> None:
        self._since = now
        self._moved = moved

    def is_over(self, until: float, limit: float | None, moved: int) -> bool:
        """Return whether it went on too slowly until then; None is no limit.

        Each second's worth of bytes puts it off by a second; nobody gets more than ``limit``.
        """
        gained = max(0, moved - self._moved) / FLOOR
        self._since = min(until, self._since + gained)
        self._moved = moved
        return is_over(until - self._since, limit)


def is_over(seconds: float, limit: float | None) -> bool:
    """Return whether so long is too long; None is no limit."""
    return limit is not None and seconds >= limit
