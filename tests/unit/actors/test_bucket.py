"""The token bucket, by value: how much it lets pass in which time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, one_of, tuples

from txsockjs._kinds import Rate
from txsockjs.actors.bucket import Bucket

TEN = Rate(10, 1)


def passed(bucket: Bucket, now: float) -> int:
    """Take all that may be taken one by one at a time."""
    count = 0
    while not bucket.wait(now):
        bucket.take(now)
        count += 1
        assert count < 10_000
    return count


def test_it_is_full_at_first_and_fills_at_its_rate() -> None:
    bucket = Bucket(TEN, 100.0)
    assert bucket.is_full(100.0)
    assert passed(bucket, 100.0) == 10
    assert not bucket.is_full(100.0)
    assert bucket.wait(100.0) == pytest.approx(0.1)
    assert passed(bucket, 100.05) == 0
    assert passed(bucket, 100.1) == 1
    assert passed(bucket, 100.5) == 4
    assert bucket.is_full(101.5)


@pytest.mark.parametrize("rate", [Rate(7, 1), Rate(60, 60), Rate(1, 3600), Rate(999_999_999, 1)])
def test_there_is_a_token_after_the_wait_it_tells_whatever_the_fractions(rate: Rate) -> None:
    bucket, now = Bucket(rate, 0.1), 0.1
    bucket.take(now, rate.count)
    for _ in range(1000):
        wait = bucket.wait(now)
        assert 0 < wait <= rate.seconds / rate.count * 1.001
        now += wait
        assert bucket.wait(now) == 0
        bucket.take(now)


def test_a_rate_per_minute_may_come_at_once_and_then_one_a_second() -> None:
    bucket = Bucket(Rate(60, 60), 0.0)
    assert passed(bucket, 0.0) == 60
    assert bucket.wait(0.0) == pytest.approx(1.0)
    assert [passed(bucket, now) for now in (1.0, 1.5, 2.0, 12.0)] == [1, 0, 1, 10]


@pytest.mark.parametrize("stall", [1.0, 60.0, 1e9])
def test_a_stall_brings_one_bucket_and_no_more(stall: float) -> None:
    bucket = Bucket(TEN, 0.0)
    passed(bucket, 0.0)
    assert passed(bucket, stall) == 10
    assert passed(bucket, stall) == 0


def test_what_is_owed_is_paid_back_first() -> None:
    bucket = Bucket(TEN, 0.0)
    bucket.take(0.0, 110)
    assert bucket.wait(0.0) == pytest.approx(10.1)
    assert bucket.wait(10.0) == pytest.approx(0.1)
    assert passed(bucket, 10.1) == 1


def test_a_clock_that_is_set_back_brings_nothing_and_takes_nothing() -> None:
    bucket = Bucket(TEN, 1000.0)
    assert passed(bucket, 1000.0) == 10
    assert passed(bucket, 0.0) == 0
    assert bucket.wait(0.0) == pytest.approx(0.1)
    assert passed(bucket, 0.1) == 1
    assert passed(bucket, 1000.0) == 10  # a jump ahead is a stall


_STEPS = lists(
    tuples(one_of(floats(0, 0.3), floats(-5, 50)), integers(0, 4)), min_size=1, max_size=60
)


@given(_STEPS)
def test_no_more_than_a_bucket_and_what_the_time_brings_ever_passes(
    steps: list[tuple[float, int]],
) -> None:
    bucket, now, ahead, taken = Bucket(TEN, 0.0), 0.0, 0.0, 0
    for step, wanted in steps:
        now += step
        ahead += max(step, 0.0)
        for _ in range(wanted):
            if not bucket.wait(now):
                bucket.take(now)
                taken += 1
        assert taken <= 10 + ahead * 10 + 1e-3
