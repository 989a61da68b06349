"""The bus in memory: a broker on a clock, and all that can go wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cluster.bus import LEASE, MEMORY, RENEWAL, Owner
from txsockjs.cluster.link import WINDOW
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork

from ...support.listeners import Heard

DELAY = 0.01


class Lab:
    """Nodes ``a`` and ``b``, each with a listener on ``port``."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, DELAY)
        self.nodes: list[MemoryBus] = []
        self.a, self.heard_a = self.start()
        self.b, self.heard_b = self.start()
        self.pass_time(RENEWAL)

    def start(self) -> tuple[MemoryBus, Heard]:
        bus, heard = self.network.bus(), Heard()
        bus.listen("port", heard)
        self.nodes.append(bus)
        bus.start()
        self.pass_time()
        return bus, heard

    def pass_time(self, seconds: float = 0.1) -> None:
        self.clock.pump([DELAY] * round(seconds / DELAY))

    def answer(self, asked: Any) -> Any:
        """Return what a Deferred fires with soon."""
        found: list[Any] = []
        asked.addCallback(found.append)
        assert found == []  # nobody is called from inside a call
        self.pass_time()
        (answer,) = found
        return answer

    def claim(self, bus: MemoryBus, key: str = "key") -> Any:
        return self.answer(bus.claim(key))

    def find(self, bus: MemoryBus, key: str = "key") -> Any:
        return self.answer(bus.find(key))


@pytest.fixture
def lab() -> Any:
    lab = Lab()
    yield lab
    for bus in lab.nodes:
        lab.network.kill(bus)
    lab.pass_time(1)
    assert lab.clock.getDelayedCalls() == []


# -- who lives


def test_a_node_is_one_after_the_delay_of_the_network(lab: Lab) -> None:
    bus = lab.network.bus()
    lab.nodes.append(bus)
    started: list[Any] = []
    bus.start().addCallback(started.append)
    lab.clock.advance(DELAY / 2)
    assert (started, bus.reached, bus.node in lab.network.leases) == ([], False, False)
    lab.clock.advance(DELAY / 2)
    assert (started, bus.reached, bus.connected) == ([None], True, True)
    assert bus.nodes == {lab.a.node, lab.b.node, bus.node}


def test_others_see_a_new_node_when_they_renew_their_leases(lab: Lab) -> None:
    c, _ = lab.start()
    lab.pass_time(RENEWAL)
    assert lab.a.nodes == lab.b.nodes == c.nodes == {lab.a.node, lab.b.node, c.node}


def test_a_node_that_is_killed_is_lost_when_its_lease_is_over(lab: Lab) -> None:
    lab.network.kill(lab.b)
    lab.pass_time(LEASE - RENEWAL - 0.1)
    assert lab.heard_a.ended == []
    lab.pass_time(2 * RENEWAL + 0.1)
    assert lab.heard_a.ended == [lab.b.node]
    assert lab.a.nodes == {lab.a.node}
    assert lab.heard_b.told == lab.heard_b.ended == []  # it hears nothing more


def test_a_node_that_stops_gives_back_all_at_once(lab: Lab) -> None:
    lab.claim(lab.b)
    lab.b.stop()
    assert lab.claim(lab.a) == Owner(lab.a.node, True)
    lab.pass_time(RENEWAL)
    assert lab.heard_a.ended == [lab.b.node]


def test_a_node_that_is_cut_off_and_comes_back_in_time_was_never_lost(lab: Lab) -> None:
    lab.network.cut(lab.a)
    assert (lab.a.connected, lab.a.reached) == (False, True)
    lab.pass_time(LEASE - RENEWAL - 0.5)
    lab.network.heal(lab.a)
    lab.network.heal(lab.a)
    lab.pass_time(RENEWAL)
    assert lab.heard_a.told == ["away", "back"]
    assert lab.heard_a.ended == lab.heard_b.ended == []


def test_a_node_that_was_taken_for_lost_takes_the_others_for_lost_too(lab: Lab) -> None:
    lab.a.send(lab.b.node, "port", b"before")
    lab.pass_time()
    lab.network.cut(lab.a)
    lab.pass_time(LEASE + RENEWAL)
    assert lab.heard_b.ended == [lab.a.node]
    lab.network.heal(lab.a)
    lab.pass_time(RENEWAL)
    assert lab.heard_a.ended == [lab.b.node]
    lab.b.send(lab.a.node, "port", b"anew")
    lab.pass_time(2)
    assert lab.heard_a.messages == [(lab.b.node, b"anew")]


# -- claims


def test_a_key_has_one_owner_until_it_is_released(lab: Lab) -> None:
    assert lab.find(lab.b) is None
    assert lab.claim(lab.a) == lab.claim(lab.b) == lab.find(lab.b) == Owner(lab.a.node, True)
    lab.b.release("key")
    assert lab.find(lab.b) == Owner(lab.a.node, True)
    lab.a.release("key")
    assert lab.claim(lab.b) == Owner(lab.b.node, True)


def test_the_claims_of_the_dead_are_remembered_for_a_while(lab: Lab) -> None:
    lab.claim(lab.a)
    lab.network.kill(lab.a)
    lab.pass_time(LEASE + 0.1)
    assert lab.find(lab.b) == lab.claim(lab.b) == Owner(lab.a.node, False)
    lab.clock.advance(LEASE + 2 * MEMORY)
    lab.pass_time()
    assert lab.claim(lab.b) == Owner(lab.b.node, True)


