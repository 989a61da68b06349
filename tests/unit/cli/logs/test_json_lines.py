"""The log as lines of JSON: what a line says of an event, and that an event is one line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python import log as legacy
from twisted.python.failure import Failure

from txsockjs.cli.logs.json_lines import event_of_worker, json_line, json_observer, read_event, utc


def logged(act: Any) -> list[dict[str, Any]]:
    """Return what is written of what ``act`` does with a logger."""
    file = io.StringIO()
    publisher = LogPublisher(json_observer(file))
    act(Logger("some.where", observer=publisher))
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_line_has_the_time_the_level_the_namespace_and_the_text() -> None:
    (line,) = logged(lambda log: log.error("{count} were lost", count=3))
    assert list(line) == ["time", "level", "namespace", "text"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["namespace"]) == ("error", "some.where")
    assert line["text"] == "3 were lost"


def test_a_time_is_in_utc_to_the_millisecond() -> None:
    assert utc(0) == "1970-01-01T00:00:00.000Z"
    assert utc(1795665600.1239) == "2026-11-26T04:00:00.123Z"


def test_what_was_raised_is_a_field() -> None:
    def act(log: Logger) -> None:
        try:
            raise RuntimeError("first\nsecond")
        except RuntimeError:
            log.failure("it failed")

    (line,) = logged(act)
    assert line["level"] == "critical"
    assert line["text"] == "it failed"
    assert line["failure"].startswith("Traceback (most recent call last):\n")
    assert line["failure"].endswith("RuntimeError: first\nsecond")


def test_an_exception_that_can_not_be_printed_costs_its_traceback_only() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    class Broken(Failure):
        def getTraceback(self, *arguments: Any, **options: Any) -> str:
            raise ValueError("no")

    for failure in (Failure(Unprintable()), Broken(RuntimeError())):
        (line,) = logged(lambda log, failure=failure: log.failure("it failed", failure))
        assert line["text"] == "it failed"
        assert isinstance(line["failure"], str)


@pytest.mark.parametrize("text", ['a\n{"time": 1}', "\r\x1b[2J\x85\u2028", "\ud800", '"', "ü"])
def test_an_event_is_one_line_of_ascii_whatever_it_says(text: str) -> None:
    file = io.StringIO()
    Logger("a", observer=LogPublisher(json_observer(file))).info("{text}", text=text)
    written = file.getvalue()
    assert written.isascii()
    assert written.splitlines() == [written[:-1]]
    assert json.loads(written)["text"] == text


def test_what_is_logged_in_the_old_way_is_a_line_too() -> None:
    events: list[Any] = []
    publisher = legacy.LogPublisher(publishPublisher=LogPublisher(events.append))
    publisher.msg("hello", "there")
    (line,) = [json.loads(json_line(event)) for event in events]
    assert line["text"] == "hello there"
    assert line["level"] == "info"


def test_an_event_without_anything_is_a_line() -> None:
    line = json.loads(json_line({}))
    assert (line["level"], line["namespace"], line["text"]) == ("info", "-", "")


def test_an_event_of_a_worker_is_the_one_it_logged_with_its_number() -> None:
    def act(log: Logger) -> None:
        log.failure("it failed with {words}", Failure(RuntimeError("boom")), words="{}\n")

    events: list[Any] = []
    act(Logger("some.where", observer=LogPublisher(events.append)))
    said = json.loads(json.dumps(read_event(events[0])))
    relayed = event_of_worker(3, said)
    assert relayed["log_time"] == events[0]["log_time"]
    assert relayed["log_level"] is LogLevel.critical
    assert json.loads(json_line(relayed)) == {**json.loads(json_line(events[0])), "worker": 3}


def test_as_text_an_event_of_a_worker_begins_with_its_number() -> None:
    from twisted.logger import formatEventAsClassicLogText  # noqa: PLC0415

    said = {"time": 0, "level": "error", "namespace": "a.b", "text": "{x}", "failure": "T\nE"}
    text = formatEventAsClassicLogText(event_of_worker(2, said), formatTime=lambda when: "then")
    assert text == "then [a.b#error] [worker 2] {x}\n\tT\n\tE\n"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"time": "soon", "level": "info", "namespace": "", "text": ""},
        {"time": 1, "level": "loud", "namespace": "", "text": ""},
    ],
)
def test_what_is_no_event_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        event_of_worker(1, said)
