"""Sessions end evenly over a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter, testing
from txsockjs.actors.draining import Drain
from txsockjs.actors.states import LEAVE

from ...support.fakes import INFO, FakeReceiver

REASON = (1012, "Service restart")


class Session:
    """A session that notes when it was told to leave."""

    def __init__(self, clock: Clock, left: list[float]) -> None:
        self.clock = clock
        self.left = left

    def tell(self, event: Any, reason: Any) -> None:
        assert (event, reason) == (LEAVE, REASON)
        self.left.append(self.clock.seconds())


def drain(count: int, seconds: float) -> tuple[Clock, list[float], Drain]:
    clock, left = Clock(), []
    sessions = [Session(clock, left) for _ in range(count)]
    return clock, left, Drain(clock, sessions, seconds, REASON)


def test_ten_thousand_over_thirty_seconds_leave_at_an_even_rate() -> None:
    clock, left, drained = drain(10_000, 30.0)
    clock.pump([0.05] * 605)
    assert len(left) == 10_000
    each_second = [sum(second <= time < second + 1 for time in left) for second in range(31)]
    assert all(300 <= count <= 370 for count in each_second[:30])
    assert drained.done.called
    assert not clock.getDelayedCalls()


def test_few_are_spread_too() -> None:
    clock, left, _ = drain(3, 30.0)
    clock.pump([0.1] * 301)
    assert [round(time) for time in left] == [5, 15, 25]


@pytest.mark.parametrize("count", [0, 1, 10])
def test_without_a_time_all_leave_at_once(count: int) -> None:
    clock, left, drained = drain(count, 0.0)
    clock.advance(0)
    assert len(left) == count
    assert drained.done.called


def test_a_stall_is_not_made_up_for() -> None:
    clock, left, drained = drain(10_000, 30.0)
    clock.pump([0.05] * 200)
    before = len(left)
    clock.advance(15.0)
    assert len(left) - before <= 40
    clock.pump([0.05] * 390)
    assert not drained.done.called
    clock.pump([0.05] * 20)
    assert drained.done.called
    each_second = [sum(second <= time < second + 1 for time in left) for second in range(45)]
    assert max(each_second) <= 370


def test_slow_turns_are() -> None:
    clock, left, drained = drain(10_000, 30.0)
    clock.pump([0.5] * 61)
    assert drained.done.called
    assert len(left) == 10_000


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_turn_ends_a_bounded_number(seconds: float) -> None:
    clock, left, drained = drain(10_000, seconds)
    turns = []
    while not drained.done.called:
        (call,) = clock.calls
        clock.calls.clear()
        clock.rightNow = call.getTime()
        before = len(left)
        call.func()
        turns.append(len(left) - before)
    assert max(turns) == 256
    assert len(left) == 10_000
    assert not clock.getDelayedCalls()


class Last(Session):
    """The last session: whoever is told of its end stops the drain."""

    drained: Drain

    def tell(self, event: Any, reason: Any) -> None:
        super().tell(event, reason)
        self.drained.stop()


def test_a_session_that_was_the_last_one_stops_it() -> None:
    clock, left = Clock(), []  # type: ignore[var-annotated]
    sessions = [Last(clock, left) for _ in range(3)]
    Last.drained = Drain(clock, sessions, 0.0, REASON)
    clock.advance(0)
    assert len(left) == 1
    assert Last.drained.done.called
    assert not clock.getDelayedCalls()


def test_it_can_be_stopped() -> None:
    clock, left, drained = drain(10, 30.0)
    clock.pump([0.1] * 50)
    drained.stop()
    assert drained.done.called
    assert len(left) < 10
    assert not clock.getDelayedCalls()


class Echo(SockJSConnection):
    def on_message(self, message: Any) -> None:
        self.send(message)


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_clients_are_served_until_it_is_their_turn_and_told_why(transport: str) -> None:
    clock = Clock()
    router = SockJSRouter(Echo, reactor=clock)
    client = testing.connect(router, transport)
    drained: list[Any] = []
    router.drain(10.0, *REASON).addCallback(drained.append)
    testing.advance(clock, 4.0)
    client.send("hello")
    assert client.messages == ["hello"]
    with pytest.raises(testing.BadAnswer):
        testing.connect(router, transport)
    testing.advance(clock, 7.0)
    assert drained == [None]
    if transport != "rawwebsocket":
        assert client.close_reason == REASON
    testing.settle(router)


def test_answers_of_a_server_that_leaves_end_their_connections() -> None:
    clock = Clock()
    router = SockJSRouter(Echo, reactor=clock)
    testing.connect(router, "xhr", session_id="abc")
    router.drain(10.0)
    connection = testing.Connection(router.resource(), clock)
    connection.request("POST", "/000/abc/xhr_send", b'["x"]')
    assert b"connection: close" in connection.received.lower()
    info = testing.Connection(router.resource(), clock).request("GET", "/info")
    assert b"connection: close" in info.received.lower()
    testing.settle(router)


def test_sessions_of_a_router_leave_at_an_even_rate_and_are_told() -> None:
    clock = Clock()
    closed = Counter()  # type: ignore[var-annotated]

    class Noting(SockJSConnection):
        def on_close(self) -> None:
            closed[self.close_reason, int(clock.seconds() - began)] += 1

    # No timer for each session: a Clock sorts all of them for each new one.
    late = {"heartbeat_delay": 9000, "response_lifetime": 9000, "session_check_interval": 1000}
    router = SockJSRouter(Noting, reactor=clock, **late)  # type: ignore[arg-type]
    receivers = [FakeReceiver() for _ in range(10_000)]
    for number, receiver in enumerate(receivers):
        receiver.attach(router.make_session(f"{number}", INFO))
    clock.advance(1)
    began = clock.seconds()
    router.drain(30, *REASON)
    clock.pump([0.05] * 605)
    assert {reason for reason, _ in closed} == {REASON}
    assert all(300 <= closed[REASON, second] <= 370 for second in range(30))
    assert all(receiver.heard == ["o", "c1012 Service restart"] for receiver in receivers)
    testing.settle(router)


def test_it_is_over_when_nobody_is_left() -> None:
    clock = Clock()
    router = SockJSRouter(Echo, reactor=clock)
    client = testing.connect(router, "websocket")
    drained: list[Any] = []
    router.drain(3600.0).addCallback(drained.append)
    testing.advance(clock, 1.0)
    assert drained == []
    client.close()
    testing.advance(clock, 1.0)
    assert drained == [None]
    testing.settle(router)


def test_closing_ends_those_that_are_left() -> None:
    clock = Clock()
    router = SockJSRouter(Echo, reactor=clock)
    client = testing.connect(router, "websocket")
    drained: list[Any] = []
    router.drain(100.0).addCallback(drained.append)
    router.close(3001, "now")
    assert client.close_reason == (3001, "now")
    assert drained == [None]
    testing.settle(router)
