"""``/metrics`` by value: who was asked stands in it; without the library, what to install."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.actors import pace
from txsockjs.admin.asking import MOST, PATIENCE, NoAnswer, Others
from txsockjs.admin.families import FAMILIES
from txsockjs.admin.metrics import metrics

from .test_exposition import make_report


def get(asker: Others, clock: Clock) -> list[Any]:
    got: list[Any] = []
    Deferred.fromCoroutine(metrics(asker, clock)).addBoth(got.append)
    return got


def test_who_is_silent_or_failed_is_told_of() -> None:
    clock = Clock()
    asker = Others(clock, lambda: dict(zip("1234", "1234")), lambda *said: None, "worker")
    got = get(asker, clock)
    asker.take("4", {"number": 1, "value": {"mounts": []}})  # of another version
    asker.take("1", {"number": 1, "value": make_report()})
    asker.take("2", {"number": 1, "error": "failed"})
    clock.advance(PATIENCE)
    text = got[0].body.decode()
    for worker, answered in (("1", 1), ("2", 0), ("3", 0), ("4", 0)):
        assert f'txsockjs_worker_up{{worker="{worker}"}} {answered}.0\n' in text
    assert got[0].status == 200
    assert got[0].type.startswith("text/plain; version=")


def test_they_are_written_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    asker = Others(clock, lambda: {"1": "1"}, lambda *said: None, "worker")
    at_once, in_turns = get(asker, clock), get(asker, clock)
    report = make_report()
    asker.take("1", {"number": 1, "value": report})
    monkeypatch.setattr(pace, "LONGEST", 0.0)
    asker.take("1", {"number": 2, "value": report})
    turns = 0
    while not in_turns:
        (call,) = clock.getDelayedCalls()
        go_on, arguments = call.func, call.args
        call.cancel()
        go_on(*arguments)
        turns += 1
    assert turns > len(FAMILIES)
    assert in_turns == at_once
    assert clock.getDelayedCalls() == []


def test_too_many_scrapes_at_once_are_refused() -> None:
    clock = Clock()
    asker = Others(clock, lambda: {"1": "1"}, lambda *said: None, "worker")
    for _ in range(MOST):
        get(asker, clock)
    get(asker, clock)[0].trap(NoAnswer)
    clock.advance(PATIENCE)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "txsockjs.admin.exposition", raising=False)
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    clock = Clock()
    (answer,) = get(Others(clock, dict, lambda *said: None), clock)
    assert answer.status == 501
    assert answer.body == b"metrics need prometheus_client: pip install 'txsockjs[metrics]'\n"
