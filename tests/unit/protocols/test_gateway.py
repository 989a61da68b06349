"""The gateway: sessions bridged to a client endpoint, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs import SettingsError
from txsockjs.protocols.connection import connection_class
from txsockjs.protocols.gateway import Gateway, Upstream

from ...support.memory import Lab


class FakeUpstream(StringTransportWithDisconnection):
    """An upstream's transport, which a consumer can stop."""

    protocol: Any

    def stopProducing(self) -> None:
        self.loseConnection()  # as TCP does

    def write(self, data: bytes) -> None:
        assert self.connected, data
        super().write(data)


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """An endpoint whose connection is made, or fails, when a test says so."""

    def __init__(self) -> None:
        self.attempts: list[Any] = []
        self.cancelled = 0

    def connect(self, factory: Any) -> Any:
        def cancel(_: object) -> None:
            self.cancelled += 1

        attempt: Deferred[Any] = Deferred(cancel)
        self.attempts.append((factory, attempt))
        return attempt

    def answer(self, number: int = -1) -> Any:
        """Make the connection, and return the upstream's transport."""
        factory, attempt = self.attempts[number]
        protocol = factory.buildProtocol(None)
        transport = FakeUpstream()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        attempt.callback(protocol)
        return transport

    def fail(self, error: Exception) -> None:
        self.attempts[-1][1].errback(Failure(error))


class Bench:
    """A gateway in a lab, with one client over a websocket, raw or not."""

    def __init__(self, raw: bool = False, slow: bool = False, **settings: Any) -> None:
        self.endpoint = FakeEndpoint()
        self.clock = Clock()
        gateway = Gateway(self.endpoint, self.clock, connect_timeout=10)
        self.lab = Lab(connection_class(gateway), **settings)
        self.client = self.lab.connect()
        self.client.transport.slow = slow
        self.client.upgrade("/websocket" if raw else "/0/a/websocket")
        self.client.take()

    def settle(self) -> None:
        self.client.vanish()
        self.lab.settle()
        assert self.clock.getDelayedCalls() == []


def test_bytes_go_both_ways() -> None:
    bench = Bench()
    upstream = bench.endpoint.answer()
    bench.client.say('["é\\r\\n"]'.encode())
    assert upstream.value() == "é\r\n".encode()
    upstream.protocol.dataReceived(b"answer \xc3")
    upstream.protocol.dataReceived(b"\xbc")
    assert b'a["answer "]' in bench.client.received
    assert 'a["ü"]'.encode() in bench.client.received
    bench.settle()
    assert not upstream.connected


def test_a_raw_websocket_carries_binary() -> None:
    bench = Bench(raw=True)
    upstream = bench.endpoint.answer()
    bench.client.say(b"\x00\xff", opcode=2)
    assert upstream.value() == b"\x00\xff"
    upstream.protocol.dataReceived(b"\xff\x00")
    assert bench.client.take() == b"\x82\x02\xff\x00"
    bench.settle()


def test_what_comes_before_the_upstream_is_connected_waits() -> None:
    bench = Bench()
    bench.client.say(b'["one","two"]')
    upstream = bench.endpoint.answer()
    bench.lab.clock.advance(0)
    assert upstream.value() == b"onetwo"
    bench.settle()


def test_a_slow_browser_pauses_the_upstream() -> None:
    bench = Bench()
    upstream = bench.endpoint.answer()
    bench.client.transport.slow = True
    for _ in range(3):
        upstream.protocol.dataReceived(b"x" * 70000)
    assert upstream.producerState == "paused"
    bench.client.transport.drain()
    assert upstream.producerState == "producing"
    assert bench.client.received.count(b"x") == 210000
    bench.settle()


def test_a_slow_upstream_holds_the_browser() -> None:
    bench = Bench(mailbox_limit=100)
    upstream = bench.endpoint.answer()
    upstream.producer.pauseProducing()
    for _ in range(4):
        bench.client.say(b'"%s"' % (b"x" * 50))
    assert upstream.value() == b""
    assert bench.client.transport.producerState == "paused"
    upstream.producer.resumeProducing()
    bench.lab.clock.advance(0)
    assert upstream.value() == b"x" * 200
    assert bench.client.transport.producerState == "producing"
    bench.settle()


