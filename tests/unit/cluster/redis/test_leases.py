"""Leases on a clock: when they are renewed, who ended, and that a sleep is noticed."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cluster.redis.client import Lost
from txsockjs.cluster.redis.leases import Leases
from txsockjs.cluster.redis.resp import ReplyError
from txsockjs.cluster.redis.url import RedisURL

LEASE, RENEWAL = 7.0, 2.0


class Connection:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.url = RedisURL("h")
        self.reached = True
        self.asked: list[Any] = []
        self.called: list[Any] = []
        self.reported: list[str] = []
        self.failed: list[str] = []

    def run(self, script, keys, arguments, answer) -> None:
        self.asked.append((arguments, answer))

    def call(self, answer, *words) -> None:
        self.called.append(words)

    def report(self, reason) -> None:
        self.reported.append(reason)

    def fail(self, reason) -> None:
        self.failed.append(reason)
        self.reached = False


class Lab:
    def __init__(self) -> None:
        self.clock = Clock()
        self.connection = Connection()
        self.renewed: list[Any] = []
        self.slept = self.silent = 0
        self.leases = Leases(
            "me",
            self.clock,
            self.connection,
            (LEASE, RENEWAL),
            lambda kept, ended: self.renewed.append((kept, ended)),
            self._silent,
            self._slept,
        )
        self.leases.renew()

    def _silent(self) -> None:
        self.silent += 1

    def _slept(self) -> None:
        self.slept += 1

    def answer(self, nodes, held=1, returning=0) -> None:
        """Answer as Redis: the nodes, each with how many milliseconds are left."""
        _, answer = self.connection.asked.pop()
        now = 1_000_000
        scores = [each for n, left in nodes.items() for each in (n.encode(), b"%d" % (now + left))]
        answer([held, returning, now, scores])


@pytest.fixture
def lab():
    lab = Lab()
    yield lab
    lab.leases.stop()
    assert lab.clock.getDelayedCalls() == []


def test_it_is_renewed_again_and_again(lab):
    lab.answer({"me": 7000}, held=0)
    assert lab.renewed == [(True, [])]
    assert lab.leases.alive == {"me"}
    lab.clock.advance(RENEWAL)
    assert len(lab.connection.asked) == 1
    assert lab.connection.asked[0][0] == [b"me", b"7000", b"1", b"4500"]
    lab.answer({"me": 7000})
    assert lab.renewed[1:] == [(True, [])]


def test_who_is_missing_has_ended_once(lab):
    lab.answer({"me": 7000, "other": 7000})
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000})
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000})
    assert lab.renewed == [(True, []), (True, ["other"]), (True, [])]
    assert lab.leases.gone == {"other"}
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000, "other": 7000})
    assert lab.leases.gone == set()


def test_the_end_of_a_lease_is_looked_for_when_it_comes(lab):
    lab.answer({"me": 7000, "other": 500})
    lab.clock.advance(0.51)
    assert lab.connection.asked == []
    lab.clock.advance(0.02)
    lab.answer({"me": 7000})
    assert lab.renewed[-1] == (True, ["other"])


def test_nobody_is_missed_while_others_come_back(lab):
    lab.answer({"me": 7000, "other": 7000})
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000}, held=0, returning=1)
    assert lab.renewed[-1] == (True, [])
    assert lab.leases.alive == {"me", "other"}
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000})
    assert lab.renewed[-1] == (True, ["other"])


def test_once_all_have_claimed_again_nobody_waits_for_more(lab):
    lab.answer({"me": 7000, "other": 7000})
    lab.leases.claimed("other")
    lab.leases.renew()
    lab.answer({"me": 7000}, held=0, returning=1)
    lab.leases.claimed("me")
    assert lab.connection.called == []
    lab.leases.claimed("other")
    lab.leases.claimed("other")
    assert lab.connection.called == [(b"DEL", b"txsockjs:returning")]


def test_a_lease_that_did_not_hold_is_told(lab):
    lab.answer({"me": 7000}, held=0)
    lab.clock.advance(RENEWAL)
    lab.answer({"me": 7000, "other": 7000}, held=0)
    assert lab.renewed[-1] == (False, [])


def test_those_that_were_only_spoken_to_end_as_well(lab):
    lab.leases.watch(lambda: ["stranger"])
    lab.answer({"me": 7000})
    assert lab.renewed == [(True, ["stranger"])]


def test_one_that_says_goodbye_is_news_once(lab):
    lab.answer({"me": 7000, "other": 7000})
    assert lab.leases.left("other")
    assert not lab.leases.left("other")
    lab.leases.met("other")
    assert lab.leases.alive == {"me", "other"}


def test_a_redis_that_does_not_answer_is_away_and_then_given_up(lab):
    lab.clock.pump([0.05] * 29)
    assert lab.silent == 0
    lab.clock.pump([0.05] * 5)
    assert lab.silent == 1
    assert lab.connection.reported == ["it does not answer"]
    assert lab.connection.failed == []
    lab.clock.pump([0.05] * 60)
    assert lab.silent == 1
    assert lab.connection.failed == ["it does not answer"]
    assert len(lab.connection.asked) == 1


def test_one_that_answers_late_is_back(lab):
    lab.clock.pump([0.05] * 40)
    lab.answer({"me": 7000})
    assert (lab.silent, lab.renewed) == (1, [(True, [])])
    lab.clock.pump([0.05] * 60)
    assert lab.connection.failed == []
    assert len(lab.connection.asked) == 1


def test_an_answer_that_is_read_after_a_sleep_is_in_time(lab):
    lab.clock.advance(LEASE)
    assert lab.slept == 1
    assert (lab.silent, lab.connection.failed) == (0, [])
    lab.answer({"me": 7000}, held=0)
    lab.clock.advance(1)
    assert (lab.silent, lab.connection.failed) == (0, [])


def test_a_sleep_is_noticed_while_redis_is_away(lab):
    lab.answer({"me": 7000})
    lab.connection.reached = False
    lab.clock.advance(LEASE)
    lab.clock.advance(RENEWAL)
    lab.clock.advance(LEASE)
    assert lab.slept == 2
    assert lab.connection.asked == []


def test_an_error_fails_the_connection_and_a_lost_answer_is_nothing(lab):
    lab.connection.asked.pop()[1](Lost("x"))
    assert lab.connection.failed == []
    lab.clock.advance(RENEWAL)
    lab.connection.asked.pop()[1](ReplyError("READONLY"))
    assert lab.connection.failed == ["READONLY"]
    assert lab.renewed == []
