"""A stall is not an absence: what came meanwhile lies in sockets that were not read yet."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs import testing
from txsockjs.actors.deadlines import GRACE, STALL, Deadline, Sweep
from txsockjs.actors.states import RECEIVED

from ...support.fakes import open_session, settle
from ...support.frames import frame
from ...support.memory import Lab
from ...support.sites import INFO, POLL, SEND, SiteLab
from ..protocols.test_gateway import Bench

LONG = 60.0  # longer than any delay below


def make_deadline(seconds: float) -> tuple[Deadline, Clock, list[str]]:
    clock, over = Clock(), []
    return Deadline(clock, seconds, lambda: over.append("over")), clock, over


def make_sweep(interval: float) -> tuple[Sweep, Clock, list[float]]:
    clock, swept = Clock(), []
    sweep = Sweep(clock, swept.append)
    sweep.start(interval)
    return sweep, clock, swept


# -- one deadline


@pytest.mark.parametrize("late", [0, STALL / 2, STALL])
def test_a_deadline_that_comes_in_time_is_over(late: float) -> None:
    deadline, clock, over = make_deadline(5)
    clock.advance(4.5)
    assert deadline.active()
    assert over == []
    clock.advance(0.5 + late)
    assert over == ["over"]
    assert not deadline.active()
    assert clock.getDelayedCalls() == []


def test_a_deadline_that_is_late_is_put_off_once() -> None:
    deadline, clock, over = make_deadline(5)
    clock.advance(LONG)
    assert over == []
    assert deadline.active()
    clock.advance(GRACE)
    assert over == ["over"]


def test_a_deadline_is_put_off_no_more_than_once() -> None:
    _, clock, over = make_deadline(5)
    clock.advance(LONG)
    clock.advance(LONG)
    assert over == ["over"]
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("stalled", [0, LONG])
def test_a_cancelled_deadline_never_comes(stalled: float) -> None:
    deadline, clock, over = make_deadline(5)
    clock.advance(stalled)
    deadline.cancel()
    deadline.cancel()
    assert not deadline.active()
    assert clock.getDelayedCalls() == []
    assert over == []


def test_a_deadline_can_count_anew() -> None:
    deadline, clock, over = make_deadline(5)
    clock.advance(4)
    deadline.reset(3)
    clock.advance(2)
    assert over == []
    clock.advance(1)
    assert over == ["over"]


def test_a_deadline_that_counts_anew_may_be_put_off_anew() -> None:
    deadline, clock, over = make_deadline(5)
    for _ in range(2):
        clock.advance(LONG)
        assert over == []
        deadline.reset(5)
    clock.advance(5)
    assert over == ["over"]


# -- a sweep


def test_a_sweep_in_time_ends_what_is_due() -> None:
    sweep, clock, swept = make_sweep(2)
    clock.pump([1] * 5)
    assert swept == [2, 4]
    clock.advance(1.5)
    assert swept == [2, 4, 6.5]
    sweep.stop()
    sweep.stop()
    assert not sweep.running
    assert clock.getDelayedCalls() == []


def test_a_late_sweep_ends_only_what_was_due_at_the_one_before() -> None:
    sweep, clock, swept = make_sweep(2)
    clock.advance(2)
    clock.advance(LONG)
    assert swept == [2, 2]
    clock.advance(GRACE)
    assert swept == [2, 2, 63]
    clock.advance(2)
    assert swept == [2, 2, 63, 65]
    sweep.stop()


def test_on_a_server_that_is_always_late_each_is_put_off_once() -> None:
    sweep, clock, swept = make_sweep(1)
    clock.pump([3] * 4)
    assert swept == [0, 3, 6, 9]
    sweep.stop()


def test_a_sweep_that_fails_is_not_the_last() -> None:
    clock = Clock()
    sweep = Sweep(clock, lambda until: 1 / 0)
    sweep.start(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            clock.advance(1)
    sweep.stop()


def test_a_sweep_that_has_more_to_do_goes_on_in_the_next_iteration() -> None:
    clock, swept = Clock(), []

    def some(until: float) -> bool:
        swept.append(until)
        return len(swept) < 3

    sweep = Sweep(clock, some)
    sweep.start(1)
    clock.advance(1)
    for _ in range(5):
        clock.advance(0)
    assert swept == [1, 1, 1]
    clock.advance(1)
    assert swept == [1, 1, 1, 2]
    sweep.stop()
    assert clock.getDelayedCalls() == []


def test_a_late_sweep_that_has_more_to_do_waits_for_what_was_not_read() -> None:
    clock, swept = Clock(), []
    sweep = Sweep(clock, lambda until: bool(swept.append(until)) or len(swept) == 1)
    sweep.start(1)
    clock.advance(1 + 2 * STALL)
    clock.advance(0)
    assert swept == [0]
    clock.advance(GRACE)
    assert swept == [0, 1 + 2 * STALL + GRACE]
    sweep.stop()


def test_a_sweep_may_stop_itself() -> None:
    clock = Clock()
    sweep = Sweep(clock, lambda until: sweep.stop())
    sweep.start(1)
    clock.advance(1)
    assert not sweep.running
    assert clock.getDelayedCalls() == []


# -- sessions


def test_a_session_whose_next_poll_lies_in_the_socket_outlives_a_stall() -> None:
    lab = Lab()
    lab.xhr()
    lab.clock.advance(LONG)
    poll = lab.xhr()
    assert poll.received == b""
    lab.pass_time(6)
    lab.send(b'["x"]')
    assert poll.body == b'a["x"]\n'
    assert lab.log == ["open", "x"]
    lab.settle()


def test_a_session_whose_client_is_gone_ends_after_a_stall() -> None:
    lab = Lab()
    lab.xhr()
    lab.clock.advance(LONG)
    assert lab.log == ["open"]
    lab.clock.advance(GRACE)
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (1006, "Session timed out"))]
    lab.settle()


def test_a_session_that_was_put_off_is_not_put_off_again() -> None:
    lab = Lab()
    lab.xhr()
    lab.clock.advance(LONG)
    lab.clock.advance(LONG)
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (1006, "Session timed out"))]
    lab.settle()


def test_a_close_frame_can_be_fetched_after_a_stall() -> None:
    lab = Lab()
    lab.xhr()
    lab.send(b'["close"]')
    lab.clock.advance(LONG)
    assert lab.xhr().body == b'c[3001,"as told"]\n'
    lab.settle()


# -- websockets


@pytest.mark.parametrize("path", ["/000/abc/websocket", "/websocket"])
def test_a_websocket_whose_pong_lies_in_the_socket_outlives_a_stall(path: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade(path)
    lab.pass_time(10)  # a ping
    lab.clock.advance(LONG)
    socket.send(frame(10, b""))
    lab.clock.advance(GRACE)
    assert socket.is_open
    assert not socket.transport.aborted
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize("path", ["/000/abc/websocket", "/websocket"])
def test_a_websocket_whose_client_is_gone_ends_after_a_stall(path: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade(path)
    lab.pass_time(10)
    lab.clock.advance(LONG)
    assert socket.is_open
    lab.clock.advance(GRACE)
    assert socket.transport.aborted
    lab.settle()


def test_a_websockets_last_answer_may_lie_in_the_socket() -> None:
    lab = Lab(ping_timeout=5)
    socket = lab.upgrade()
    socket.say(b'"close"')
    lab.clock.advance(LONG)
    socket.send(frame(8, b"\x03\xe8"))
    assert not socket.transport.aborted
    lab.settle()


# -- applications


def test_a_callback_gets_its_time_to_end_after_a_stall() -> None:
    session, server, receiver = open_session()
    gate: Deferred[None] = Deferred()
    server.on_message = lambda connection, message: gate
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(LONG)
    assert server.recorder.calls == ["open", "a"]
    gate.callback(None)  # what it waited for has been read
    assert server.recorder.calls == ["open", "a", "close"]
    settle(server)


def test_a_callback_that_does_not_end_is_cancelled_after_a_stall() -> None:
    session, server, receiver = open_session()
    cancelled: list[object] = []
    server.on_message = lambda connection, message: Deferred(cancelled.append)
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(LONG)
    assert cancelled == []
    server.reactor.advance(GRACE)
    assert len(cancelled) == 1
    settle(server)


# -- connections


def test_a_connection_whose_next_request_lies_in_the_socket_outlives_a_stall() -> None:
    lab = SiteLab(time_out=8)
    client = lab.connect()
    client.send(POLL)
    lab.clock.advance(LONG)
    client.send(SEND)
    assert [answer.code for answer in client.answers] == [200, 204]
    lab.pass_time(7)
    assert client.is_open
    lab.settle()


def test_an_idle_connection_ends_after_a_stall() -> None:
    lab = SiteLab(time_out=8)
    client = lab.connect()
    client.send(POLL)
    lab.clock.advance(LONG)
    assert client.is_open
    lab.clock.advance(GRACE)
    assert not client.is_open
    lab.settle()


def test_a_connection_of_twisted_web_outlives_a_stall_as_well() -> None:
    lab = SiteLab(time_out=8)
    client, gone = lab.connect(), lab.connect()
    for one in (client, gone):
        one.send(INFO)
    assert not client.is_fast
    lab.clock.advance(LONG)
    client.send(INFO)
    assert [answer.code for answer in client.answers] == [200, 200]
    lab.clock.advance(GRACE)
    assert client.is_open
    assert not gone.is_open
    lab.settle()


def test_an_upstream_whose_answer_lies_in_the_socket_is_not_given_up() -> None:
    bench = Bench()
    bench.clock.advance(LONG)
    assert bench.endpoint.cancelled == 0
    bench.endpoint.answer()
    bench.clock.advance(GRACE)
    bench.client.send(frame(1, b'"hello"'))
    assert bench.client.is_open
    bench.settle()


# -- the end of all


def test_a_close_frame_can_be_fetched_after_a_stall_in_the_servers_last_moments() -> None:
    lab = Lab()
    lab.xhr()
    gone: list[object] = []
    lab.router.close(patience=3).addCallback(gone.append)
    lab.clock.advance(LONG)
    assert gone == []
    assert lab.xhr().body == b'c[3000,"Go away!"]\n'
    lab.clock.advance(0)
    assert gone == [None]
    lab.settle()


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_no_client_of_any_transport_minds_a_stall(transport: str) -> None:
    lab = Lab()
    client: Any = testing.connect(lab.router, transport)
    client.advance(30)
    for _ in range(3):
        lab.clock.advance(LONG)
        client.send("still here")
        assert client.take() == ["still here"]
    assert client.is_open
    client.close()
    lab.settle()
