"""How late timers fire, on a clock whose loop is held up."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txsockjs.admin.lateness import INTERVAL, RECENT, Lateness


def test_nothing_is_measured_before_somebody_asks_and_after_a_stop() -> None:
    clock = Clock()
    lateness = Lateness(clock)
    lateness.stop()
    assert clock.getDelayedCalls() == []
    assert sum(lateness.ask()["counts"]) == 0
    assert len(clock.getDelayedCalls()) == 1
    lateness.stop()
    assert clock.getDelayedCalls() == []


def test_what_holds_up_the_loop_is_seen() -> None:
    clock = Clock()
    lateness = Lateness(clock)
    lateness.ask()
    clock.advance(INTERVAL)
    clock.advance(INTERVAL + 0.2)
    seen = lateness.ask()
    by_bound = dict(zip(seen["bounds"], seen["counts"]))
    assert (by_bound[0.001], by_bound[0.25], sum(seen["counts"])) == (1, 1, 2)
    assert seen["sum"] == pytest.approx(0.2)
    assert seen["longest"] == pytest.approx(0.2)
    # Whoever else asks sees it as well; later it is over.
    clock.advance(INTERVAL)
    assert lateness.ask()["longest"] == pytest.approx(0.2)
    clock.pump([INTERVAL] * RECENT)
    assert lateness.ask()["longest"] == pytest.approx(0.0)
    lateness.stop()


def test_a_clock_that_is_set_back_is_no_delay() -> None:
    clock = Clock()
    lateness = Lateness(clock)
    lateness.ask()
    lateness._due += 5
    clock.advance(INTERVAL)
    assert lateness.ask()["sum"] == 0.0
    lateness.stop()


def test_it_ends_once_nobody_asks_any_more() -> None:
    clock = Clock()
    lateness = Lateness(clock)
    lateness.ask()
    clock.pump([INTERVAL] * 1600)
    assert clock.getDelayedCalls() == []
    assert sum(lateness.ask()["counts"]) == 1200
    lateness.stop()
