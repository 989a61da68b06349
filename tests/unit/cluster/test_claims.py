"""Which node owns which session, as a router asks it of its bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txsockjs.cluster import claims as module
from txsockjs.cluster.bus import Owner
from txsockjs.cluster.claims import Claims
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork
from txsockjs.errors import NotFound, Overloaded

PATIENCE = 5.0


class Exchange:
    """What claims see of a request: whether its client leaves."""

    ended = False
    lost: Callable[[], object]

    def watch(self, lost: Callable[[], object]) -> None:
        self.lost = lost

    def leave(self) -> None:
        self.ended = True
        self.lost()


class Lab:
    def __init__(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, delay=0.01)
        self.bus, self.other = MemoryBus(self.network), MemoryBus(self.network)
        self.bus.start()
        self.other.start()
        self.clock.pump([0.01] * 5)
        self.claims = Claims(self.bus, self.clock, "session /a ", PATIENCE)

    def claim(self, session_id: str = "s", exchange: Any = None) -> list[Any]:
        found: list[Any] = []
        self.claims.claim(exchange or Exchange(), session_id).addBoth(found.append)
        return found

    def find(self, session_id: str = "s") -> list[Any]:
        found: list[Any] = []
        exchange: Any = Exchange()
        self.claims.find(exchange, session_id).addBoth(found.append)
        return found

    def advance(self, seconds: float = 0.1) -> None:
        self.clock.pump([0.01] * round(seconds * 100))


@pytest.fixture
def lab() -> Lab:
    return Lab()


def is_overloaded(results: list[Any]) -> bool:
    (result,) = results
    return isinstance(result, Failure) and result.check(Overloaded) is not None


def test_what_nobody_owns_is_this_nodes(lab: Lab) -> None:
    found = lab.claim()
    assert found == []
    lab.advance()
    assert found == [Owner(lab.bus.node, True)]
    assert "s" in lab.claims
    assert lab.claims.known("s") is None  # it is here
    lab.claims.release("s")
    assert "s" not in lab.claims
    assert not lab.network.claims


def test_the_owner_is_remembered_until_it_was_a_mistake_or_is_lost(lab: Lab) -> None:
    lab.other.claim("session /a s")
    lab.advance()
    found = lab.claim()
    lab.advance()
    assert found == [Owner(lab.other.node, True)]
    assert lab.claims.known("s") == lab.other.node
    lab.claims.mistaken("s")
    assert lab.claims.known("s") is None
    lab.find()
    lab.advance()
    assert lab.claims.known("s") == lab.other.node
    lab.claims.lost("another")
    assert lab.claims.known("s") == lab.other.node
    lab.claims.lost(lab.other.node)
    assert lab.claims.known("s") is None


def test_what_nobody_owns_is_not_found(lab: Lab) -> None:
    found = lab.find()
    lab.advance()
    assert found == [None]


def test_requests_that_come_at_once_share_a_claim(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    claim = lab.bus.claim
    monkeypatch.setattr(lab.bus, "claim", lambda key: asked.append(key) or claim(key))
    first, second = lab.claim(), lab.claim()
    told: list[str] = []
    assert lab.claims.when_answered("s", lambda: told.append("answered"))
    lab.advance()
    assert first == second == [Owner(lab.bus.node, True)]
    assert asked == ["session /a s"]
    assert told == ["answered"]
    assert not lab.claims.when_answered("s", lambda: None)


def test_a_client_that_leaves_leaves_the_claim_to_the_others(lab: Lab) -> None:
    exchange = Exchange()
    first, second = lab.claim(exchange=exchange), lab.claim()
    exchange.leave()
    assert is_overloaded(first)
    lab.advance()
    assert second == [Owner(lab.bus.node, True)]


def test_a_claim_that_nobody_waits_for_is_not_kept(lab: Lab) -> None:
    exchange = Exchange()
    first = lab.claim(exchange=exchange)
    exchange.leave()
    assert is_overloaded(first)
    lab.advance()
    assert not lab.network.claims
    assert "s" not in lab.claims


def test_nobody_waits_for_ever(lab: Lab) -> None:
    lab.network.cut(lab.bus)
    claimed, found = lab.claim(), lab.find()
    lab.advance(PATIENCE + 0.1)
    assert is_overloaded(claimed)
    assert is_overloaded(found)
    lab.network.heal(lab.bus)
    lab.advance()
    assert not lab.network.claims


def test_who_waits_is_bounded_in_number(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 2)
    first, second = lab.claim("a"), lab.claim("b")
    exchange: Any = Exchange()
    with pytest.raises(Overloaded):
        lab.claims.claim(exchange, "c")
    lab.advance()
    assert len(first) == len(second) == 1
    third = lab.claim("c")
    lab.advance()
    assert third == [Owner(lab.bus.node, True)]


def test_owners_are_remembered_up_to_a_number(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_OWNERS", 2)
    for session_id in ("a", "b", "c"):
        lab.other.claim(f"session /a {session_id}")
        lab.advance()
        lab.find(session_id)
        lab.advance()
    assert [lab.claims.known(each) for each in ("a", "b", "c")] == [None, *[lab.other.node] * 2]


def test_keys_stand_for_sessions_of_this_router_only(lab: Lab) -> None:
    assert lab.claims.session_of("session /a x y") == "x y"
    assert lab.claims.session_of("session /b x") is None


async def until(lab: Lab, exchange: Any, calls: list[Any]) -> None:
    await lab.claims.until(exchange, calls.append, 3.0)


@pytest.mark.parametrize("what", ["called", "time", "left"])
def test_what_is_waited_for_ends_in_any_case(lab: Lab, what: str) -> None:
    calls: list[Any] = []
    done: list[Any] = []
    exchange = Exchange()
    Deferred.fromCoroutine(until(lab, exchange, calls)).addBoth(done.append)
    assert done == []
    if what == "called":
        calls[0]()
        calls[0]()
    elif what == "time":
        lab.clock.pump([0.5] * 6)
    else:
        exchange.leave()
    (result,) = done
    assert result.check(NotFound) if what == "left" else result is None
    lab.network.kill(lab.bus)
    lab.network.kill(lab.other)
    assert not lab.clock.getDelayedCalls()
