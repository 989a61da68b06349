"""The parent of workers: which it starts and replaces when, whatever ends meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from txsockjs.cli.options import Options
from txsockjs.cli.workers import supervisor
from txsockjs.cli.workers.supervisor import Supervisor

from ....support.workers import FakeChild


class Lab(Supervisor):
    """A parent of two workers that are made by hand."""

    def __init__(self) -> None:
        options = Options()
        options.parseOptions(["--workers", "2", "--app", "txsockjs.SockJSConnection"])
        self.born: list[Any] = []
        super().__init__(options, Clock())
        self._served = True  # or it would tell where it listens, and it does not
        for number in (1, 2):
            self._start(number)

    def take(self, *numbers: int) -> list[Any]:
        """Return the workers that were started since, which have these numbers."""
        born, self.born = self.born, []
        assert [child.number for child in born] == list(numbers)
        return born

    def advance(self, seconds: float) -> None:
        self._reactor.advance(seconds)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(supervisor, "Child", FakeChild)
    return Lab()


def serving(lab: Lab) -> list[Any]:
    """Have the first two serve."""
    both = lab.take(1, 2)
    for child in both:
        child.serve()
    return both


def test_workers_are_replaced_one_after_the_other(lab: Lab) -> None:
    first, second = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    assert not first.was_told_to_stop
    new.serve()
    assert first.was_told_to_stop
    lab.take()
    first.end()
    (newer,) = lab.take(2)
    newer.serve()
    with capturedLogs() as logged:
        second.end()
    assert [formatEvent(event) for event in logged] == ["all workers were replaced"]
    lab.roll()
    lab.take(1)


def test_one_that_ends_while_its_successor_starts_is_replaced_all_the_same(lab: Lab) -> None:
    first, second = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    first.end("signal 9")
    lab.advance(60)
    lab.take()
    new.serve()
    assert not new.was_told_to_stop
    (newer,) = lab.take(2)
    newer.serve()
    second.end()
    lab.roll()
    lab.take(1)


def test_if_its_successor_ends_too_it_is_started_again(lab: Lab) -> None:
    first, second = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    first.end("signal 9")
    new.end("no such module")
    lab.advance(0)
    (again,) = lab.take(1)
    again.serve()
    assert not second.was_told_to_stop
    lab.roll()
    lab.take(1)


def test_a_successor_that_ends_while_the_one_before_it_drains_is_started_again(lab: Lab) -> None:
    first, _ = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    new.serve()
    new.end("signal 9")
    lab.advance(0)
    (again,) = lab.take(1)
    again.serve()
    first.end()
    lab.take(2)


def test_another_worker_that_ends_meanwhile_is_started_again(lab: Lab) -> None:
    first, second = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    second.end("signal 9")
    lab.advance(0)
    (again,) = lab.take(2)
    again.end("signal 9")  # it did not even start
    new.serve()
    first.end()
    (newer,) = lab.take(2)  # in the place of what would have been started later
    lab.advance(60)
    lab.take()
    newer.serve()
    lab.roll()
    lab.take(1)


def test_one_that_does_not_serve_yet_is_not_waited_for_when_it_is_replaced(lab: Lab) -> None:
    first, second = lab.take(1, 2)
    second.serve()
    lab.roll()
    (new,) = lab.take(1)
    new.serve()
    assert first.was_told_to_stop
    first.end("signal 9")
    lab.take(2)


def test_workers_that_never_serve_end_the_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(supervisor, "end_with", ends.append)
    monkeypatch.setattr(lab._reactor, "stop", lambda: ends.append("stop"), raising=False)
    first, second = lab.take(1, 2)
    first.end("no such module")
    second.end("no such module")
    lab.advance(0)
    again, _ = lab.take(1, 2)
    again.end("no such module")
    assert ends == ["no such module", "stop"]


def test_they_do_not_while_another_one_serves(lab: Lab) -> None:
    first, second = serving(lab)
    first.end("signal 9")
    for _ in range(10):
        lab.advance(30)
        (again,) = lab.take(1)
        again.end("no such module")
    assert not second.was_told_to_stop
    lab.advance(30)
    (again,) = lab.take(1)
    again.serve()
    assert second.heard[-1] == {"leave": 1}


def test_nothing_is_started_while_it_stops(lab: Lab) -> None:
    first, second = serving(lab)
    lab.roll()
    (new,) = lab.take(1)
    stopped = lab.stopService()
    first.end()
    new.serve()  # it had not heard yet
    second.end()
    assert not stopped.called
    new.end()
    assert stopped.called
    lab.take()
    lab.advance(60)
    lab.take()