@pytest.mark.parametrize(
    ("error", "frame"),
    [
        (ConnectionDone(), b'c[3000,"Upstream closed the connection"]'),
        (ConnectionLost(), b'c[1014,"Upstream connection lost"]'),
    ],
)
def test_the_upstream_s_end_is_a_close_with_a_reason(error: Exception, frame: bytes) -> None:
    bench = Bench()
    upstream = bench.endpoint.answer()
    upstream.protocol.dataReceived(b"bye")
    # As a real connection does, first.
    upstream.producer.stopProducing()
    upstream.protocol.connectionLost(Failure(error))
    assert bench.client.received.index(b'a["bye"]') < bench.client.received.index(frame)
    bench.settle()


def test_on_a_raw_websocket_the_reason_is_in_its_close_frame() -> None:
    bench = Bench(raw=True)
    bench.endpoint.answer().protocol.connectionLost(Failure(ConnectionLost()))
    assert bench.client.take() == b"\x88\x1a\x03\xf6Upstream connection lost"
    bench.settle()


@pytest.mark.parametrize("paused", [False, True])
def test_the_browser_s_end_closes_the_upstream_after_what_it_sent(paused: bool) -> None:
    bench = Bench()
    upstream = bench.endpoint.answer()
    bench.client.say(b'"bye"')
    if paused:
        upstream.producer.pauseProducing()
    bench.client.vanish()
    assert upstream.value() == b"bye"
    # A paused producer would keep a real connection from closing.
    assert upstream.producer is None
    assert not upstream.connected
    bench.settle()


def test_an_upstream_that_does_not_read_what_is_left_for_it_is_dropped() -> None:
    bench = Bench()
    upstream = bench.endpoint.answer()
    told: list[str] = []
    # As a real connection does while its buffer is full.
    upstream.loseConnection = lambda: told.append("lose")
    upstream.abortConnection = lambda: (told.append("abort"), upstream.protocol.connectionLost())
    bench.client.vanish()
    bench.clock.advance(29)
    assert told == ["lose"]
    bench.clock.advance(1)
    assert told == ["lose", "abort"]
    bench.settle()


def test_an_upstream_that_refuses_is_told_without_its_address() -> None:
    bench = Bench()
    with capturedLogs() as logged:
        bench.endpoint.fail(ConnectionRefusedError("10.1.2.3"))
    assert b'c[1014,"Cannot connect upstream"]' in bench.client.received
    assert b"10.1.2.3" not in bench.client.received
    (event,) = logged
    assert "10.1.2.3" in formatEvent(event)
    bench.settle()


def test_an_upstream_that_does_not_answer_is_given_up() -> None:
    bench = Bench()
    bench.clock.advance(9)
    assert bench.endpoint.cancelled == 0
    bench.clock.advance(1)
    assert bench.endpoint.cancelled == 1
    assert b'c[1014,"Upstream did not answer in time"]' in bench.client.received
    bench.settle()


def test_a_browser_that_leaves_before_the_upstream_is_connected_ends_the_attempt() -> None:
    bench = Bench()
    with capturedLogs() as logged:
        bench.client.vanish()
    assert bench.endpoint.cancelled == 1
    assert logged == []
    bench.settle()


def test_what_a_browser_that_left_had_sent_is_passed_on_before_the_upstream_is_closed() -> None:
    bench = Bench()
    bench.client.say(b'["one","two"]')
    bench.client.vanish()
    bench.lab.clock.advance(1)
    assert bench.endpoint.cancelled == 0
    upstream = bench.endpoint.answer()
    assert upstream.connected
    bench.lab.clock.advance(0)
    assert upstream.value() == b"onetwo"
    assert not upstream.connected
    bench.settle()


def test_an_upstream_that_does_not_come_for_what_is_left_for_it_is_given_up() -> None:
    bench = Bench(disconnect_delay=5)
    bench.client.say(b'"one"')
    bench.client.vanish()
    bench.lab.pass_time(4)
    assert bench.endpoint.cancelled == 0
    bench.lab.pass_time(1)
    assert bench.endpoint.cancelled == 1
    bench.settle()


def test_a_connection_that_comes_too_late_is_closed() -> None:
    bench = Bench()
    factory, attempt = bench.endpoint.attempts[0]
    attempt.addErrback(lambda _: None)
    bench.client.vanish()
    protocol = factory.buildProtocol(None)
    transport = FakeUpstream()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    assert not transport.connected
    bench.settle()


def test_text_that_is_no_endpoint_is_refused() -> None:
    with pytest.raises(SettingsError, match="cannot bridge to 'tpc:80': Unknown endpoint type"):
        Upstream("tpc:80").connection(Clock())
