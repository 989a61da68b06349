"""`Callback` on a clock of its own."""

from __future__ import annotations

from twisted.internet.task import Clock

from txsockjs.periodic import Callback


def make_callback(seconds: float = 10) -> tuple[Callback, Clock, list[float]]:
    clock = Clock()
    runs: list[float] = []
    return Callback(lambda: runs.append(clock.seconds()), seconds, clock), clock, runs


def test_it_runs_every_so_many_seconds() -> None:
    callback, clock, runs = make_callback()
    callback.start()
    clock.pump([1] * 35)
    assert runs == [10, 20, 30]
    callback.stop()
    assert clock.getDelayedCalls() == []


def test_the_first_run_can_come_at_another_time() -> None:
    callback, clock, runs = make_callback()
    callback.start(3)
    clock.pump([1] * 15)
    assert runs == [3, 13]
    callback.stop()


def test_putting_it_off_counts_from_now_and_touches_no_timer() -> None:
    callback, clock, runs = make_callback()
    callback.start()
    clock.advance(4)
    timers = clock.getDelayedCalls()
    callback.delay()
    assert clock.getDelayedCalls() == timers
    assert callback.calculate_next_run() == 14
    clock.pump([1] * 16)
    assert runs == [14]
    clock.pump([1] * 10)
    assert runs == [14, 24]
    callback.stop()


def test_it_can_be_put_off_again_and_again() -> None:
    callback, clock, runs = make_callback()
    callback.start()
    for _ in range(100):
        clock.advance(7)
        callback.delay()
    assert runs == []
    clock.advance(9.5)
    assert runs == []
    clock.advance(1)
    assert len(runs) == 1
    callback.stop()


def test_stopping_in_its_own_run_ends_it() -> None:
    clock = Clock()
    runs: list[float] = []

    def run() -> None:
        runs.append(clock.seconds())
        callback.stop()

    callback = Callback(run, 10, clock)
    callback.start()
    clock.pump([10] * 5)
    assert runs == [10]
    assert not callback.running
    assert clock.getDelayedCalls() == []


def test_starting_twice_and_stopping_twice_is_harmless() -> None:
    callback, clock, runs = make_callback()
    callback.stop()
    callback.start()
    callback.start()
    clock.pump([1] * 10)
    assert runs == [10]
    callback.stop()
    callback.stop()
    callback.start()
    clock.pump([1] * 10)
    assert runs == [10, 20]
    callback.stop()
