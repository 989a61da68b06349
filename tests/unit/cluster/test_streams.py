"""The streams between the processes of one machine."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from txsockjs.cluster.streams import (
    HELLO,
    MESSAGE,
    SUBSCRIBE,
    Control,
    Peer,
    Stream,
)
from txsockjs.wire.named import named


class Owner:
    """The bus of a peer."""

    node = "a"
    channels = ["room"]

    def __init__(self) -> None:
        self.reactor = Clock()
        self.heard: list[Any] = []

    def greeted(self, peer: Peer, channels: list[str]) -> bool:
        self.heard.append((peer.node, channels))
        return peer.node != "double"

    def deliver(self, node: str, port: str, data: bytes) -> None:
        self.heard.append((node, port, data))

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        self.heard.append((kind, payload))

    def ended(self, peer: Peer) -> None:
        self.heard.append("ended")


def string(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def strings(data: bytes) -> list[bytes]:
    found = []
    while data:
        (size,) = struct.unpack_from("!I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def greet(node: str = "b", version: int = 1) -> bytes:
    hello = {"version": version, "node": node, "channels": ["x"]}
    return string(bytes((HELLO,)) + json.dumps(hello).encode())


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
    peer.dataReceived(string(bytes((MESSAGE,)) + named("port", b"data")))
    peer.dataReceived(string(bytes((SUBSCRIBE,)) + b"room"))
    assert owner.heard[1:] == [("b", "port", b"data"), (SUBSCRIBE, b"room")]


@pytest.mark.parametrize(
    "data", [greet(version=2), greet("double"), string(b"\7"), string(b"\0{"), b"\xff" * 8]
)
def test_one_that_is_none_is_dropped(peer: Peer, data: bytes) -> None:
    peer.dataReceived(data)
    assert peer.transport.disconnected


def test_what_is_not_urgent_waits_for_a_slow_reader(owner: Owner, peer: Peer) -> None:
    peer.transport.clear()
    peer.transport.producer.pauseProducing()
    peer.say(MESSAGE, b"one", urgent=False)
    peer.say(MESSAGE, b"two", urgent=False)
    peer.say(MESSAGE, b"urgent")
    owner.reactor.advance(0)
    assert strings(peer.transport.value()) == [b"\1urgent"]
    peer.transport.producer.resumeProducing()
    peer.say(MESSAGE, b"three", urgent=False)
    owner.reactor.advance(0)
    assert strings(peer.transport.value()) == [b"\1urgent", b"\1one", b"\1two", b"\1three"]


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


def test_tables_go_both_ways() -> None:
    told: list[Any] = []
    control = Control(Clock(), told.append, lambda: told.append("ended"))
    control.say(do="nothing")  # it is not connected, so that nobody hears it
    control.makeConnection(StringTransport())
    control.say(do="join", node="a")
    control.flush()
    assert strings(control.transport.value()) == [b'{"do": "join", "node": "a"}']
    control.dataReceived(string(b'{"a":1}'))
    control.dataReceived(string(b"1"))
    assert told == [{"a": 1}]
    assert control.transport.disconnected
    control.connectionLost()
    assert told[-1] == "ended"


def test_what_a_string_does_is_a_subclasss() -> None:
    with pytest.raises(NotImplementedError):
        Stream().take(b"")
