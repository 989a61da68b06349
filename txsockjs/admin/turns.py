"""`in_turns`: goes through many things without blocking the reactor."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..actors.pace import Pace

Thing = TypeVar("Thing")


async def in_turns(
    things: Iterable[Thing], reactor: IReactorTime, most: int
) -> AsyncIterator[Thing]:
    """Yield things, at most ``most`` in a turn; the rest come in later iterations."""
    pace = Pace(most)
    for thing in things:
        yield thing
        if not pace.may_go_on():
            await deferLater(reactor, 0)
            pace = Pace(most)
