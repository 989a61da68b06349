"""What holds for every bus: the same tests against each."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from txsockjs.cluster.bus import Owner

from ...support.bus_kinds import Kind
from ...support.listeners import Heard
from ...support.waiting import until, until_answered


async def nodes(kind: Kind, count: int = 2) -> list[Any]:
    """Start nodes that know of each other, each with a listener on ``port``, as ``heard``."""
    buses: list[Any] = []
    for _ in range(count):
        bus = await kind.make()
        bus.heard = Heard()  # type: ignore[attr-defined]
        bus.listen("port", bus.heard)  # type: ignore[attr-defined]
        await bus.start()
        buses.append(bus)
    everybody = {bus.node for bus in buses}
    await until(lambda: all(bus.nodes >= everybody for bus in buses), "they know each other")
    return buses


@pytest_twisted.ensureDeferred
async def test_a_node_is_one_once_its_bus_was_reached(kind: Kind) -> None:
    bus = await kind.make()
    assert not bus.reached
    await bus.start()
    assert bus.reached
    assert bus.connected
    assert bus.settled
    assert bus.node in bus.nodes


@pytest_twisted.ensureDeferred
async def test_nobody_listens_where_somebody_does(kind: Kind) -> None:
    bus = await kind.make()
    bus.listen("port", Heard())
    with pytest.raises(ValueError, match="port"):
        bus.listen("port", Heard())


# -- claims


@pytest_twisted.ensureDeferred
async def test_a_key_has_one_owner(kind: Kind) -> None:
    a, b = await nodes(kind)
    assert await b.find("key") is None
    assert await a.claim("key") == Owner(a.node, True)
    assert await a.claim("key") == Owner(a.node, True)
    assert await b.claim("key") == Owner(a.node, True)
    assert await b.find("key") == Owner(a.node, True)
    assert await b.claim("another") == Owner(b.node, True)


@pytest_twisted.ensureDeferred
async def test_of_two_that_claim_at_once_one_wins(kind: Kind) -> None:
    a, b = await nodes(kind)
    for number in range(20):
        owners = await gatherResults([a.claim(f"key {number}"), b.claim(f"key {number}")])
        assert len(set(owners)) == 1


@pytest_twisted.ensureDeferred
async def test_what_is_released_can_be_claimed_and_only_its_owner_releases(kind: Kind) -> None:
    a, b = await nodes(kind)
    await a.claim("key")
    b.release("key")
    await b.claim("something else")  # what was said before is done
    assert await a.find("key") == Owner(a.node, True)
    a.release("key")
    await a.claim("something")
    assert await b.claim("key") == Owner(b.node, True)


@pytest_twisted.ensureDeferred
async def test_keys_may_be_any_text(kind: Kind) -> None:
    a, b = await nodes(kind)
    for key in ("session /chat \u00e9\u2028\U0001f600", "a b\n\r\0*{}:", "x" * 300):
        assert await a.claim(key) == Owner(a.node, True)
        assert await b.find(key) == Owner(a.node, True)


@pytest_twisted.ensureDeferred
async def test_the_claims_of_a_node_that_stops_are_given_back(kind: Kind) -> None:
    a, b = await nodes(kind)
    await a.claim("key")
    await a.stop()
    await until(lambda: a.node in b.heard.ended, "it is told")
    assert a.node not in b.nodes
    assert await b.claim("key") == Owner(b.node, True)


@pytest_twisted.ensureDeferred
async def test_the_claims_of_a_node_that_is_killed_are_remembered(kind: Kind) -> None:
    a, b = await nodes(kind)
    await a.claim("key")
    await kind.kill(a)
    await until(lambda: a.node in b.heard.ended, "it is told")
    assert a.node not in b.nodes
    assert await b.claim("key") == Owner(a.node, False)
    assert await b.find("key") == Owner(a.node, False)


# -- messages


@pytest_twisted.ensureDeferred
async def test_messages_come_in_order_and_once(kind: Kind) -> None:
    a, b = await nodes(kind)
    sent = [b"%d" % number + b"x" * (number % 7) * 5000 for number in range(300)]
    for message in sent:
        a.send(b.node, "port", message)
        b.send(a.node, "port", message)
    await until(lambda: len(b.heard.messages) == len(a.heard.messages) == len(sent), "all came")
    assert b.heard.messages == [(a.node, message) for message in sent]
    assert a.heard.messages == [(b.node, message) for message in sent]


@pytest_twisted.ensureDeferred
async def test_nobody_is_called_from_inside_a_call(kind: Kind) -> None:
    a, b = await nodes(kind)
    a.send(b.node, "port", b"x")
    assert b.heard.messages == []
    await until(lambda: b.heard.messages, "it came")


@pytest_twisted.ensureDeferred
async def test_what_nobody_listens_for_is_dropped_and_counted(kind: Kind) -> None:
    a, b = await nodes(kind)
    a.send(b.node, "another port", b"x")
    a.send(b.node, "port", b"y")
    await until(lambda: b.heard.messages, "it came")
    assert b.heard.messages == [(a.node, b"y")]
    assert b.counters["messages_unwanted"] == 1


@pytest_twisted.ensureDeferred
async def test_much_at_once_comes_and_what_is_urgent_first(kind: Kind) -> None:
    a, b = await nodes(kind)
    for _ in range(200):
        a.send(b.node, "port", b"x" * 32768)
    a.send(b.node, "port", b"urgent", urgent=True)
    await until(lambda: len(b.heard.messages) == 201, "all came")
    assert (a.node, b"urgent") in b.heard.messages[:-1]


@pytest_twisted.ensureDeferred
async def test_what_is_sent_to_a_node_that_is_gone_is_told(kind: Kind) -> None:
    a, b = await nodes(kind)
    await kind.kill(b)
    a.send(b.node, "port", b"x")
    await until(lambda: b.node in a.heard.ended, "it is told")


# -- publications


@pytest_twisted.ensureDeferred
async def test_publications_come_to_those_that_subscribe_in_order(kind: Kind) -> None:
    a, b, c = await nodes(kind, 3)
    heard: list[bytes] = []
    own: list[bytes] = []
    await b.subscribe("room", heard.append)
    await a.subscribe("room", own.append)
    assert await c.subscribers("room") == 2
    sent = [b"%d" % number for number in range(100)]
    for each in sent:
        a.publish("room", each)
    await until(lambda: len(heard) == 100, "all came")
    assert heard == sent
    assert own == []  # it knows what it said


@pytest_twisted.ensureDeferred
async def test_what_is_published_while_a_node_starts_comes(kind: Kind) -> None:
    a = await kind.make()
    await a.start()
    heard: list[bytes] = []
    await a.subscribe("room", heard.append)
    b = await kind.make()
    started = b.start()
    b.publish("room", b"early")
    await started
    b.publish("room", b"late")
    await until(lambda: len(heard) == 2, "both came")
    assert heard == [b"early", b"late"]


@pytest_twisted.ensureDeferred
async def test_after_unsubscribing_nothing_comes(kind: Kind) -> None:
    a, b = await nodes(kind)
    heard: list[bytes] = []
    rest: list[bytes] = []
    await b.subscribe("room", heard.append)
    await b.subscribe("rest", rest.append)
    b.unsubscribe("room")
    a.publish("room", b"x")
    a.publish("rest", b"y")
    await until(lambda: rest, "what was published later came")
    assert heard == []
    await until_answered(lambda: b.subscribers("room"), 0)


# -- a broker that is away


@pytest_twisted.ensureDeferred
async def test_what_is_asked_and_sent_while_the_broker_is_away_waits(kind: Kind) -> None:
    if not kind.can_be_cut:
        pytest.skip("there is no broker")
    a, b = await nodes(kind)
    heard: list[bytes] = []
    await b.subscribe("room", heard.append)
    await kind.cut(a)
    await until(lambda: "away" in a.heard.told, "it is told")
    assert not a.connected
    claimed = a.claim("key")
    a.send(b.node, "port", b"x")
    a.publish("room", b"y")
    assert not claimed.called
    await kind.heal(a)
    assert await claimed == Owner(a.node, True)
    await until(lambda: b.heard.messages == [(a.node, b"x")], "the message came")
    await until(lambda: heard == [b"y"], "the publication came")
    assert a.heard.told == ["away", "back"]
    assert a.heard.ended == b.heard.ended == []


@pytest_twisted.ensureDeferred
async def test_after_it_was_away_everybody_is_subscribed_again(kind: Kind) -> None:
    if not kind.can_be_cut:
        pytest.skip("there is no broker")
    a, b = await nodes(kind)
    heard: list[bytes] = []
    await b.subscribe("room", heard.append)
    await kind.cut(b)
    await until(lambda: "away" in b.heard.told, "it is told")
    await kind.heal(b)
    await until(lambda: "back" in b.heard.told, "it is told")
    await until_answered(lambda: a.subscribers("room"), 1)
    a.publish("room", b"x")
    await until(lambda: heard == [b"x"], "it came")


@pytest_twisted.ensureDeferred
async def test_a_claim_that_nobody_waits_for_any_more_is_not_kept(kind: Kind) -> None:
    if not kind.can_be_cut:
        pytest.skip("there is no broker")
    a, b = await nodes(kind)
    await kind.cut(a)
    await until(lambda: "away" in a.heard.told, "it is told")
    claimed = a.claim("key")
    claimed.addErrback(lambda _: None)
    claimed.cancel()
    await kind.heal(a)
    await a.claim("another")
    await until_answered(lambda: b.find("key"), None)


@pytest_twisted.ensureDeferred
async def test_a_bus_that_is_stopped_leaves_no_timer_behind(kind: Kind) -> None:
    before = set(reactor.getDelayedCalls())  # type: ignore[attr-defined]
    a, b = await nodes(kind)
    a.send(b.node, "port", b"x")
    await until(lambda: b.heard.messages, "it came")
    await a.stop()
    await b.stop()
    await kind.end()
    left = [
        call
        for call in reactor.getDelayedCalls()  # type: ignore[attr-defined]
        if call not in before and "txsockjs" in str(call)
    ]
    assert left == []
