"""`sockjs.tornado.stats`: the counters of a router."""

from __future__ import annotations

from typing import Any

from .. import stats
from ..stats import MovingAverage
from .loop import reactor_of

__all__ = ["MovingAverage", "StatsCollector"]


class StatsCollector(stats.StatsCollector):
    """`txsockjs.stats.StatsCollector`; ``io_loop`` may be a reactor, or the global one is used.

    If you make one yourself, its averages move from ``start()`` to ``stop()``.
    """

    def __init__(self, io_loop: Any = None) -> None:
        super().__init__(reactor_of(io_loop))
