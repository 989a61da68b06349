"""A client's session: its states, silence, what waits, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from txsockjs.client import SessionClosed, SessionLost
from txsockjs.client.address import Address
from txsockjs.client.errors import ABNORMAL
from txsockjs.client.options import TRANSPORTS, Options
from txsockjs.client.session import NotOpened, Session, State

from ...support.client_network import ClientLab, Flood

ADDRESS = Address.parse("http://x/y")
EACH = pytest.mark.parametrize("transport", TRANSPORTS)


class FakeCarrier:
    """A carrier that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.is_sending = False

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *arguments))


class FakeReceiver:
    def __init__(self) -> None:
        self.got: list[Any] = []
        self.then: Any = None

    def received(self, message: Any) -> None:
        self.got.append(message)
        if self.then is not None:
            self.then()

    def ended(self, reason: Exception) -> None:
        self.got.append(reason)


class Bench:
    """A session on a clock between fakes; open unless told otherwise."""

    def __init__(self, opened: bool = True, **options: Any) -> None:
        self.clock = Clock()
        self.session = Session(self.clock, Options(**options), "xhr_streaming", ADDRESS)
        self.carrier = FakeCarrier()
        self.receiver = FakeReceiver()
        self.failures: list[Any] = []
        self.session.connect(self.carrier, 5).addErrback(self.failures.append)
        if opened:
            self.session.frame(b"o")
            self.session.begin(self.receiver)
            self.clock.advance(0)

    def settle(self) -> None:
        self.session.abort()
        self.clock.advance(0)
        assert self.session.state is State.OVER
        assert self.clock.getDelayedCalls() == []


def test_messages_before_anybody_listens_are_kept() -> None:
    bench = Bench(opened=False)
    bench.session.frame(b"o")
    bench.session.frame(b'a["one","two"]')
    bench.session.begin(bench.receiver)
    bench.session.frame(b'a["three"]')
    assert bench.receiver.got == []
    bench.clock.advance(0)
    assert bench.receiver.got == ["one", "two", "three"]
    bench.settle()


@pytest.mark.parametrize(
    ("frame", "why", "final"),
    [
        (b'c[3000,"Go away!"]', "the server closed with 3000 Go away!", True),
        (b'a["x"]', "a message came before the session was open", False),
        (b"<html>", "not a SockJS frame: '<html>'", False),
    ],
)
def test_what_comes_instead_of_an_open_frame_ends_the_attempt(
    frame: bytes, why: str, final: bool
) -> None:
    bench = Bench(opened=False)
    bench.session.frame(frame)
    (failure,) = bench.failures
    assert failure.check(NotOpened)
    assert (str(failure.value), failure.value.final) == (why, final)
    bench.settle()


def test_an_attempt_has_its_time() -> None:
    bench = Bench(opened=False)
    bench.clock.advance(5)
    assert str(bench.failures[0].value) == "it did not open within 5 s"
    assert bench.carrier.told == [("start",), ("leave", True)]
    bench.settle()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'c[3456,"bye"]', "closed with 3456 bye"),
        (b'c[1002,"Connection interrupted"]', "lost with 1002 Connection interrupted"),
        (b"o", "lost with 1006 the server has lost the session"),
        (b"a[1", "lost with 1006 a frame whose JSON is broken: 'a[1'"),
    ],
)
def test_a_frame_ends_the_session_with_its_reason(frame: bytes, reason: str) -> None:
    bench = Bench()
    bench.session.frame(b'a["one"]')
    bench.session.frame(frame)
    bench.session.frame(b'a["two"]')
    assert bench.receiver.got == ["one"]
    bench.clock.advance(0)
    assert [str(each) for each in bench.receiver.got] == ["one", reason]
    bench.settle()


def test_a_silent_server_is_lost() -> None:
    bench = Bench(heartbeat_timeout=30)
    bench.clock.advance(29)
    bench.session.heard()
    bench.session.frame(b"h")
    bench.clock.advance(29)
    assert bench.receiver.got == []
    bench.clock.advance(1)
    bench.clock.advance(0)
    (reason,) = bench.receiver.got
    assert isinstance(reason, SessionLost)
    assert str(reason) == "lost with 1006 The server was silent for 30 s"
    assert bench.session.heartbeats == 1
    bench.settle()


def test_a_server_that_is_not_listened_to_is_not_silent() -> None:
    bench = Bench(heartbeat_timeout=30)
    bench.session.pause()
    bench.clock.advance(100)
    bench.session.resume()
    bench.clock.advance(29)
    assert bench.receiver.got == []
    bench.clock.advance(1)
    bench.clock.advance(0)
    assert isinstance(bench.receiver.got[0], SessionLost)
    bench.settle()


def test_silence_may_be_allowed() -> None:
    bench = Bench(heartbeat_timeout=None)
    bench.clock.advance(1e6)
    assert bench.receiver.got == []
    bench.settle()


def test_paused_is_paused_and_the_end_waits_too() -> None:
    bench = Bench()
    bench.receiver.then = bench.session.pause
    bench.session.frame(b'a["one","two"]')
    bench.session.carrier_lost("gone")
    bench.clock.advance(1)
    assert bench.receiver.got == ["one"]
    bench.session.resume()
    assert bench.receiver.got == ["one"]
    bench.clock.advance(1)
    assert bench.receiver.got == ["one", "two"]
    bench.receiver.then = None
    bench.session.resume()
    bench.clock.advance(1)
    assert str(bench.receiver.got[2]) == "lost with 1006 gone"
    bench.settle()


