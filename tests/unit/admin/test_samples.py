"""Samples of what all processes do, made of their reports."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.admin.asking import Replies
from txsockjs.admin.samples import Sampler


def report(open: int = 0, began: float = 1.0, delay: float = 0.0, **totals: int) -> dict[str, Any]:
    names = ("opened", "messages_in", "messages_out", "bytes_in", "bytes_out")
    lost = totals.pop("lost", 0)
    traffic = {"open": open, "ended": {"lost": lost}, **dict.fromkeys(names, 0), **totals}
    return {
        "mounts": [{"mount": "/chat", "transports": {"xhr": traffic}}],
        "host": "web1",
        "process": {"pid": 7, "began": began, "resident_bytes": 1000},
        "delay": {"longest": delay},
    }


def replies(silent: Any = (), **answers: Any) -> Replies:
    return Replies(answers, {}, list(silent))


def test_totals_become_rates_of_each_and_of_all() -> None:
    sampler = Sampler()
    first = sampler.sample(replies(a=report(open=3), b=report(open=1)), 10.0, 1000.0)
    assert (first["at"], first["sessions"], first["mounts"]) == (1000.0, {"xhr": 4}, ["/chat"])
    assert first["rates"]["messages_in"] is None
    assert [each["rates"]["opened"] for each in first["processes"]] == [None, None]
    assert [each["sessions"] for each in first["processes"]] == [{"xhr": 3}, {"xhr": 1}]
    assert [(each["host"], each["pid"]) for each in first["processes"]] == [("web1", 7)] * 2
    second = sampler.sample(
        replies(a=report(messages_in=30, lost=2), b=report(messages_in=5, lost=1, delay=0.5)),
        12.0,
        1002.0,
    )
    assert second["rates"]["messages_in"] == 17.5
    assert [each["rates"]["messages_in"] for each in second["processes"]] == [15.0, 2.5]
    assert second["ended"] == {"lost": 3}
    assert [each["ended"] for each in second["processes"]] == [{"lost": 2}, {"lost": 1}]
    assert second["sessions"] == {}
    assert (second["delay"], second["memory"]) == (0.5, 2000)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "report",
        {},
        {**report(), "mounts": [{}]},
        {**report(), "mounts": [{"mount": 5, "transports": []}]},
        {**report(), "process": {"pid": 7, "began": 1, "resident_bytes": []}},
        {**report(), "delay": {"longest": "long"}},
        {**report(messages_in="many")},  # type: ignore[arg-type]
        {**report(lost=[])},  # type: ignore[arg-type]
    ],
)
def test_who_reports_something_odd_does_not_keep_the_others_from_view(odd: Any) -> None:
    sampler = Sampler()
    for at in (1.0, 2.0):
        found = sampler.sample(replies(a=report(open=1), b=odd), at, at)
        assert found["sessions"] == {"xhr": 1}
        assert found["silent"] == ["b"]


def test_a_process_that_is_new_or_was_silent_adds_nothing_that_it_counted_before() -> None:
    sampler = Sampler()
    sampler.sample(replies(a=report()), 0.0, 0.0)
    new = replies(a=report(messages_in=1), b=report(messages_in=1_000_000, lost=9))
    found = sampler.sample(new, 1.0, 1.0)
    assert (found["rates"]["messages_in"], found["ended"]) == (1.0, {})
    found = sampler.sample(replies(a=report(messages_in=2), silent=["b"]), 2.0, 2.0)
    assert (found["rates"]["messages_in"], found["silent"]) == (1.0, ["b"])
    back = replies(a=report(messages_in=3), b=report(messages_in=2_000_000))
    assert sampler.sample(back, 3.0, 3.0)["rates"]["messages_in"] == 1.0


def test_a_process_that_was_started_again_begins_at_nothing() -> None:
    sampler = Sampler()
    sampler.sample(replies(a=report(messages_in=100)), 0.0, 0.0)
    again = sampler.sample(replies(a=report(began=2.0, messages_in=5)), 1.0, 1.0)
    assert again["rates"]["messages_in"] is None


def test_nobody_may_answer() -> None:
    found = Sampler().sample(Replies({}, {"b": "failed"}, ["a"]), 0.0, 0.0)
    assert found["silent"] == ["a", "b"]
    assert (found["sessions"], found["delay"], found["memory"]) == ({}, None, None)
    assert set(found["rates"].values()) == {None}


def test_a_system_need_not_tell_the_memory() -> None:
    one = report()
    del one["process"]["resident_bytes"]
    assert Sampler().sample(replies(a=one), 0.0, 0.0)["memory"] is None
