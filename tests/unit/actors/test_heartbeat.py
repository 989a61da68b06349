"""`Callback` on a clock of its own."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from txsockjs.actors.heartbeat import Callback, Seldom, Starter
from txsockjs.actors.pace import Pace


def make_callback(starter: Starter | None = None) -> tuple[Callback, Clock, list[float]]:
    clock = Clock()
    runs: list[float] = []
    return Callback(lambda: runs.append(clock.seconds()), 10, clock, starter), clock, runs


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


def make_started(starter: Starter) -> tuple[Callback, Clock, list[float]]:
    callback, clock, runs = make_callback(starter)
    callback.start()
    return callback, clock, runs


def sweep(starter: Starter, clock: Clock, most: int = 100) -> bool:
    return starter.sweep(clock.seconds(), Pace(most))


def test_a_starter_makes_no_timer_before_its_sweep() -> None:
    starter = Starter(1)
    callback, clock, runs = make_started(starter)
    assert callback.running
    assert clock.getDelayedCalls() == []
    clock.advance(1)
    sweep(starter, clock)
    assert callback.running
    assert len(clock.getDelayedCalls()) == 1
    assert not starter.waiting
    clock.pump([1] * 25)
    assert runs == [10, 20]
    callback.stop()
    assert clock.getDelayedCalls() == []


def test_what_stops_before_the_sweep_never_has_a_timer() -> None:
    starter = Starter(1)
    callback, clock, _ = make_started(starter)
    callback.stop()
    assert not callback.running
    sweep(starter, clock)
    assert clock.getDelayedCalls() == []
    callback.start()
    assert callback.running
    sweep(starter, clock)
    assert callback.running
    callback.stop()


def test_they_wait_for_as_long_as_the_starter_has_patience() -> None:
    starter = Starter(1, patience=5)
    first, clock, runs = make_started(starter)
    clock.advance(1)
    second = Callback(lambda: runs.append(clock.seconds()), 10, clock, starter)
    second.start()
    for timers in (0, 0, 0, 0, 1, 2):
        sweep(starter, clock)
        assert len(clock.getDelayedCalls()) == timers
        clock.advance(1)
    clock.pump([1] * 10)
    assert runs == [10, 11]
    first.stop()
    second.stop()


def test_one_that_is_due_before_the_patience_is_over_has_its_timer_at_once() -> None:
    callback, clock, runs = make_started(Starter(5, patience=5))
    assert len(clock.getDelayedCalls()) == 1
    clock.pump([1] * 10)
    assert runs == [10]
    callback.stop()


def test_a_sweep_starts_as_many_as_a_turn_may_the_first_ones_first() -> None:
    starter = Starter(1)
    clock = Clock()
    callbacks = [Callback(lambda: None, 10, clock, starter) for _ in range(25)]
    for callback in callbacks:
        callback.start()
    assert sweep(starter, clock, most=10)
    assert list(starter.waiting) == callbacks[9:]
    assert sweep(starter, clock, most=10)
    assert not sweep(starter, clock, most=10)
    assert len(clock.getDelayedCalls()) == 25
    for callback in callbacks:
        callback.stop()


def test_what_was_put_off_before_the_sweep_counts_from_then() -> None:
    starter = Starter(1)
    callback, clock, runs = make_started(starter)
    clock.advance(0.5)
    callback.delay()
    clock.advance(0.5)
    sweep(starter, clock)
    clock.pump([0.5] * 30)
    assert runs == [10.5]
    callback.stop()


def test_what_is_due_when_a_late_sweep_comes_runs_at_once() -> None:
    starter = Starter(1)
    callback, clock, runs = make_started(starter)
    clock.advance(11)
    sweep(starter, clock)
    assert runs == [11]
    clock.pump([1] * 10)
    assert runs == [11, 21]
    callback.stop()


def test_one_that_is_stopped_by_another_one_in_the_sweep_stays_stopped() -> None:
    starter = Starter(1)
    clock = Clock()
    callbacks: list[Callback] = []

    def stop_all() -> None:
        runs.append(clock.seconds())
        for callback in callbacks:
            callback.stop()

    runs: list[float] = []
    callbacks += [Callback(stop_all, 10, clock, starter) for _ in range(5)]
    for callback in callbacks:
        callback.start()
    clock.advance(20)
    sweep(starter, clock)
    clock.pump([1] * 30)
    assert runs == [20]
    assert clock.getDelayedCalls() == []


def test_what_is_due_before_the_sweep_starts_at_once() -> None:
    callback, clock, runs = make_started(Starter(15))
    clock.pump([1] * 10)
    assert runs == [10]
    callback.stop()


def test_a_run_that_is_due_at_once_comes_with_the_next_iteration() -> None:
    callback, clock, runs = make_callback()
    callback.start(0)
    assert runs == []
    clock.advance(0.001)
    assert len(runs) == 1
    callback.stop()


def test_one_that_failed_can_be_started_again() -> None:
    starter = Starter(1)
    clock = Clock()
    runs: list[float] = []

    def run() -> None:
        runs.append(clock.seconds())
        if len(runs) == 1:
            raise ValueError("once")

    callback = Callback(run, 10, clock, starter)
    callback.start()
    sweep(starter, clock)
    with capturedLogs() as logged:
        clock.advance(10)
    assert len(logged) == 1
    assert not callback.running
    callback.start()
    assert callback.running
    callback.stop()
    assert not starter.waiting
    callback.start()
    sweep(starter, clock)
    clock.advance(10)
    assert runs == [10, 20]
    callback.stop()
    assert clock.getDelayedCalls() == []


# -- what is told seldom


def test_what_happens_often_is_told_once_a_second_with_how_often() -> None:
    clock = Clock()
    told: list[tuple[float, int]] = []
    seldom = Seldom(clock.seconds, lambda count: told.append((clock.seconds(), count)))
    seldom.flush(last=True)
    for _ in range(5):
        for _ in range(100):
            seldom.happened()
        clock.advance(0.25)
    assert told == [(0, 1), (1, 400)]
    seldom.flush()
    assert len(told) == 2
    clock.advance(0.75)
    seldom.flush()
    seldom.flush()
    assert told[2:] == [(2, 99)]
    seldom.happened()
    seldom.flush(last=True)
    assert told[3:] == [(2, 1)]
    assert sum(count for _, count in told) == 501
    assert clock.getDelayedCalls() == []


def test_a_clock_that_was_set_back_does_not_silence_it() -> None:
    now = [5000.0]
    told: list[int] = []
    seldom = Seldom(lambda: now[0], told.append)
    seldom.happened()
    now[0] -= 3600
    seldom.happened()
    assert told == [1, 1]
