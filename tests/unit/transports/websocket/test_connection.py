"""The connection under a websocket: signs of life, and how it ends."""

from __future__ import annotations

import struct

import pytest

from ....support.memory import Lab


@pytest.mark.parametrize("path", ["/000/abc/websocket", "/websocket"])
def test_a_peer_that_answers_no_ping_is_dead(path: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade(path)
    lab.pass_time(10)
    assert socket.received.endswith(b"\x89\x00")
    lab.pass_time(4.5)
    assert socket.is_open
    lab.pass_time(1)
    assert socket.transport.aborted
    assert lab.log[-1][0] == "close"
    lab.settle()


@pytest.mark.parametrize("sign", ["pong", "message"])
def test_any_sign_of_life_will_do(sign: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade()
    for _ in range(5):
        lab.pass_time(10)
        if sign == "pong":
            socket.say(b"", 10)
        else:
            socket.say(b'["x"]')
    assert socket.is_open
    assert socket.received.count(b"\x81\x01h\x89\x00") == 5
    socket.vanish()
    lab.settle()


def test_a_peer_that_pings_and_does_not_read_gets_one_pong() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(b"first", 9)
    assert socket.take().endswith(b"\x8a\x05first")
    socket.transport.slow = True
    for number in range(100):
        socket.say(b"%d" % number, 9)
    assert socket.take() == b"\x8a\x010"
    socket.transport.drain()
    assert socket.take() == b"\x8a\x0299"
    socket.vanish()
    lab.settle()


def test_a_peer_that_still_receives_is_not_dead() -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade()
    socket.transport.slow = True
    lab.pass_time(10)
    assert socket.take().endswith(b"\x89\x00")
    lab.pass_time(120)
    assert socket.is_open
    socket.transport.drain()
    lab.pass_time(20)
    assert not socket.is_open
    lab.settle()


def test_a_peer_that_does_not_finish_the_close_is_dropped() -> None:
    lab = Lab(ping_timeout=5)
    socket = lab.upgrade()
    socket.say(b'["close"]')
    assert socket.received.endswith(b'c[3001,"as told"]\x88\x02\x03\xe8')
    lab.pass_time(4)
    assert socket.is_open
    lab.pass_time(2)
    assert socket.transport.aborted
    lab.settle()


def test_the_peers_close_is_answered_and_told() -> None:
    lab = Lab()
    socket = lab.upgrade("/websocket")
    socket.say(struct.pack("!H", 3009) + b"bye", 8)
    assert socket.received.endswith(b"\x88\x05" + struct.pack("!H", 3009) + b"bye")
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (3009, "bye"))]
    assert not socket.is_open
    lab.settle()


@pytest.mark.parametrize("payload", [b'["x"', b"[1]", b"{}", b"x"])
def test_broken_input_ends_a_websocket_at_once(payload: bytes) -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(payload)
    assert not socket.is_open
    lab.clock.advance(0)
    assert lab.log[0] == "open"
    assert lab.log[1][1][0] == 1007
    assert len(lab.log) == 2
    lab.settle()


def test_no_producer_keeps_a_connection_open_that_broken_input_ended() -> None:
    lab = Lab()
    socket = lab.upgrade()
    transport = socket.transport
    # TLS does not end before its producer is unregistered.
    transport.loseConnection = lambda: transport.producer or transport.abortConnection()  # type: ignore[method-assign]
    socket.say(b"x")
    assert not socket.is_open
    lab.settle()