def test_a_close_waits_for_what_was_sent() -> None:
    bench = Bench()
    bench.session.send("one")
    bench.carrier.is_sending = True
    bench.session.close()
    bench.session.close(4000, "not this")
    bench.session.send("late")
    bench.clock.advance(0)
    assert ("close", 1000, "Normal closure") not in bench.carrier.told
    assert bench.session.outgoing.take(1000) == ["one"]
    bench.session.sent()
    bench.clock.advance(0)
    assert ("close", 1000, "Normal closure") not in bench.carrier.told
    bench.carrier.is_sending = False
    bench.session.sent()
    bench.clock.advance(0)
    assert bench.carrier.told[-1] == ("close", 1000, "Normal closure")
    bench.session.frame(b'a["ignored"]')
    bench.session.carrier_lost("closed")
    bench.clock.advance(0)
    assert [type(each) for each in bench.receiver.got] == [SessionClosed]
    bench.settle()


def test_a_close_that_is_not_taken_in_time_is_an_abort() -> None:
    bench = Bench()
    bench.session.send("one")
    bench.session.close()
    bench.clock.advance(30)
    bench.clock.advance(0)
    assert [type(each) for each in bench.receiver.got] == [ConnectionAborted]
    bench.settle()


def test_what_was_not_sent_when_the_server_left_is_a_loss() -> None:
    bench = Bench()
    bench.session.send("one")
    bench.session.close()
    bench.session.carrier_lost("gone")
    bench.clock.advance(0)
    assert bench.receiver.got[0].args == (ABNORMAL, "gone")
    bench.settle()


def test_a_close_while_paused_reads_on() -> None:
    bench = Bench()
    bench.session.pause()
    bench.session.close()
    bench.clock.advance(0)
    assert bench.carrier.told[-3:] == [("pause",), ("resume",), ("close", 1000, "Normal closure")]
    bench.settle()


@pytest.mark.parametrize("how", ["close", "abort"])
def test_who_closes_hears_of_the_end_even_while_paused(how: str) -> None:
    bench = Bench()
    bench.session.pause()
    bench.session.frame(b'a["unread"]')
    bench.session.carrier_lost("gone")
    bench.clock.advance(1)
    assert bench.receiver.got == []
    getattr(bench.session, how)()
    bench.clock.advance(0)
    assert [str(each) for each in bench.receiver.got] == ["lost with 1006 gone"]
    bench.settle()
    bench = Bench()
    bench.session.pause()
    bench.session.abort()
    bench.clock.advance(0)
    assert [type(each) for each in bench.receiver.got] == [ConnectionAborted]
    bench.settle()


def test_what_opens_is_not_silent_yet() -> None:
    bench = Bench(opened=False, heartbeat_timeout=1)
    bench.session.heard()
    bench.clock.advance(4)
    assert bench.failures == []
    bench.clock.advance(1)
    assert "did not open within 5 s" in str(bench.failures[0].value)
    bench.settle()


def test_more_than_the_limit_is_a_loss() -> None:
    bench = Bench(send_limit=1000)
    bench.session.send("x" * 2000)
    assert bench.session.is_open
    bench.session.send("y")
    assert not bench.session.is_open
    bench.clock.advance(0)
    assert "More waits to be sent than send_limit" in str(bench.receiver.got[0])
    bench.settle()


def test_a_receiver_that_fails_loses_its_connection() -> None:
    bench = Bench()
    error = ValueError("mine")

    def fail() -> None:
        raise error

    bench.receiver.then = fail
    with capturedLogs() as logged:
        bench.session.frame(b'a["one","two"]')
        bench.clock.advance(0)
    assert bench.receiver.got == ["one", error]
    assert len(logged) == 1
    bench.settle()


def test_a_session_says_what_it_is() -> None:
    bench = Bench()
    assert repr(bench.session) == "<client's session open over xhr_streaming>"
    bench.settle()


# -- over each transport


@EACH
def test_a_server_that_vanishes_is_noticed(transport: str) -> None:
    lab = ClientLab(heartbeat_delay=25)
    client = lab.connect(transports=transport, heartbeat_timeout=60)
    lab.advance(100)
    assert client.reason is None
    lab.network.silent = True
    lab.advance(61)
    assert client.reason.reason == "The server was silent for 60 s"
    lab.network.silent = False
    lab.settle()


@EACH
def test_a_connection_that_breaks_is_a_loss(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    for end in list(lab.network.ends):
        end.cut()
    lab.advance()
    assert isinstance(client.reason, SessionLost)
    assert client.reason.code == ABNORMAL
    lab.settle()


@EACH
def test_a_client_that_does_not_read_holds_the_server(transport: str) -> None:
    lab = ClientLab(Flood)
    client = lab.connect(transports=transport)
    client.transport.pauseProducing()
    client.send("go")
    lab.advance(1)
    (connection,) = [each.connection for each in lab.router.sessions]
    assert connection.written < 3_000_000
    assert len(client.messages) <= 1
    before = connection.written
    lab.advance(3)
    assert connection.written == before
    client.transport.resumeProducing()
    lab.advance(1)
    assert connection.written > before + 1_000_000
    assert client.messages == [Flood.text] * len(client.messages)
    client.transport.abortConnection()
    lab.settle()
