"""How often a process that only serves looks for garbage."""

from __future__ import annotations

import sys

import pytest

from txsockjs.cli import garbage


class Collector:
    """What is asked of the module ``gc``."""

    def __init__(self, *thresholds: int) -> None:
        self.thresholds = thresholds
        self.called: list[str] = []

    def collect(self) -> None:
        self.called.append("collect")

    def freeze(self) -> None:
        self.called.append("freeze")

    def get_threshold(self) -> tuple[int, ...]:
        return self.thresholds

    def set_threshold(self, *thresholds: int) -> None:
        self.thresholds = thresholds


def after(monkeypatch: pytest.MonkeyPatch, *thresholds: int) -> Collector:
    collector = Collector(*thresholds)
    monkeypatch.setattr(garbage, "gc", collector)
    garbage.look_seldom()
    return collector


@pytest.fixture
def _cpython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "cpython")


@pytest.mark.usefixtures("_cpython")
@pytest.mark.parametrize("default", [(700, 10, 10), (2000, 10, 10)])
def test_less_often_than_python_does(
    monkeypatch: pytest.MonkeyPatch, default: tuple[int, ...]
) -> None:
    collector = after(monkeypatch, *default)
    assert collector.called == ["collect", "freeze"]
    assert collector.thresholds[0] > default[0]
    # An older object is looked at after many more were made.
    first, second, third = collector.thresholds
    assert first * second * third > default[0] * default[1] * default[2]


@pytest.mark.usefixtures("_cpython")
@pytest.mark.parametrize("own", [(0, 10, 10), (50_000, 10, 10), (2000, 10, 0), (700, 10, 50)])
def test_as_often_as_the_application_chose(
    monkeypatch: pytest.MonkeyPatch, own: tuple[int, ...]
) -> None:
    assert after(monkeypatch, *own).thresholds == own


def test_not_otherwise_where_nothing_counts_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    collector = after(monkeypatch, 700, 10, 10)
    assert (collector.called, collector.thresholds) == ([], (700, 10, 10))
