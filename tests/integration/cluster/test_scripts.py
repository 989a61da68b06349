"""What runs inside Redis: each script by value, in a real one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from txsockjs.cluster.redis import resp
from txsockjs.cluster.redis.scripts import (
    ALL,
    ASK_OWNER,
    RELEASE_CLAIMS,
    RENEW_CLAIMS,
    RENEW_LEASE,
)

from ...support.redis_server import RedisServer

NODES, RETURNING = "t:nodes", "t:returning"
LEASE, GRACE, HOLDS = 60_000, 30_000, 90_000  # in milliseconds


class Broker:
    """A Redis and the scripts in it."""

    def __init__(self, redis: RedisServer) -> None:
        self._redis = redis

    def ask(self, *words: str) -> Any:
        """Send a command, and return its reply."""
        reader = resp.make_reader()
        reader.feed(self._redis.command(*words))
        return reader.gets()

    def run(self, script: str, keys: list[str], *arguments: object) -> Any:
        return self.ask("EVAL", script, str(len(keys)), *keys, *map(str, arguments))

    def renew(self, node: str, had: bool = False, lease: int = LEASE) -> tuple[int, int, list[str]]:
        """Renew a lease: whether it held, whether others may come back, and who lives."""
        keys = [NODES, RETURNING]
        held, returning, now, scores = self.run(RENEW_LEASE, keys, node, lease, int(had), GRACE)
        assert abs(now / 1000 - time.time()) < 60  # Redis's own clock, of this machine
        names = [name.decode() for name in scores[::2]]
        ends = dict(zip(names, map(float, scores[1::2])))
        assert ends[node] == now + lease
        return held, returning, names

    def owner(self, key: str, node: str, claims: bool = False) -> Any:
        return self.run(ASK_OWNER, [key, NODES, RETURNING], node, HOLDS, int(claims))

    def claim(self, key: str, node: str) -> Any:
        return self.owner(key, node, True)

    def life(self, key: str) -> int:
        """Return for how many milliseconds a key stays."""
        left = self.ask("PTTL", key)
        assert isinstance(left, int)
        return left


@pytest.fixture
def broker(redis: RedisServer) -> Broker:
    return Broker(redis)


def test_all_scripts_are_loaded(broker: Broker) -> None:
    assert ALL == (RENEW_LEASE, ASK_OWNER, RENEW_CLAIMS, RELEASE_CLAIMS)
    for script in ALL:
        assert len(broker.ask("SCRIPT", "LOAD", script)) == 40


# -- leases


def test_a_lease_is_new_and_then_held(broker: Broker) -> None:
    assert broker.renew("a") == (0, 0, ["a"])
    assert broker.renew("a", had=True) == (1, 0, ["a"])
    held, returning, names = broker.renew("b")
    assert (held, returning, sorted(names)) == (0, 0, ["a", "b"])


def test_the_nodes_do_not_outlive_their_leases(broker: Broker) -> None:
    broker.renew("a")
    assert LEASE < broker.life(NODES) <= 2 * LEASE
    broker.ask("ZADD", NODES, "1", "a", "1", "gone")
    # Its own lease was over, although somebody has just looked.
    broker.renew("b")
    assert broker.renew("a", had=True)[0] == 0
    assert sorted(broker.renew("b", had=True)[2]) == ["a", "b"]


def test_who_comes_back_to_a_redis_where_nobody_lives_is_followed_by_others(
    broker: Broker,
) -> None:
    assert broker.renew("a", had=True) == (0, 1, ["a"])
    assert 0 < broker.life(RETURNING) <= GRACE
    held, returning, names = broker.renew("b", had=True)
    assert (held, returning, sorted(names)) == (0, 1, ["a", "b"])
    broker.ask("DEL", RETURNING)
    assert broker.renew("b", had=True)[1] == 0


def test_who_comes_back_to_others_is_followed_by_nobody(broker: Broker) -> None:
    broker.renew("a")
    assert broker.renew("b", had=True)[:2] == (0, 0)


# -- claims


def test_what_nobody_owns_is_owned_by_who_claims_it_and_by_no_other(broker: Broker) -> None:
    broker.renew("a"), broker.renew("b")
    assert broker.owner("key", "a") is None
    assert broker.claim("key", "a") == [b"a", 1]
    assert broker.claim("key", "b") == broker.owner("key", "b") == [b"a", 1]
    assert LEASE < broker.life("key") <= HOLDS


def test_asking_for_ones_own_key_renews_it(broker: Broker) -> None:
    broker.claim("key", "a")
    broker.ask("PEXPIRE", "key", "30000")
    assert broker.owner("key", "a") == [b"a", 1]
    assert broker.life("key") > 30_000
    broker.ask("PEXPIRE", "key", "30000")
    broker.owner("key", "b")
    assert broker.life("key") <= 30_000


def test_the_owner_whose_lease_is_over_does_not_live(broker: Broker) -> None:
    broker.claim("key", "a")
    assert broker.claim("key", "b") == [b"a", 0]
    broker.renew("a")
    assert broker.claim("key", "b") == [b"a", 1]
    broker.ask("ZADD", NODES, "1", "a")  # over, and nobody has looked since
    assert broker.claim("key", "b") == [b"a", 0]


def test_while_others_come_back_only_a_living_owner_is_told(broker: Broker) -> None:
    broker.renew("a", had=True)
    broker.claim("key", "a")  # which may be another's, who has not come back
    assert broker.ask("EXISTS", "key") == 0
    assert broker.claim("key", "b") == broker.owner("key", "b") == 0
    broker.ask("SET", "key", "gone")
    assert broker.claim("key", "b") == 0
    broker.ask("SET", "key", "a")
    assert broker.claim("key", "b") == [b"a", 1]
    assert broker.claim("key", "a") == [b"a", 1]


def test_claims_are_renewed_together_and_those_of_others_are_told(broker: Broker) -> None:
    broker.claim("mine", "a")
    broker.claim("theirs", "b")
    broker.ask("PEXPIRE", "mine", "1000")
    broker.ask("LPUSH", "list", "x")  # which is no claim
    keys = ["mine", "theirs", "forgotten", "list"]
    assert broker.run(RENEW_CLAIMS, keys, "a", HOLDS) == [1, 3]
    assert broker.life("mine") > 1000
    assert broker.owner("forgotten", "b") == [b"a", 0]
    assert LEASE < broker.life("forgotten") <= HOLDS
    assert broker.owner("theirs", "b") == [b"b", 1]
    assert broker.run(RENEW_CLAIMS, [], "a", HOLDS) == []


def test_only_ones_own_claims_are_released(broker: Broker) -> None:
    broker.claim("mine", "a")
    broker.claim("theirs", "b")
    broker.ask("LPUSH", "list", "x")
    keys = ["mine", "theirs", "nobody's", "list"]
    assert broker.run(RELEASE_CLAIMS, keys, "a") == 1
    assert broker.ask("EXISTS", *keys) == 2
    assert broker.owner("mine", "b") is None
