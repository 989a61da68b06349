"""Claims on a clock: batches, renewals in time, and what is asked again."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cluster.bus import Owner
from txsockjs.cluster.redis.claims import Claims
from txsockjs.cluster.redis.client import Lost
from txsockjs.cluster.redis.scripts import ASK_OWNER, RELEASE_CLAIMS, RENEW_CLAIMS
from txsockjs.cluster.redis.url import RedisURL

LEASE, RENEWAL, MEMORY = 7.0, 2.0, 60.0
BATCH = 500


class Connection:
    """Keeps what it is asked."""

    url = RedisURL("h")

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def run(self, script, keys, arguments, answer) -> None:
        self.asked.append((script, keys, arguments, answer))


class Lab:
    def __init__(self) -> None:
        self.clock = Clock()
        self.connection = Connection()
        self.taken: list[str] = []
        self.settled = 0
        self.claims = Claims(
            "me",
            self.clock,
            self.connection,
            (LEASE, RENEWAL, MEMORY),
            (b"nodes", b"returning"),
            self.taken.append,
        )
        self.claims.reached(self.settle)

    def settle(self) -> None:
        self.settled += 1

    def asked(self, script) -> list[Any]:
        """Take what was asked by a script: the keys and what takes the answer."""
        found = [each for each in self.connection.asked if each[0] is script]
        self.connection.asked = [each for each in self.connection.asked if each[0] is not script]
        return [(keys, answer) for _, keys, _, answer in found]

    def own(self, count: int) -> None:
        for number in range(count):
            self.claims.claim(f"{number}", True)
            for _, answer in self.asked(ASK_OWNER):
                answer([b"me", 1])
        assert len(self.claims) == count

    def renew(self) -> int:
        """Renew, and return how many."""
        self.claims.renew()
        asked = self.asked(RENEW_CLAIMS)
        for keys, answer in asked:
            assert len(keys) <= BATCH
            answer([])
        return sum(len(keys) for keys, _ in asked)


@pytest.fixture
def lab():
    return Lab()


def test_claims_are_renewed_half_a_memory_later(lab):
    lab.own(3)
    lab.clock.advance(MEMORY / 2 - 1)
    assert lab.renew() == 0
    lab.clock.advance(2)
    assert lab.renew() == 3
    assert lab.renew() == 0


def test_many_that_are_due_at_once_are_spread_and_none_is_late(lab):
    lab.own(30_000)
    lab.clock.advance(MEMORY / 2)
    renewed = []
    while sum(renewed) < 30_000:
        lab.clock.advance(RENEWAL)
        renewed.append(lab.renew())
    assert max(renewed) == 3_000
    assert MEMORY / 2 + len(renewed) * RENEWAL < MEMORY


def test_what_is_owned_is_answered_at_once_if_that_is_sure(lab):
    lab.own(1)
    assert lab.claims.claim("0", True).result == Owner("me", True)
    assert lab.claims.find("0", True).result == Owner("me", True)
    assert lab.asked(ASK_OWNER) == []
    asked = lab.claims.find("0", False)
    assert not asked.called
    ((_, answer),) = lab.asked(ASK_OWNER)
    answer([b"me", 1])
    assert asked.result == Owner("me", True)


def test_after_an_outage_all_are_claimed_again_before_anything_is_asked(lab):
    lab.own(1200)
    lab.claims.lost()
    found = lab.claims.find("x", False)
    lab.claims.release("7")
    assert lab.connection.asked == []
    lab.claims.reached(lab.settle)
    scripts = [script for script, *_ in lab.connection.asked]
    assert scripts == [RENEW_CLAIMS] * 3 + [RELEASE_CLAIMS, ASK_OWNER]
    before = lab.settled
    first, second, third = lab.asked(RENEW_CLAIMS)
    first[1]([])
    second[1]([0, 2])
    assert lab.settled == before
    third[1]([])
    assert lab.settled == before + 1
    assert len(lab.taken) == 2
    assert len(lab.claims) == 1197
    ((_, answer),) = lab.asked(ASK_OWNER)
    answer(None)
    assert found.result is None


def test_a_question_whose_answer_was_lost_is_asked_again(lab):
    claimed = lab.claims.claim("key", True)
    ((_, answer),) = lab.asked(ASK_OWNER)
    lab.claims.lost()
    answer(Lost("x"))
    lab.claims.reached(lab.settle)
    ((_, answer),) = lab.asked(ASK_OWNER)
    answer([b"other", 0])
    assert claimed.result == Owner("other", False)


def test_a_question_that_redis_can_not_answer_yet_is_asked_again_soon(lab):
    found = lab.claims.find("key", True)
    for _ in range(3):
        ((_, answer),) = lab.asked(ASK_OWNER)
        answer(0)
        assert lab.asked(ASK_OWNER) == []
        lab.clock.advance(0.25)
    ((_, answer),) = lab.asked(ASK_OWNER)
    answer([b"other", 1])
    assert found.result == Owner("other", True)
    assert lab.clock.getDelayedCalls() == []


def test_a_cancelled_claim_whose_answer_was_lost_is_released(lab):
    claimed = lab.claims.claim("key", True)
    claimed.addErrback(lambda _: None)
    ((_, answer),) = lab.asked(ASK_OWNER)
    claimed.cancel()
    lab.claims.lost()
    answer(Lost("x"))
    lab.claims.reached(lab.settle)
    ((keys, _),) = lab.asked(RELEASE_CLAIMS)
    assert keys == [b"txsockjs:claim:key"]
    assert lab.asked(ASK_OWNER) == []


def test_releases_of_an_iteration_leave_together_and_are_said_again_if_lost(lab):
    lab.own(3)
    for number in range(3):
        lab.claims.release(f"{number}")
    lab.claims.release("nobody's")
    lab.clock.advance(0)
    ((keys, answer),) = lab.asked(RELEASE_CLAIMS)
    assert len(keys) == 3
    lab.claims.lost()
    answer(Lost("x"))
    lab.claims.reached(lab.settle)
    assert len(lab.asked(RELEASE_CLAIMS)[0][0]) == 3


def test_a_claim_after_a_release_is_not_undone_by_it(lab):
    lab.own(1)
    lab.claims.release("0")
    lab.claims.claim("0", True)
    assert lab.asked(RELEASE_CLAIMS) == []
    lab.clock.advance(0)
    assert lab.asked(RELEASE_CLAIMS) == []
