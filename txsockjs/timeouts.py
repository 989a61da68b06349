"""How long a connection may be idle, bring a request, and take an answer.

Rules: the time in which the server itself waits is in none of these. Who is slow but goes on, at
`FLOOR` bytes a second or more, is waited for. Asked by the connections of a site, in its sweep.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .shortcuts import unsent

#: How many bytes a second are not too slow.
FLOOR = 1024


class Timeouts(NamedTuple):
    """The limits of a site, in seconds; None is none."""

    idle: float | None
    request: float | None

    @property
    def shortest(self) -> float | None:
        """The shorter one: how long the peer has to take the end of its connection."""
        return min(filter(None, self), default=None)

    def is_idle(self, seconds: float) -> bool:
        """Tell whether so long is too long for nothing to come."""
        return self.idle is not None and seconds >= self.idle

    def is_slow(self, seconds: float, received: int) -> bool:
        """Tell whether so long is too long for a request of which so much has come."""
        return self.request is not None and seconds >= self.request + received / FLOOR


class Stuck:
    """A transport whose peer must take what was written, since a time."""

    __slots__ = ("_since", "_transport", "_unsent")

    def __init__(self, transport: Any, now: float) -> None:
        self._transport = transport
        self._since = now
        self._unsent = unsent(transport)

    def is_over(self, until: float, limit: float | None) -> bool:
        """Tell whether too little was taken in all the time until then."""
        left = unsent(self._transport)
        self._since += max(0, self._unsent - left) / FLOOR
        self._unsent = left
        return limit is not None and until - self._since >= limit
