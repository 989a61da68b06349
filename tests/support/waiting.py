"""Waiting until something is so: for processes in a blocking way, for the reactor by awaiting."""

from __future__ import annotations

import time
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from .running import Server

_PATIENCE = 60.0


def wait_until(condition: Callable[[], Any], *servers: Server) -> Any:
    """Wait until something is so, and return it; what the servers said is told if it never is."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("".join(server.output for server in servers))


def _soon() -> Deferred[None]:
    from twisted.internet import reactor  # noqa: PLC0415  # not where only processes are waited for

    clock: Any = reactor
    return deferLater(clock, 0.01)


async def until(condition: Callable[[], object], what: str, seconds: float = _PATIENCE) -> None:
    """Let the reactor run until something is so."""
    for _ in range(round(seconds / 0.01)):
        if condition():
            return
        await _soon()
    raise AssertionError(f"not in {seconds} s: {what}")


async def until_answered(ask: Callable[[], Deferred[Any]], wanted: Any) -> None:
    """Let the reactor run until the answer to a question is what is wanted."""
    answers: list[Any] = []
    for _ in range(3000):
        answers.append(await ask())
        if answers[-1] == wanted:
            return
        await _soon()
    raise AssertionError(f"never {wanted}, but {answers[-1]}")
