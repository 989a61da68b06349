"""SIGUSR1 opens logs anew, in the reactor, and what was there before is called, too."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from txsockjs.cli.logs.usr1 import on_usr1


class Reactor:
    """Keeps what it is to call."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.calls.append(call)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    before = signal.getsignal(signal.SIGUSR1)
    yield Reactor()
    signal.signal(signal.SIGUSR1, before)


def test_the_call_is_made_by_the_reactor(reactor: Reactor) -> None:
    said: list[str] = []
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    on_usr1(reactor, lambda: said.append("reopen"))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert said == []
    for call in reactor.calls:
        call()
    assert said == ["reopen"]


def test_what_was_called_before_is_still_called(reactor: Reactor) -> None:
    before: list[Any] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: before.append(number))
    on_usr1(reactor, lambda: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert before == [signal.SIGUSR1]
    assert len(reactor.calls) == 1


def test_a_system_without_the_signal_is_left_alone(
    reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    number = signal.SIGUSR1
    monkeypatch.delattr(signal, "SIGUSR1")
    on_usr1(reactor, lambda: None)
    assert signal.getsignal(number) == before
    monkeypatch.undo()
