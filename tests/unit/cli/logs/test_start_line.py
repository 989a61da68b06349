"""What a server says once it serves, and when it warns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from txsockjs import SockJSConnection
from txsockjs.cli.logs import start_line as module
from txsockjs.cli.logs.start_line import log_start, sessions_to_expect, start_line
from txsockjs.cli.mount import Mount
from txsockjs.cli.plan import Plan
from txsockjs.protocols.gateway import Upstream


class App(SockJSConnection):
    """Something to mount."""


@pytest.fixture
def said() -> Iterator[list[tuple[str, str]]]:
    """The level and the words of what is logged."""
    events: list[tuple[str, str]] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == module.__name__:
            events.append((event["log_level"].name, event["log_format"].format(**event)))

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def limited(*bounds: int | None) -> Plan:
    return Plan(
        mounts=[
            Mount(f"/{number}", App, {} if bound is None else {"max_sessions": bound})
            for number, bound in enumerate(bounds)
        ]
    )


def test_it_says_where_and_what_and_within_which_limits() -> None:
    plan = Plan(
        settings={"max_sessions": 10},
        mounts=[
            Mount("", App, {"max_sessions": None}),
            Mount("/irc", Upstream("tcp:a:1"), {"message_rate": "60/min"}),
        ],
    )
    line = start_line(plan, ["http://a:1", "unix:b"], [], 1024)
    assert line == (
        f"serving / ({__name__}.App), /irc (tcp:a:1, max_sessions 10, message_rate 60/min) "
        "at http://a:1, unix:b; 1024 file descriptors"
    )


def test_it_says_what_else_there_is() -> None:
    line = start_line(Plan(workers=4), ["http://a:1"], ["http://a:2"], None)
    assert line == (
        "serving the demo at http://a:1; admin at http://a:2; "
        "4 workers, the limits are those of each; any number of file descriptors"
    )


@pytest.mark.parametrize(
    ("plan", "number"),
    [
        (Plan(), 4096),
        (limited(None), 4096),
        (limited(100), 100),
        (limited(100, 200), 300),
        (limited(100, None), 4096),
        (limited(10_000, None), 10_000),
    ],
)
def test_how_many_sessions_are_to_be_expected(plan: Plan, number: int) -> None:
    assert sessions_to_expect(plan) == number


@pytest.mark.parametrize(("limit", "levels"), [(99, ["info", "warn"]), (100, ["info"])])
def test_it_warns_of_fewer_descriptors_than_sessions(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str]], limit: int, levels: list[str]
) -> None:
    monkeypatch.setattr(module, "descriptor_limit", lambda: limit)
    log_start(limited(100), ["http://a:1"])
    assert [level for level, _ in said] == levels
    assert said[0][1].endswith(f"at http://a:1; {limit} file descriptors")
    for _, words in said[1:]:
        assert words.startswith("a process may have 99 file descriptors, ")
        assert "more than 100 " in words


def test_where_there_is_no_limit_it_does_not_warn(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(module, "descriptor_limit", lambda: None)
    log_start(limited(100), ["http://a:1"])
    assert [level for level, _ in said] == ["info"]
