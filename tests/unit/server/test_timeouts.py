"""How long a connection may be idle, bring a request, and take an answer: by value."""

from __future__ import annotations

import pytest

from txsockjs.server.timeouts import FLOOR, Progress, Timeouts, is_over


def test_nothing_is_too_long_without_limits() -> None:
    assert Timeouts(None, None).shortest is None
    assert not is_over(1e9, None)
    assert not Progress(0.0).is_over(1e9, None, 0)


def test_the_shorter_limit_is_the_shortest() -> None:
    assert Timeouts(75.0, 60.0).shortest == 60
    assert Timeouts(75.0, None).shortest == 75
    assert Timeouts(None, 60.0).shortest == 60


def test_a_limit_is_over_when_it_is_reached() -> None:
    assert not is_over(59.9, 60.0)
    assert is_over(60.0, 60.0)


@pytest.mark.parametrize("start", [0, -100_000])
def test_where_nothing_moves_it_is_over_at_the_limit(start: int) -> None:
    progress = Progress(1000.0, start)
    assert not progress.is_over(1059.9, 60.0, start)
    assert progress.is_over(1060.0, 60.0, start)


def over_at(progress: Progress, rate: float) -> int:
    """Look every ten seconds, and return when it was over."""
    looks = range(10, 100_000, 10)
    return next((now for now in looks if progress.is_over(now, 60.0, int(now * rate))), 0)


def test_what_goes_on_fast_enough_may_take_any_time() -> None:
    assert over_at(Progress(0.0), FLOOR) == 0
    assert over_at(Progress(0.0), 1000 * FLOOR) == 0


def test_what_goes_on_more_slowly_is_over_after_more_time() -> None:
    assert over_at(Progress(0.0), 0) == 60
    assert over_at(Progress(0.0), FLOOR / 2) == 120
    assert over_at(Progress(0.0), FLOOR * 0.9) == 600


def test_haste_in_the_beginning_earns_no_time_for_later() -> None:
    progress = Progress(0.0)
    assert not progress.is_over(10.0, 60.0, 1000 * FLOOR)
    assert not progress.is_over(60.0, 60.0, 1000 * FLOOR)
    assert progress.is_over(70.0, 60.0, 1000 * FLOOR)


def test_bytes_that_were_added_are_no_step_back() -> None:
    progress = Progress(0.0, -1000)
    assert not progress.is_over(10.0, 60.0, -10_000)
    assert progress.is_over(60.0, 60.0, -10_000)
