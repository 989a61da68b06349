"""The stream between two workers of one machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from txsockjs.cluster.peer import HELLO, MESSAGES, PUBLICATION, SUBSCRIBE, Peer
from txsockjs.wire.bundle import bundle, read_bundle
from txsockjs.wire.named import named, read_named

from .test_streams import string, strings


class Owner:
    """The bus of a peer."""

    node = "a"

    def __init__(self) -> None:
        self.reactor = Clock()
        self.heard: list[Any] = []

    def made(self, peer: Peer) -> list[str]:
        return ["room"]

    def greeted(self, peer: Peer, channels: list[str]) -> bool:
        self.heard.append((peer.node, channels))
        return peer.node != "double"

    def deliver(self, node: str, port: str, messages: Sequence[bytes]) -> None:
        self.heard += [(node, port, data) for data in messages]

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        self.heard.append((kind, payload))

    def ended(self, peer: Peer) -> None:
        self.heard.append("ended")


def greet(node: str = "b", version: int = 2) -> bytes:
    hello = {"version": version, "node": node, "channels": ["x"]}
    return string(bytes((HELLO,)) + json.dumps(hello).encode())


def message(data: bytes) -> bytes:
    return string(bytes((MESSAGES,)) + named("port", bundle([data])))


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def peer(owner: Owner) -> Peer:
    peer = Peer(owner)
    peer.makeConnection(StringTransport())
    peer.flush()
    return peer


def test_peers_say_who_they_are(owner: Owner, peer: Peer) -> None:
    (hello,) = strings(peer.transport.value())
    assert hello[0] == HELLO
    assert b'"node": "a"' in hello and b'"room"' in hello
    peer.dataReceived(greet())
    assert owner.heard == [("b", ["x"])]
    peer.dataReceived(message(b"data"))
    peer.dataReceived(string(bytes((SUBSCRIBE,)) + b"room"))
    assert owner.heard[1:] == [("b", "port", b"data"), (SUBSCRIBE, b"room")]


@pytest.mark.parametrize(
    "data", [greet(version=1), greet("double"), string(b"\7"), string(b"\0{"), b"\xff" * 8]
)
def test_one_that_is_none_is_dropped(peer: Peer, data: bytes) -> None:
    peer.dataReceived(data)
    assert peer.transport.disconnected


def bundles(peer: Peer) -> list[tuple[str, list[bytes]]]:
    """Return what was said: messages with their port, other strings with none."""
    found = []
    for said in strings(peer.transport.value()):
        if said[0] == MESSAGES:
            port, rest = read_named(said[1:])
            found.append((port, read_bundle(rest)))
        else:
            found.append(("", [said]))
    return found


def test_what_is_not_urgent_waits_for_a_slow_reader(owner: Owner, peer: Peer) -> None:
    peer.transport.clear()
    peer.transport.producer.pauseProducing()
    peer.send("port", b"one")
    peer.say(PUBLICATION, b"two", urgent=False)
    peer.send("port", b"urgent", urgent=True)
    owner.reactor.advance(0)
    assert bundles(peer) == [("port", [b"urgent"])]
    peer.transport.clear()
    peer.transport.producer.resumeProducing()
    peer.send("port", b"three")
    owner.reactor.advance(0)
    assert bundles(peer) == [("port", [b"one"]), ("", [b"\2two"]), ("port", [b"three"])]


def test_messages_to_one_port_are_bundled_in_order(owner: Owner, peer: Peer) -> None:
    peer.transport.clear()
    for port, data in (("a", b"1"), ("a", b""), ("b", b"2"), ("a", b"3"), ("a", b"4")):
        peer.send(port, data, urgent=data == b"4")
    peer.say(SUBSCRIBE, b"room")
    peer.send("a", b"5")
    owner.reactor.advance(0)
    assert bundles(peer) == [
        ("a", [b"1", b""]),
        ("b", [b"2"]),
        ("a", [b"3", b"4"]),
        ("", [b"\3room"]),
        ("a", [b"5"]),
    ]


def test_a_bundle_is_bounded(owner: Owner, peer: Peer) -> None:
    peer.transport.clear()
    messages = [b"%d" % n for n in range(20)] + [b"x" * 5000, b"last"]
    for data in messages:
        peer.send("port", data)
    owner.reactor.advance(0)
    said = [found for _, found in bundles(peer)]
    assert [len(found) for found in said] == [16, 5, 1]
    assert [data for found in said for data in found] == messages


def test_a_bundle_counts_as_what_it_has(owner: Owner, peer: Peer) -> None:
    said = string(bytes((MESSAGES,)) + named("port", bundle([b"x"] * 16)))
    peer.dataReceived(greet() + said * 20)
    assert len(owner.heard) == 257
    owner.reactor.calls.pop().func()
    assert len(owner.heard) == 321


def test_an_end_drops_what_was_not_said(owner: Owner, peer: Peer) -> None:
    peer.send("port", b"data")
    peer.connectionLost()
    peer.flush()
    assert len(strings(peer.transport.value())) == 1  # the greeting
    assert not owner.reactor.getDelayedCalls()


def test_a_turn_takes_a_bounded_number(owner: Owner, peer: Peer) -> None:
    peer.dataReceived(greet() + string(b"\3x") * 1000)
    turns = [len(owner.heard)]
    assert peer.transport.producerState == "paused"
    while owner.reactor.calls:
        owner.reactor.calls.pop().func()
        turns.append(len(owner.heard))
    assert turns == [256, 512, 768, 1001]
    assert peer.transport.producerState == "producing"


def test_an_end_leaves_no_timer_behind(owner: Owner, peer: Peer) -> None:
    peer.dataReceived(greet() + string(b"\3x") * 1000)
    peer.connectionLost()
    assert owner.heard[-1] == "ended"
    assert not owner.reactor.getDelayedCalls()
