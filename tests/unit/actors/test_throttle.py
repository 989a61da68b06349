"""The rate of messages: whoever is over it waits, nothing is dropped, a stall lets no more pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, lists, tuples
from twisted.internet.defer import Deferred

from txsockjs import SockJSConnection
from txsockjs.actors.session import Session
from txsockjs.actors.states import RECEIVED

from ...support.fakes import FakeReceiver, open_session, settle
from ...support.frames import close_code, masked, text
from ...support.memory import Connection, Lab

FRAMED, RAW = "/000/abc/websocket", "/websocket"
PATHS = pytest.mark.parametrize("path", [FRAMED, RAW])


class Listener(SockJSConnection):
    """Notes what comes."""

    log: list[Any]

    def on_message(self, message: Any) -> None:
        self.log.append(message)
        if message == "close":
            self.close(3001, "as told")

    def on_close(self) -> None:
        self.log.append(self.close_reason)


def is_read(socket: Connection) -> bool:
    return bool(socket.transport.producerState == "producing")


# -- websockets


@PATHS
def test_a_websocket_over_its_rate_is_not_read_until_there_is_a_token(path: str) -> None:
    lab = Lab(Listener, message_rate="10/s")
    socket = lab.upgrade(path)
    for number in range(10):
        assert is_read(socket)
        socket.send(text(path, f"{number}"))
    assert not is_read(socket)
    lab.clock.advance(0.09)
    assert not is_read(socket)
    lab.clock.advance(0.02)
    assert is_read(socket)
    socket.send(text(path, "10"))
    assert not is_read(socket)
    assert lab.log == [f"{number}" for number in range(11)]
    lab.settle()


@PATHS
def test_a_flood_of_frames_is_taken_at_the_rate_and_all_of_it(path: str) -> None:
    lab = Lab(Listener, message_rate="10/s")
    socket = lab.upgrade(path)
    socket.send(b"".join(text(path, f"{number}") for number in range(100)))
    assert lab.log == [f"{number}" for number in range(10)]
    taken = []
    for _ in range(12):
        lab.clock.pump([0.05] * 20)
        taken.append(len(lab.log))
        assert lab.log == [f"{number}" for number in range(len(lab.log))]
    # A bucket, what a second brings, and what is taken together at most.
    assert all(count <= 10 + 10 * second + 9 for second, count in enumerate(taken, 1))
    assert taken[-1] == 100
    assert is_read(socket)
    lab.settle()


@PATHS
def test_a_high_rate_looks_again_only_now_and_then(path: str) -> None:
    lab = Lab(Listener, message_rate="1000/s")
    socket = lab.upgrade(path)
    for number in range(1000):
        socket.send(text(path, f"{number}"))
    assert not is_read(socket)
    lab.clock.advance(0.09)
    assert not is_read(socket)
    lab.clock.advance(0.02)
    assert is_read(socket)
    for number in range(109):
        socket.send(text(path, f"{number}"))
        assert is_read(socket)
    lab.settle()


def test_messages_of_one_frame_are_taken_together_and_their_time_is_waited_for() -> None:
    lab = Lab(Listener, message_rate="10/s")
    socket = lab.upgrade(FRAMED)
    socket.send(masked(json.dumps([str(number) for number in range(110)]).encode()))
    assert len(lab.log) == 110
    lab.pass_time(10)
    assert not is_read(socket)
    lab.pass_time(0.5)
    assert is_read(socket)
    lab.settle()


@PATHS
@pytest.mark.parametrize("stall", [1, 60, 100_000])
def test_a_stall_lets_one_bucket_pass_and_no_more(path: str, stall: float) -> None:
    lab = Lab(Listener, message_rate="10/s", heartbeat_delay=1e6, disconnect_delay=1e6)
    socket = lab.upgrade(path)
    for number in range(10):
        socket.send(text(path, f"{number}"))
    lab.clock.advance(stall)
    for number in range(10):
        assert is_read(socket)
        socket.send(text(path, f"{number}"))
    assert not is_read(socket)
    socket.vanish()
    lab.settle()


@PATHS
def test_a_client_that_waits_can_be_closed_and_leaves_no_timer(path: str) -> None:
    lab = Lab(Listener, message_rate="1/h")
    socket = lab.upgrade(path)
    socket.send(text(path, "one"))
    assert not is_read(socket)
    (session,) = lab.router.sessions
    session.close(3002, "enough")
    assert is_read(socket)
    lab.clock.advance(0)
    assert lab.log == ["one", (3002, "enough")]
    lab.settle()


@PATHS
def test_the_end_comes_in_the_message_that_is_one_too_many(path: str) -> None:
    lab = Lab(Listener, message_rate="1/h")
    socket = lab.upgrade(path)
    socket.send(text(path, "close"))
    assert lab.log == ["close", (3001, "as told")]
    assert is_read(socket)
    lab.settle()


@PATHS
def test_a_client_that_vanishes_while_it_waits_leaves_nothing(path: str) -> None:
    lab = Lab(Listener, message_rate="1/h")
    socket = lab.upgrade(path)
    socket.send(text(path, "one") + text(path, "two"))
    assert lab.log == ["one"]
    socket.vanish()
    lab.pass_time(1)
    assert lab.log[:2] == ["one", "two"]  # it was here before
    assert len(lab.router.sessions) == 0
    lab.settle()


def test_pings_are_answered_and_a_close_frame_is_heard_at_the_rate() -> None:
    lab = Lab(Listener, message_rate="2/s")
    socket = lab.upgrade(RAW)
    socket.take()
    socket.send(masked(b"1") + masked(b"2") + masked(b"are you there", 0x89))
    assert socket.take() == b""
    lab.clock.advance(0.5)
    assert b"are you there" in socket.take()
    socket.send(masked(b"\x03\xe8", 0x88))
    assert close_code(socket.take()) == 1000
    lab.settle()


# -- senders


def test_a_sender_over_its_rate_waits_for_its_answer_and_the_next_with_its_body() -> None:
    lab = Lab(Listener, message_rate="2/s")
    lab.xhr()
    assert lab.send(b'["1"]').status == 204
    second, third, fourth = (lab.send(b'["%d"]' % number) for number in (2, 3, 4))
    assert [each.received for each in (second, third, fourth)] == [b"", b"", b""]
    assert lab.log == ["1", "2"]
    lab.clock.advance(0.5)
    assert (second.status, third.received, lab.log) == (204, b"", ["1", "2", "3"])
    lab.clock.advance(0.5)
    assert (third.status, fourth.received, lab.log) == (204, b"", ["1", "2", "3", "4"])
    lab.clock.advance(0.5)
    assert fourth.status == 204
    lab.settle()


def test_senders_that_wait_for_the_rate_are_bounded() -> None:
    lab = Lab(Listener, message_rate="1/h")
    lab.xhr()
    waiting = [lab.send(b'["x"]') for _ in range(32)]
    assert lab.send(b'["x"]').status == 503
    assert [each.received for each in waiting] == [b""] * 32
    lab.settle()
    # The one that was taken is answered; the others come too late for a session that is over.
    assert [each.status for each in waiting] == [204] + [404] * 31


def test_a_sender_that_leaves_gives_its_place_up() -> None:
    lab = Lab(Listener, message_rate="1/s")
    lab.xhr()
    first, second, third = (lab.send(b'["%d"]' % number) for number in (1, 2, 3))
    second.vanish()
    lab.clock.advance(1)
    lab.clock.advance(1)
    assert lab.log == ["1", "3"]
    assert first.status == 204
    third.vanish()
    lab.settle()


# -- sessions by value


def test_a_session_without_a_rate_has_no_bucket() -> None:
    session, server, _ = open_session()
    assert type(session._application).__name__ == "Application"
    assert session.receive(["m"] * 100)
    settle(server)


def test_each_session_has_its_own() -> None:
    session, server, _ = open_session(message_rate="1/h")
    other = Session(type(server.recorder), server, expiry=5.0)
    server.sessions.add(other)
    FakeReceiver().attach(other)
    assert not session.receive(["m"])
    assert other.room() is None
    settle(server)


def test_a_full_mailbox_and_a_rate_are_both_waited_for() -> None:
    gate: Deferred[None] = Deferred()
    session, server, _ = open_session(message_rate="1/s", mailbox_limit=100)
    server.on_message = lambda connection, message: gate
    assert not session.receive(["x" * 200, "x" * 200])
    told: list[object] = []
    session.room().addCallback(told.append)
    server.reactor.advance(10)
    assert told == []
    server.on_message = lambda connection, message: None
    gate.callback(None)
    assert told == [None]
    settle(server)


_STEPS = lists(tuples(floats(0, 3), integers(0, 5)), min_size=1, max_size=40)


@settings(deadline=None)
@given(_STEPS)
def test_whatever_comes_when_no_more_is_handled_than_the_rate_allows(
    steps: list[tuple[float, int]],
) -> None:
    session, server, _ = open_session(message_rate="5/s", disconnect_delay=1000)
    sent = 0
    for seconds, count in steps:
        server.reactor.advance(seconds)
        if session.room() is None and count:
            session.tell(RECEIVED, [f"{sent + number}" for number in range(count)])
            sent += count
        calls = server.recorder.calls[1:]
        assert calls == [f"{number}" for number in range(sent)]
        assert len(calls) <= 5 + 5 * server.reactor.seconds() + 4 + 1e-3
    settle(server)
