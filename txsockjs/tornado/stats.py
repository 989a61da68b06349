"""`sockjs.tornado.stats`."""

from ..stats import MovingAverage, StatsCollector

__all__ = ["MovingAverage", "StatsCollector"]