def test_a_claim_that_is_cancelled_is_not_kept(lab: Lab) -> None:
    for on_its_way in ([], ["key"]):  # the question, and then the answer
        claimed = lab.a.claim("key")
        claimed.addErrback(lambda _: None)
        lab.clock.advance(DELAY if on_its_way else 0)
        assert list(lab.network.claims) == on_its_way
        claimed.cancel()
        lab.pass_time()
        assert lab.network.claims == {}


def test_what_is_asked_while_the_broker_is_away_waits(lab: Lab) -> None:
    lab.network.cut(lab.a)
    found: list[Any] = []
    lab.a.claim("key").addCallback(found.append)
    lab.a.find("another").addCallback(found.append)
    lab.pass_time(1)
    assert found == []
    lab.network.heal(lab.a)
    lab.pass_time()
    assert found == [Owner(lab.a.node, True), None]


def test_a_broker_that_restarts_empty_gets_all_claims_again(lab: Lab) -> None:
    lab.claim(lab.a)
    lab.network.forget()
    assert lab.network.claims == {}
    assert (lab.a.settled, lab.b.settled) == (False, True)  # who has no claims has nothing to ask
    lab.pass_time()
    assert lab.a.settled
    assert lab.find(lab.b) == Owner(lab.a.node, True)
    assert lab.heard_a.told == lab.heard_b.told == ["away", "back"]
    assert lab.heard_a.ended == lab.heard_b.ended == []


def test_a_claim_that_another_node_has_by_now_is_told(lab: Lab) -> None:
    lab.claim(lab.a)
    lab.network.cut(lab.a)
    lab.network.claims.clear()
    lab.claim(lab.b)
    lab.network.heal(lab.a)
    lab.pass_time()
    assert lab.heard_a.told == ["away", "back", "taken key"]
    lab.a.release("key")
    assert lab.find(lab.a) == Owner(lab.b.node, True)


# -- messages


@pytest.mark.parametrize("faults", [[1], [0, 1], [2], [0, 2, 1]])
def test_messages_come_in_order_and_once_whatever_the_network_does(
    lab: Lab, faults: list[int]
) -> None:
    times = iter(faults * 10_000)
    lab.network.fault = lambda: next(times)
    sent = [b"%d" % number for number in range(50)]
    for data in sent:
        lab.a.send(lab.b.node, "port", data)
        lab.pass_time(DELAY)
    lab.pass_time(30)
    assert lab.heard_b.messages == [(lab.a.node, data) for data in sent]
    lab.network.fault = lambda: 1


def test_messages_take_as_long_as_the_network_says(lab: Lab) -> None:
    lab.a.send(lab.b.node, "port", b"x")
    lab.clock.advance(0)
    assert lab.heard_b.messages == []
    lab.clock.advance(DELAY)
    assert lab.heard_b.messages == [(lab.a.node, b"x")]


def test_what_is_sent_while_the_other_node_is_cut_off_comes_later(lab: Lab) -> None:
    lab.network.cut(lab.b)
    lab.a.send(lab.b.node, "port", b"x")
    lab.pass_time(1)
    assert lab.heard_b.messages == []
    lab.network.heal(lab.b)
    lab.pass_time(3)
    assert lab.heard_b.messages == [(lab.a.node, b"x")]


# -- publications


def subscribe(lab: Lab, bus: MemoryBus) -> list[bytes]:
    heard: list[bytes] = []
    assert lab.answer(bus.subscribe("room", heard.append)) is None
    return heard


def test_a_publication_comes_to_all_others_that_subscribe(lab: Lab) -> None:
    own, others = subscribe(lab, lab.a), subscribe(lab, lab.b)
    assert lab.answer(lab.a.subscribers("room")) == 2
    lab.a.publish("room", b"x")
    lab.a.publish("another", b"y")
    lab.pass_time()
    assert (own, others) == ([], [b"x"])
    lab.b.unsubscribe("room")
    lab.a.publish("room", b"z")
    lab.pass_time()
    assert others == [b"x"]
    assert lab.answer(lab.a.subscribers("room")) == 1


def test_a_publication_may_get_lost_and_is_not_sent_again(lab: Lab) -> None:
    heard = subscribe(lab, lab.b)
    lost = iter([False, True, False])
    lab.network.publication_lost = lambda: next(lost)
    for data in (b"1", b"2", b"3"):
        lab.a.publish("room", data)
    lab.pass_time(5)
    assert heard == [b"1", b"3"]


def test_publications_wait_for_the_broker_up_to_a_size(lab: Lab) -> None:
    heard = subscribe(lab, lab.b)
    lab.network.cut(lab.a)
    lab.a.publish("room", b"first")
    lab.a.publish("room", b"x" * WINDOW)
    lab.a.publish("room", b"y" * (WINDOW - 5))
    assert lab.a.counters["publications_dropped"] == 1
    lab.network.heal(lab.a)
    lab.pass_time()
    assert [data[:5] for data in heard] == [b"first", b"yyyyy"]


def test_after_it_was_away_a_node_is_subscribed_again(lab: Lab) -> None:
    heard = subscribe(lab, lab.b)
    lab.network.cut(lab.b)
    lab.a.publish("room", b"missed")
    assert lab.answer(lab.a.subscribers("room")) == 0
    lab.network.heal(lab.b)
    lab.a.publish("room", b"x")
    lab.pass_time()
    assert heard == [b"x"]
