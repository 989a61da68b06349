"""The counters of a router that a program makes by itself."""

from __future__ import annotations

from twisted.internet.task import Clock

from txsockjs import stats
from txsockjs.tornado.stats import MovingAverage, StatsCollector


def test_it_counts_on_the_reactor_that_it_is_given() -> None:
    clock = Clock()
    collector = StatsCollector(clock)
    assert isinstance(collector, stats.StatsCollector)
    collector.start()
    clock.advance(1)
    assert collector.running
    collector.stop()
    assert clock.getDelayedCalls() == []


def test_it_needs_no_loop_to_be_made() -> None:
    assert not StatsCollector().running
    assert MovingAverage is stats.MovingAverage
