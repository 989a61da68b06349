"""A node among those that share a broker: what it says, and what becomes of what it is told."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cluster.bus import Owner
from txsockjs.cluster.redis import RedisBus
from txsockjs.cluster.redis import bus as module
from txsockjs.cluster.redis.scripts import ALL, ASK_OWNER, RELEASE_CLAIMS, RENEW_CLAIMS, RENEW_LEASE
from txsockjs.errors import SettingsError

from ....support.listeners import Heard
from .broker import FakeConnection

LEASE, RENEWAL = 7.0, 2.0
EVERYBODY = b"txsockjs:0:@nodes"
NOW = 1_000_000


class Lab:
    """A node with a listener on ``port``; ``others`` live, too."""

    def __init__(self, clock: Clock, url: str = "redis://h", secret: str | None = None) -> None:
        self.clock = clock
        self.bus: Any = RedisBus(url, clock, secret, lease=LEASE, renewal=RENEWAL)
        self.connection: FakeConnection = self.bus._connection
        self.heard = Heard()
        self.bus.listen("port", self.heard)
        self.own = f"txsockjs:0:@node:{self.bus.node}".encode()
        self.started: list[Any] = []

    def start(self, *others: str) -> None:
        self.bus.start().addCallback(self.started.append)
        self.reach(*others, held=False)

    def reach(self, *others: str, held: bool = True) -> None:
        """Connect, and have the lease renewed."""
        self.connection.reached = True
        self.bus.broker_reached()
        self.renewed(*others, held=held)

    def renewed(self, *others: str, held: bool = True) -> None:
        """Answer as Redis to the lease."""
        (*_, (_, _, answer)) = self.connection.take(RENEW_LEASE)
        scores: list[bytes] = []
        for node in (self.bus.node, *others):
            scores += [node.encode(), b"%d" % (NOW + LEASE * 1000)]
        answer([int(held), 0, NOW, scores])

    def lose(self) -> None:
        self.connection.reached = False
        self.bus.broker_lost()

    def said(self) -> list[tuple[bytes, bytes]]:
        """Take what was published."""
        found, self.connection.published = self.connection.published, []
        return found

    def words(self) -> list[bytes]:
        """Take what was said to everybody."""
        plain = b"1" + self.bus.node.encode()
        said = [message for channel, message in self.said() if channel == EVERYBODY]
        return [message[len(plain) :] for message in said]

    def hear(self, node: str, data: bytes, channel: bytes = EVERYBODY) -> None:
        self.bus.broker_said(channel, b"1" + node.encode() + data)

    def answer(self, script: str, reply: Any) -> None:
        ((_, _, answer),) = self.connection.take(script)
        answer(reply)

    def own_key(self, key: str = "key") -> None:
        found: list[Any] = []
        self.bus.claim(key).addCallback(found.append)
        self.answer(ASK_OWNER, [self.bus.node.encode(), 1])
        assert found == [Owner(self.bus.node, True)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(module, "Connection", FakeConnection)
    return Clock()


@pytest.fixture
def lab(clock: Clock) -> Lab:
    lab = Lab(clock)
    lab.start(OTHER)
    lab.said()
    return lab


OTHER = "o" * 16


def carry(*labs: Lab) -> None:
    """Bring what was published to whom it is for, until nothing more is said."""
    for _ in range(10):
        labs[0].clock.advance(0.05)
        for sender in labs:
            for channel, message in sender.said():
                for lab in labs:
                    if channel in (lab.own, EVERYBODY) or lab.bus._channels.name(channel):
                        lab.bus.broker_said(channel, message)


# -- the life of a node


def test_a_url_that_is_none_is_refused(clock: Clock) -> None:
    with pytest.raises(SettingsError, match="a cluster must be redis://"):
        RedisBus("http://h", clock)


def test_it_hears_others_before_they_hear_of_it(clock: Clock) -> None:
    lab = Lab(clock)
    lab.bus.start().addCallback(lab.started.append)
    assert lab.connection.happened == ["start"]
    lab.bus.broker_reached()
    assert lab.connection.told == [(b"SUBSCRIBE", lab.own, EVERYBODY)]
    assert (lab.started, lab.bus.connected, lab.said()) == ([], False, [])
    lab.renewed(OTHER, held=False)
    assert (lab.started, lab.bus.connected, lab.bus.reached) == ([None], True, True)
    assert lab.bus.nodes == {lab.bus.node, OTHER}
    assert lab.words() == [b"hello", b"claimed"]  # as it had nothing to claim again
    assert lab.connection.happened == ["start", "works"]
    assert lab.heard.told == []


def test_names_of_channels_tell_the_prefix_and_the_database(clock: Clock) -> None:
    lab = Lab(clock, "redis://h/3?prefix=shop")
    lab.bus.broker_reached()
    own = f"shop:3:@node:{lab.bus.node}".encode()
    assert lab.connection.told == [(b"SUBSCRIBE", own, b"shop:3:@nodes")]
    ((keys, _, _),) = lab.connection.take(RENEW_LEASE)
    assert keys[0] == b"shop:nodes"  # which the database is around


def test_who_says_hello_lives_and_who_says_goodbye_is_lost_once(lab: Lab) -> None:
    new = "n" * 16
    lab.hear(new, b"hello")
    assert lab.bus.nodes == {lab.bus.node, OTHER, new}
    lab.hear(new, b"goodbye")
    lab.hear(new, b"goodbye")
    assert lab.heard.ended == [new]
    assert lab.bus.nodes == {lab.bus.node, OTHER}


def test_who_is_missing_from_the_leases_is_lost(lab: Lab) -> None:
    lab.clock.advance(RENEWAL)
    lab.renewed()
    assert lab.heard.ended == [OTHER]
    assert lab.bus.nodes == {lab.bus.node}


def test_what_no_node_says_is_counted(lab: Lab) -> None:
    lab.hear(OTHER, b"tea")
    lab.bus.broker_said(EVERYBODY, b'{"send": []}')  # from a program that is no node
    lab.bus.broker_said(lab.own, b"?")
    assert lab.bus.counters == {"messages_invalid": 3}


def test_it_waits_while_redis_is_away_and_says_hello_when_it_is_back(lab: Lab) -> None:
    lab.lose()
    lab.lose()
    assert (lab.bus.connected, lab.bus.reached) == (False, True)
    lab.reach(OTHER)
    assert lab.bus.connected
    assert lab.words() == [b"hello", b"claimed"]
    assert lab.heard.told == ["away", "back"]
    assert lab.heard.ended == []
    assert lab.started == [None]


def test_one_that_was_taken_for_lost_takes_all_for_lost_to_whom_it_spoke(lab: Lab) -> None:
    lab.bus.send(OTHER, "port", b"x")
    lab.clock.advance(RENEWAL)
    lab.renewed(OTHER, held=False)
    assert lab.heard.ended == [OTHER]
    assert b"hello" in lab.words()
    assert lab.heard.told == []  # Redis was not away


def test_a_silent_redis_is_away_until_it_answers(lab: Lab) -> None:
    reports: list[str] = []
    lab.connection.report = reports.append  # type: ignore[attr-defined]
    lab.clock.pump([0.05] * 80)  # the lease is due, and no answer comes
    assert (lab.bus.connected, lab.heard.told) == (False, ["away"])
    assert reports == ["it does not answer"]
    lab.renewed(OTHER)
    assert (lab.bus.connected, lab.heard.told) == (True, ["away", "back"])


# -- the end


def test_a_node_that_stops_gives_back_all_and_says_so(lab: Lab) -> None:
    lab.own_key()
    stopped: list[Any] = []
    lab.bus.stop().addCallback(stopped.append)
    assert lab.connection.called == [(None, b"ZREM", b"txsockjs:nodes", lab.bus.node.encode())]
    assert lab.words() == [b"goodbye"]
    assert (stopped, lab.bus.connected) == ([], False)
    ((keys, _, answer),) = lab.connection.take(RELEASE_CLAIMS)
    assert keys == [b"txsockjs:claim:key"]
    answer(True)
    assert stopped == [None]
    assert lab.connection.happened[-1] == "stop"
    assert lab.bus.stop().called
    assert lab.clock.getDelayedCalls() == []


def test_a_redis_that_does_not_answer_is_not_waited_for_long(lab: Lab) -> None:
    lab.own_key()
    stopped: list[Any] = []
    lab.bus.stop().addCallback(stopped.append)
    lab.clock.advance(1.9)
    assert stopped == []
    lab.clock.advance(0.2)
    assert stopped == [None]


def test_one_whose_redis_is_away_stops_at_once(lab: Lab) -> None:
    lab.own_key()
    lab.lose()
    assert lab.bus.stop().called
    assert (lab.said(), lab.connection.called) == ([], [])


def test_once_stopped_it_hears_nothing_and_is_a_node_no_more(lab: Lab) -> None:
    lab.clock.advance(RENEWAL)
    ((_, _, answer),) = lab.connection.take(RENEW_LEASE)
    lab.bus.stop()
    told = list(lab.connection.told)
    answer([1, 0, NOW, [lab.bus.node.encode(), b"%d" % (NOW + 7000)]])
    lab.bus.broker_reached()
    lab.hear(OTHER, b"goodbye")
    assert (lab.heard.ended, lab.connection.told, lab.bus.connected) == ([], told, False)


# -- claims


def test_a_key_is_claimed_found_and_released(lab: Lab) -> None:
    lab.own_key()
    found: list[Any] = []
    lab.bus.find("another").addCallback(found.append)
    lab.answer(ASK_OWNER, [OTHER.encode(), 0])
    lab.bus.find("key").addCallback(found.append)
    assert found == [Owner(OTHER, False), Owner(lab.bus.node, True)]
    lab.bus.release("key")
    lab.clock.advance(0)
    ((keys, _, _),) = lab.connection.take(RELEASE_CLAIMS)
    assert keys == [b"txsockjs:claim:key"]


def test_after_an_outage_claims_are_settled_once_they_are_made_again(lab: Lab) -> None:
    lab.own_key()
    lab.lose()
    lab.reach(OTHER)
    settled: list[str] = []
    lab.bus.when_settled(lambda: settled.append("settled"))
    assert (lab.bus.settled, settled, lab.words()) == (False, [], [b"hello"])
    lab.answer(RENEW_CLAIMS, [])
    assert (lab.bus.settled, settled, lab.words()) == (True, ["settled"], [b"claimed"])


def test_a_claim_that_is_another_nodes_by_now_is_told_before_they_are_settled(lab: Lab) -> None:
    lab.own_key()
    lab.lose()
    lab.reach(OTHER)
    lab.bus.when_settled(lambda: lab.heard.told.append("settled"))
    lab.answer(RENEW_CLAIMS, [0])
    assert lab.heard.told == ["away", "back", "taken key", "settled"]


def test_after_a_sleep_nothing_is_answered_before_its_claims_are_known_to_hold(lab: Lab) -> None:
    lab.own_key()
    lab.clock.advance(LEASE)
    assert not lab.bus.settled
    found: list[Any] = []
    lab.bus.claim("key").addCallback(found.append)
    assert found == []
    lab.renewed(OTHER)
    lab.answer(RENEW_CLAIMS, [])
    assert lab.bus.settled


def test_who_has_no_claims_is_not_unsettled_by_a_sleep(lab: Lab) -> None:
    lab.clock.advance(LEASE)
    assert lab.bus.settled


def test_once_all_have_claimed_again_nobody_waits_for_more(lab: Lab) -> None:
    lab.lose()
    lab.connection.reached = True
    lab.bus.broker_reached()
    ((_, _, answer),) = lab.connection.take(RENEW_LEASE)
    answer([0, 1, NOW, [lab.bus.node.encode(), b"%d" % (NOW + 7000)]])
    assert lab.heard.ended == []  # it may only be late
    assert lab.connection.called == []
    lab.hear(OTHER, b"claimed")
    assert lab.connection.called == [(None, b"DEL", b"txsockjs:returning")]


# -- messages


def two(clock: Clock, *secrets: str | None) -> tuple[Lab, Lab]:
    a, b = (Lab(clock, secret=secret) for secret in secrets or (None, None))
    a.start(b.bus.node)
    b.start(a.bus.node)
    carry(a, b)
    return a, b


def test_messages_come_to_the_port_of_their_node(clock: Clock) -> None:
    a, b = two(clock)
    a.bus.send(b.bus.node, "port", b"1")
    a.bus.send(b.bus.node, "nobody's", b"2")
    a.bus.send(b.bus.node, "port", b"3", urgent=True)
    assert b.heard.messages == []
    carry(a, b)
    assert sorted(b.heard.messages) == [(a.bus.node, b"1"), (a.bus.node, b"3")]
    assert b.bus.counters["messages_unwanted"] == 1
    assert a.heard.messages == []


def test_messages_wait_for_redis(clock: Clock) -> None:
    a, b = two(clock)
    a.lose()
    a.bus.send(b.bus.node, "port", b"x")
    clock.advance(0)
    assert a.said() == []
    a.reach(b.bus.node)
    carry(a, b)
    assert b.heard.messages == [(a.bus.node, b"x")]


def test_a_node_that_is_gone_is_told_of_and_not_from_inside_the_call(lab: Lab) -> None:
    lab.hear(OTHER, b"goodbye")
    lab.heard.ended.clear()
    lab.bus.send(OTHER, "port", b"x")
    assert lab.heard.ended == []
    lab.clock.advance(0)
    assert lab.heard.ended == [OTHER]
    assert lab.said() == []


def test_nodes_of_one_secret_hear_each_other(clock: Clock) -> None:
    a, b = two(clock, "tea", "tea")
    a.bus.send(b.bus.node, "port", b"x")
    carry(a, b)
    assert b.heard.messages == [(a.bus.node, b"x")]
    b.hear(a.bus.node, b"goodbye")
    assert b.heard.ended == []
    assert b.bus.counters["messages_unverified"] == 1


def test_nodes_of_two_secrets_hear_nothing_of_each_other(clock: Clock) -> None:
    a, b = two(clock, "tea", "coffee")
    a.bus.send(b.bus.node, "port", b"x")
    carry(a, b)
    assert b.heard.messages == []
    assert b.bus.counters["messages_unverified"] > 0


# -- publications


def test_publications_come_to_the_others_that_subscribe(clock: Clock) -> None:
    a, b = two(clock)
    heard: list[bytes] = []
    own: list[bytes] = []
    done: list[Any] = []
    a.bus.subscribe("room", own.append)
    b.bus.subscribe("room", heard.append).addCallback(done.append)
    assert b.connection.told[-1] == (b"SUBSCRIBE", b"txsockjs:0:room")
    b.bus.broker_confirmed(b"txsockjs:0:room")
    assert done == [None]
    a.bus.publish("room", b"1")
    carry(a, b)
    assert (own, heard) == ([], [b"1"])
    b.bus.unsubscribe("room")
    b.bus.unsubscribe("room")
    assert b.connection.told.count((b"UNSUBSCRIBE", b"txsockjs:0:room")) == 1
    b.hear(a.bus.node, b"2", b"txsockjs:0:room")
    assert heard == [b"1"]


def test_a_program_that_is_no_node_may_publish(lab: Lab) -> None:
    heard: list[bytes] = []
    lab.bus.subscribe("room", heard.append)
    lab.bus.broker_said(b"txsockjs:0:room", b'{"send": ["x"]}')
    assert heard == [b'{"send": ["x"]}']


def test_publications_wait_for_redis_and_for_it_to_read(lab: Lab) -> None:
    lab.lose()
    lab.bus.publish("room", b"1")
    lab.reach(OTHER)
    (published,) = [each for each in lab.said() if each[0] == b"txsockjs:0:room"]
    assert published[1].endswith(b"1")
    lab.connection.full = True
    lab.bus.publish("room", b"2")
    assert lab.said() == []
    lab.connection.full = False
    lab.bus.broker_ready()
    assert len(lab.said()) == 1


def test_after_it_was_away_it_subscribes_to_all_again_before_it_says_hello(lab: Lab) -> None:
    lab.bus.subscribe("room", lambda data: None)
    lab.lose()
    lab.connection.told.clear()
    lab.connection.reached = True
    lab.bus.broker_reached()
    assert lab.connection.told == [
        (b"SUBSCRIBE", lab.own, EVERYBODY),
        (b"SUBSCRIBE", b"txsockjs:0:room"),
    ]
    assert lab.said() == []


def test_redis_is_asked_how_many_subscribe(lab: Lab) -> None:
    found: list[Any] = []
    lab.bus.subscribers("room").addCallback(found.append)
    ((answer, *words),) = lab.connection.called
    assert words == [b"PUBSUB", b"NUMSUB", b"txsockjs:0:room"]
    answer([b"txsockjs:0:room", 2])
    assert found == [2]


def test_what_is_wrong_with_a_broker_changes_nothing_by_itself(lab: Lab) -> None:
    lab.bus.broker_failed("WRONGPASS")
    assert (lab.bus.connected, lab.heard.told) == (True, [])


def test_its_connection_loads_all_scripts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []

    class Connection(FakeConnection):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            loaded.append(arguments[3])

    monkeypatch.setattr(module, "Connection", Connection)
    Lab(clock)
    assert loaded == [ALL]
