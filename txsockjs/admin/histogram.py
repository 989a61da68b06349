"""`Histogram`: counts values by their size.

Rules: pure; bounds are upper bounds and belong to their bucket, as in Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts of values by ascending ``bounds``, with one more count for larger values."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def dump(self) -> dict[str, object]:
        """Return ``bounds``, ``counts`` and ``sum`` as JSON."""
        return {"bounds": list(self.bounds), "counts": list(self.counts), "sum": self.sum}
