"""A worker's process, as its parent sees it: what becomes of the lines that it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from txsockjs.cli.workers.child import Child
from txsockjs.cluster.directory import Directory

OUTPUT, ERRORS, EVENTS = 1, 2, 4
SAID = {"time": 1.5, "level": "error", "namespace": "a.b", "text": "hello"}


class Parent:
    """Keeps why children ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def ready(self, child: Child) -> None:
        raise AssertionError("it is not ready")

    def ended(self, child: Child, why: str) -> None:
        self.ends.append(why)


class Lab:
    """A child whose process is not there, and what is logged for it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.parent = Parent()
        clock = Clock()
        self.child = Child(3, self.parent, Directory(clock), clock)

    def observe(self, event: Any) -> None:
        if event.get("worker") == 3:
            self.events.append(event)

    def logged(self) -> list[tuple[str, str, str]]:
        """Return the level, the namespace and the text of each event."""
        return [
            (event["log_level"].name, event["log_namespace"], formatEvent(event))
            for event in self.events
        ]

    def end(self, reason: Exception) -> str:
        self.child.processEnded(Failure(reason))
        (why,) = self.parent.ends
        return why


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    globalLogPublisher.addObserver(lab.observe)
    yield lab
    globalLogPublisher.removeObserver(lab.observe)


def test_an_event_is_logged_as_the_worker_logged_it_with_its_number(lab: Lab) -> None:
    data = json.dumps(SAID).encode() + b"\n"
    lab.child.childDataReceived(EVENTS, data[:10])
    assert lab.logged() == []
    lab.child.childDataReceived(EVENTS, data[10:] + data)
    assert lab.logged() == [("error", "a.b", "[worker 3] hello")] * 2
    assert lab.events[0]["log_time"] == 1.5


def test_what_is_printed_is_logged_as_that_even_if_it_looks_like_an_event(lab: Lab) -> None:
    text = json.dumps(SAID)
    for descriptor in (OUTPUT, ERRORS):
        lab.child.childDataReceived(descriptor, text.encode() + b"\n\xff\n")
    assert lab.logged() == [
        ("info", "stdout", f"[worker 3] {text}"),
        ("info", "stdout", "[worker 3] \ufffd"),
        ("info", "stderr", f"[worker 3] {text}"),
        ("info", "stderr", "[worker 3] \ufffd"),
    ]


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "{}", "3", json.dumps({**SAID, "level": 1}), "[" * 100_000]
)
def test_what_is_no_event_is_logged_as_it_is(lab: Lab, line: str) -> None:
    lab.child.childDataReceived(EVENTS, line.encode() + b"\n")
    assert lab.logged() == [("info", "-", f"[worker 3] {line}")]


def test_a_line_that_does_not_end_is_cut(lab: Lab) -> None:
    for _ in range(40):
        lab.child.childDataReceived(OUTPUT, b"x" * 65536)
    lab.child.childDataReceived(OUTPUT, b"end\n")
    ((_, _, text),) = lab.logged()
    assert len(text) <= 1024 * 1024 + len("[worker 3] end")
    assert text.endswith("xend")


def test_the_last_words_of_one_that_never_served_tell_why_it_ended(lab: Lab) -> None:
    lab.child.childDataReceived(ERRORS, b"Traceback\n\nsockjs: it can't\n\n")
    lab.child.childDataReceived(OUTPUT, b"without an end")
    assert lab.end(ProcessTerminated(1)) == "sockjs: it can't"
    assert lab.logged()[-1] == ("info", "stdout", "[worker 3] without an end")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (ProcessDone(0), "it was done"),
        (ProcessTerminated(3), "exit code 3"),
        (ProcessTerminated(None, 9), "signal 9"),
    ],
)
def test_without_words_its_status_does(lab: Lab, reason: Exception, why: str) -> None:
    assert lab.end(reason) == why
