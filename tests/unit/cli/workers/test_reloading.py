"""The parent of one worker under ``--reload``: which worker it starts, and when."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from txsockjs.cli.options import Options
from txsockjs.cli.workers import supervisor
from txsockjs.cli.workers.reloading import Reloader

from ....support.workers import FakeChild


class Lab(Reloader):
    """A parent whose workers are made by hand, and that looks at no files."""

    def __init__(self) -> None:
        options = Options()
        options.parseOptions(["--reload", "--app", "txsockjs.SockJSConnection"])
        self.born: list[Any] = []
        super().__init__(options, Clock())
        self._served = True  # or it would tell where it listens, and it does not
        self._start(1)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(supervisor, "Child", FakeChild)
    return Lab()


def test_a_change_starts_a_worker_that_takes_over_once_it_serves(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    with capturedLogs() as logged:
        lab.changed({"chat.py"})
        old_and_new = lab.born
        assert len(old_and_new) == 2
        assert old.is_ready
        new = old_and_new[1]
        new.serve()
        assert old.was_told_to_stop
        assert not old.killed
        words = [formatEvent(event) for event in logged]
        old.end()
    assert "chat.py changed: starting anew" in words
    assert words[-1] == "the new code serves"
    assert lab.born == [old, new]


def test_new_code_that_does_not_start_leaves_the_old_one_serving(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    lab.changed({"chat.py"})
    with capturedLogs() as logged:
        lab.born[1].end("SyntaxError: invalid syntax")
    words = [formatEvent(event) for event in logged]
    told = "the new code does not start, so the old one serves: SyntaxError: invalid syntax"
    assert words == [told]
    assert old.is_ready
    assert not old.was_told_to_stop
    lab.changed({"chat.py"})
    lab.born[2].serve()
    assert old.was_told_to_stop


def test_a_change_meanwhile_ends_the_worker_that_is_about_to_start(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    lab.changed({"chat.py"})
    late = lab.born[1]
    lab.changed({"chat.py"})
    assert late.killed
    assert len(lab.born) == 2  # its process has not ended yet
    late.end("signal 9")
    newest = lab.born[2]
    newest.serve()
    assert old.was_told_to_stop


def test_a_change_meanwhile_does_not_wait_for_the_one_that_ends(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    lab.changed({"chat.py"})
    new = lab.born[1]
    new.serve()
    lab.changed({"chat.py"})
    assert old.killed
    assert not new.killed
    old.end("signal 9")
    assert len(lab.born) == 3
    lab.born[2].serve()
    assert new.was_told_to_stop


def test_without_a_worker_the_next_change_is_waited_for(lab: Lab) -> None:
    with capturedLogs() as logged:
        lab.born[0].end("on_start failed: OSError: no database")
    (event,) = logged
    assert formatEvent(event) == (
        "it does not start: on_start failed: OSError: no database; waiting for a change"
    )
    lab._reactor.advance(60)
    assert len(lab.born) == 1
    lab.changed({"chat.py", "db.py"})
    assert len(lab.born) == 2


def test_a_worker_that_crashes_is_started_again_and_at_once_after_a_change(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    old.end("signal 11")
    lab._reactor.advance(0)
    second = lab.born[1]
    second.serve()
    second.end("signal 11")
    lab.changed({"chat.py"})
    lab._reactor.advance(60)
    assert len(lab.born) == 3


def test_nothing_is_started_while_it_stops(lab: Lab) -> None:
    (old,) = lab.born
    old.serve()
    lab.stopService()
    lab.changed({"chat.py"})
    old.end()
    assert lab.born == [old]
