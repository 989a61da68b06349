"""Long answers take turns."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.actors import pace
from txsockjs.admin.turns import in_turns


def test_as_many_come_in_a_turn_as_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "clock", lambda: 0.0)
    clock, seen = Clock(), []

    async def look() -> str:
        async for thing in in_turns("abcdefgh", clock, 3):
            seen.append(thing)
        return "done"

    looking = Deferred.fromCoroutine(look())
    turns = [len(seen)]
    while not looking.called:
        (call,) = clock.getDelayedCalls()
        assert call.getTime() == 0
        clock.calls.remove(call)
        call.func(*call.args, **call.kw)
        turns.append(len(seen))
    assert turns == [3, 6, 8]
    assert "".join(seen) == "abcdefgh"
    assert looking.result == "done"


def test_a_long_thing_is_the_last_one_of_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(pace, "clock", lambda: now[0])
    clock, seen = Clock(), []

    async def look() -> None:
        async for thing in in_turns(range(3), clock, 100):
            seen.append(thing)
            now[0] += pace.LONGEST

    Deferred.fromCoroutine(look())
    assert seen == [0]
    clock.advance(0)
    assert seen == [0, 1, 2]
