"""The commands of ``python -m txsockjs``."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.python import usage

from txsockjs.cli.commands import INTERRUPTED, Options, _run


def test_a_command_is_needed() -> None:
    with pytest.raises(usage.UsageError, match="wanted: one of publish, connect, check"):
        Options().parseOptions([])


@pytest.mark.parametrize("command", ["connect", "check"])
def test_each_reads_its_own_words(command: str) -> None:
    options = Options()
    options.parseOptions([command, "http://x/y", "--json"])
    assert options.subCommand == command
    assert options.subOptions["json"]


class Stopping:
    """A reactor that can be stopped."""

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> None:
        self.stop = call


class Waiting:
    """A command that waits."""

    def __init__(self, answer: int | None = None) -> None:
        self.waiting: Deferred[int] = Deferred()
        self.answer = answer

    async def run(self, reactor: Any) -> int:
        try:
            return await self.waiting
        except BaseException:
            if self.answer is None:
                raise
            return self.answer


@pytest.mark.parametrize("answer", [None, 2])
def test_a_command_that_is_interrupted_says_so(answer: int | None) -> None:
    reactor = Stopping()
    codes: list[Any] = []
    Deferred.fromCoroutine(_run(reactor, Waiting(answer))).addErrback(codes.append)
    reactor.stop()
    assert codes[0].value.code == INTERRUPTED


def test_the_stop_at_the_end_is_no_interruption() -> None:
    reactor, command = Stopping(), Waiting()
    codes: list[Any] = []
    Deferred.fromCoroutine(_run(reactor, command)).addErrback(codes.append)
    command.waiting.callback(3)
    reactor.stop()
    assert codes[0].value.code == 3
