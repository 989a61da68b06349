"""Callbacks in milliseconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from txsockjs.tornado.periodic import Callback


def make_callback(callback: Any = None) -> tuple[Callback, Clock, list[float]]:
    clock, runs = Clock(), list[float]()
    made = Callback(callback or (lambda: runs.append(clock.seconds())), 1500, clock)
    return made, clock, runs


def test_it_is_called_in_intervals_until_it_is_stopped() -> None:
    callback, clock, runs = make_callback()
    assert callback.callback_time == 1500
    callback.stop()
    callback.start()
    callback.start()
    clock.pump([0.5] * 7)
    assert runs == [1.5, 3]
    callback.stop()
    assert clock.getDelayedCalls() == []


def test_it_can_be_put_off_without_a_new_timer() -> None:
    callback, clock, runs = make_callback()
    callback.start()
    clock.advance(1)
    timers = clock.getDelayedCalls()
    callback.delay()
    assert clock.getDelayedCalls() == timers
    clock.pump([0.5] * 3)
    assert runs == [2.5]
    callback.stop()


@pytest.mark.parametrize("timeout", [4.0, timedelta(seconds=3)])
def test_its_first_call_can_come_at_another_time(timeout: Any) -> None:
    callback, clock, runs = make_callback()
    clock.advance(1)
    assert callback.calculate_next_run() == 2.5
    callback.start(timeout)
    clock.pump([0.5] * 9)
    assert runs == [4, 5.5]
    callback.stop()


def test_it_may_stop_itself() -> None:
    runs: list[object] = []
    callback, clock, _ = make_callback(lambda: runs.append(callback.stop()))
    callback.start()
    clock.pump([1.5] * 3)
    assert len(runs) == 1
    assert clock.getDelayedCalls() == []


def test_what_it_raises_is_logged_and_it_goes_on() -> None:
    callback, clock, _ = make_callback(lambda: 1 / 0)
    callback.start()
    with capturedLogs() as logs:
        clock.pump([1.5] * 2)
    assert len(logs) == 2
    for event in logs:
        event["log_failure"].cleanFailure()
    callback.stop()


def test_its_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match="callback_time must be > 0 milliseconds, not 0"):
        Callback(print, 0, Clock())
