"""The states of a mailbox: what it does, and what it still takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txsockjs.actors import pace
from txsockjs.actors.mailbox import AWAITING, IDLE, RUNNING, YIELDED, Activity, Mailbox
from txsockjs.actors.scheduler import Scheduler

from ...support.state_tables import pairs, transitions, watch


@pytest.fixture(autouse=True)
def changes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """What mailboxes did after what; nothing that is not in the table."""
    seen = watch(monkeypatch, Mailbox, "activity")
    yield seen
    assert set(seen) <= pairs(Activity)


class Box(Mailbox):
    """A mailbox that notes what it is told; ``answers`` are what its calls return or raise."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(Scheduler(self.clock), 1000)
        self.heard: list[Any] = []
        self.seen: list[Activity] = []
        self.answers: dict[Any, Any] = {}

    def call(self, argument: Any) -> Any:
        self.heard.append(argument)
        self.seen.append(self.activity)
        answer = self.answers.get(argument)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def failed(self, failure: Failure) -> None:
        self.heard.append(type(failure.value))

    def done(self) -> None:
        self.heard.append("done")

    def cancelled(self, awaited: Deferred[Any]) -> None:
        self.abandon(awaited)


def in_activity(activity: Activity, monkeypatch: pytest.MonkeyPatch) -> tuple[Box, Any]:
    """Return a mailbox that does this, and what ends that."""
    box = Box()
    if activity is AWAITING:
        gate: Deferred[None] = Deferred()
        box.answers["wait"] = gate
        box.put(box.call, "wait")
        return box, lambda: gate.callback(None)
    if activity is YIELDED:
        now = [0.0]
        monkeypatch.setattr(pace, "clock", lambda: now[0])
        box.answers["d"] = lambda: now.__setitem__(0, 1.0)
        box.put_all(box.call, list("abcdefg"), 0)
        return box, lambda: box.clock.advance(0)
    return box, lambda: None


@pytest.mark.parametrize("activity", [IDLE, AWAITING, YIELDED])
def test_what_comes_is_called_now_or_after_what_came_before(
    activity: Activity, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, go_on = in_activity(activity, monkeypatch)
    assert box.activity is activity
    before = len(box.heard)
    box.put(box.call, "x")
    box.put_all(box.call, ["y", "z"], 0)
    assert box.heard[before:] == (["x", "y", "z"] if activity is IDLE else [])
    go_on()
    assert box.heard[-3:] == ["x", "y", "z"]
    assert set(box.seen) == {RUNNING}
    assert box.activity is IDLE
    assert box.size == 0


@pytest.mark.parametrize("activity", [IDLE, AWAITING, YIELDED])
@pytest.mark.parametrize("drop", [True, False])
def test_the_last_call_comes_after_what_was_taken_or_in_its_place(
    activity: Activity, drop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, go_on = in_activity(activity, monkeypatch)
    box.put(box.call, "x")
    dropped = box.shut(drop)
    assert not box.put(box.call, "late")
    assert box.put_all(box.call, ["late"], 0) == 0
    box.close(box.call)
    go_on()
    assert box.heard[-2:] == [None, "done"]
    waited = 0 if activity is IDLE else 1 if activity is AWAITING else 4
    assert dropped == (waited if drop else 0)
    assert ("x" in box.heard) is (not drop or activity is IDLE)
    assert box.activity is IDLE


@pytest.mark.parametrize("activity", [AWAITING, YIELDED])
def test_a_mailbox_that_is_given_up_makes_its_last_call_at_once(
    activity: Activity, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, _ = in_activity(activity, monkeypatch)
    box.put(box.call, "x")
    box.shut(False)
    box.close(box.call)
    assert box.give_up() == (1 if activity is AWAITING else 4)
    assert box.heard[-2:] == [None, "done"]
    assert box.give_up() == 0


def test_what_was_awaited_may_fire_at_once() -> None:
    box = Box()
    fired: Deferred[None] = Deferred()
    fired.callback(None)
    box.answers["a"] = fired
    box.put_all(box.call, ["a", "b"], 0)
    assert box.heard == ["a", "b"]
    assert box.activity is IDLE


@pytest.mark.parametrize("place", range(4))
def test_a_batch_goes_on_after_a_call_that_fails(place: int) -> None:
    box = Box()
    messages = list("abcd")
    box.answers[messages[place]] = ValueError()
    assert box.put_all(box.call, messages, 0) == 4
    assert box.heard == [*messages[: place + 1], ValueError, *messages[place + 1 :]]
    assert box.activity is IDLE


@pytest.mark.parametrize("place", range(4))
def test_a_batch_goes_on_after_a_call_that_waits(place: int) -> None:
    box = Box()
    messages = list("abcd")
    gate: Deferred[None] = Deferred()
    box.answers[messages[place]] = gate
    assert box.put_all(box.call, messages, 0) == 4
    assert box.heard == messages[: place + 1]
    assert box.activity is AWAITING
    gate.callback(None)
    assert box.heard == messages
    assert box.activity is IDLE


@pytest.mark.parametrize("place", range(4))
def test_the_rest_of_a_batch_is_dropped_if_a_call_shuts_the_mailbox(place: int) -> None:
    box = Box()
    messages = list("abcd")
    box.answers[messages[place]] = lambda: box.shut(True) or None
    assert box.put_all(box.call, messages, 0) == place + 1
    assert box.heard == messages[: place + 1]
    assert box.activity is IDLE


Steps = Callable[[pytest.MonkeyPatch], object]


def one_comes(_: pytest.MonkeyPatch) -> None:
    Box().put(list, "a")


def one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    in_activity(AWAITING, monkeypatch)


def time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    in_activity(YIELDED, monkeypatch)


def goes_on_after(activity: Activity) -> Steps:
    return lambda monkeypatch: in_activity(activity, monkeypatch)[1]()


def gives_up_in(activity: Activity) -> Steps:
    return lambda monkeypatch: in_activity(activity, monkeypatch)[0].give_up()


HAPPENS: dict[tuple[str, str, str], tuple[Steps, ...]] = {
    ("IDLE", "something to call comes", "RUNNING"): (one_comes,),
    ("RUNNING", "nothing is left to call", "IDLE"): (one_comes,),
    ("RUNNING", "a call returned what has to be awaited", "AWAITING"): (one_waits,),
    ("RUNNING", "the time of a turn is over and something is left to call", "YIELDED"): (
        time_is_over,
    ),
    ("AWAITING", "what was awaited fired, or was given up", "RUNNING"): (
        goes_on_after(AWAITING),
        gives_up_in(AWAITING),
    ),
    ("YIELDED", "the reactor's next iteration came, or the mailbox was given up", "RUNNING"): (
        goes_on_after(YIELDED),
        gives_up_in(YIELDED),
    ),
}


def test_the_table_says_what_happens_here() -> None:
    assert transitions(Activity) == list(HAPPENS)


@pytest.mark.parametrize("row", HAPPENS, ids=lambda row: f"{row[0]} {row[1]}")
def test_each_row_of_the_table_happens(
    row: tuple[str, str, str],
    changes: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, _, after = row
    for happens in HAPPENS[row]:
        changes.clear()
        happens(monkeypatch)
        assert (before, after) in changes
