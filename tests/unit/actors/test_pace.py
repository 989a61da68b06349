"""How much a connection may do in one turn."""

from __future__ import annotations

import pytest

from txsockjs.actors import pace
from txsockjs.actors.pace import LONGEST, Pace, next_look


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(pace, "clock", lambda: now[0])
    return now


def test_a_turn_ends_after_so_many_things(clock: list[float]) -> None:
    turn = Pace(3)
    assert [turn.may_go_on() for _ in range(3)] == [True, True, False]
    turn = Pace(10)
    assert [turn.may_go_on(4), turn.may_go_on(5), turn.may_go_on(1)] == [True, True, False]


def test_a_turn_ends_after_some_time(clock: list[float]) -> None:
    turn = Pace(1000)
    clock[0] += LONGEST / 2
    assert turn.may_go_on()
    clock[0] += LONGEST
    assert not turn.may_go_on()


def test_short_things_are_looked_after_now_and_then(clock: list[float]) -> None:
    began = clock[0]
    looks = [next_look(done, 100, began) for done in (1, 4, 16, 64, 99, 100, 101)]
    assert looks == [4, 16, 64, 100, 100, 0, 0]
    clock[0] += LONGEST / 2
    assert next_look(32, 100, began) == 33
    clock[0] += LONGEST
    assert next_look(33, 100, began) == 0
