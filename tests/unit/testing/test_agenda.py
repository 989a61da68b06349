"""What a client in memory has to do, and when it does it."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txsockjs.testing.agenda import Agenda, Unread


def make_agenda() -> tuple[Agenda, Clock, list[str]]:
    clock = Clock()
    return Agenda(clock), clock, []


def test_actions_are_done_in_order_and_later_ones_first_come() -> None:
    agenda, clock, done = make_agenda()
    agenda.later(lambda: done.append("first"))
    agenda.later(lambda: done.append("second"))
    assert done == []
    agenda.do(lambda: done.append("third"))
    assert done == ["first", "second", "third"]
    assert clock.getDelayedCalls() == []


def test_what_is_for_later_is_done_in_the_clocks_next_iteration() -> None:
    agenda, clock, done = make_agenda()
    agenda.later(lambda: done.append("it"))
    clock.advance(0)
    assert done == ["it"]
    assert clock.getDelayedCalls() == []


def test_nothing_is_done_inside_something_else() -> None:
    agenda, clock, done = make_agenda()

    def outer() -> None:
        agenda.do(lambda: done.append("inner"))
        agenda.later(lambda: done.append("later"))
        done.append("outer")

    agenda.do(outer)
    assert done == ["outer", "inner", "later"]
    assert clock.getDelayedCalls() == []


def test_a_problem_is_raised_once_to_whoever_acts_next() -> None:
    agenda, _, done = make_agenda()
    agenda.fail(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        agenda.do(lambda: done.append("it"))
    agenda.do()
    assert done == ["it"]


def test_after_a_failed_action_it_goes_on() -> None:
    agenda, _, done = make_agenda()
    with pytest.raises(ZeroDivisionError):
        agenda.do(lambda: 1 / 0)
    agenda.do(lambda: done.append("it"))
    assert done == ["it"]


def test_a_cleared_agenda_does_nothing_and_leaves_no_timer() -> None:
    agenda, clock, done = make_agenda()
    agenda.later(lambda: done.append("it"))
    agenda.clear()
    assert clock.getDelayedCalls() == []
    agenda.do()
    assert done == []


def test_what_is_not_read_is_kept_in_order() -> None:
    unread, done = Unread(), list[str]()
    unread.read(lambda: done.append("first"))
    unread.reading = False
    unread.read(lambda: done.append("second"))
    unread.read(lambda: done.append("third"))
    assert done == ["first"]
    unread.read_on()
    assert done == ["first", "second", "third"]
    unread.read(lambda: done.append("fourth"))
    assert done[-1] == "fourth"


def test_what_was_kept_can_be_forgotten() -> None:
    unread, done = Unread(), list[str]()
    unread.reading = False
    unread.read(lambda: done.append("it"))
    unread.clear()
    unread.read_on()
    assert done == []
