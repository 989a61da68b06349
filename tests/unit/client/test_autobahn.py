"""Autobahn's client: what it is told, and what it leaves to us."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from txsockjs.client.address import Address
from txsockjs.client.autobahn import ClientFactory
from txsockjs.wire.frames import frame

from ...support.client_network import accepting, unmasked


class Told:
    """Keeps what it is told."""

    is_full = False

    def __init__(self) -> None:
        self.told: list[Any] = []

    def agreed(self, subprotocol: str | None) -> None:
        assert subprotocol is None  # as none was asked for

    def begun(self, protocol: Any) -> None:
        self.told.append("begun")

    def upgraded(self, protocol: Any) -> None:
        self.told.append("upgraded")

    def heard(self) -> None:
        pass

    def took(self, payload: bytes, binary: bool) -> None:
        self.told.append((payload, binary))

    def closed(self, code: int, reason: str) -> None:
        self.told.append((code, reason))

    def ended(self, why: str) -> None:
        self.told.append(why)


def connected() -> tuple[Told, Any, StringTransport, Clock]:
    """A protocol whose handshake is done."""
    clock, told, transport = Clock(), Told(), StringTransport()
    transport.registerProducer(Told(), True)
    factory = ClientFactory(clock, told, Address.parse("http://x/y"), {}, 1000, ())
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(accepting(transport.value()))
    transport.clear()
    return told, protocol, transport, clock


@pytest.mark.parametrize("code", [1000, 1008, 1012, 1013, 1014, 3000, 4999])
def test_registered_close_codes_are_told(code: int) -> None:
    told, protocol, transport, clock = connected()
    protocol.dataReceived(frame(8, code.to_bytes(2, "big") + b"why"))
    assert unmasked(transport.value()) == [(8, b"\x03\xe8")]
    protocol.connectionLost(Failure(ConnectionDone()))
    assert told.told == ["begun", "upgraded", (code, "why"), "the connection was closed"]
    assert clock.getDelayedCalls() == []


def test_an_end_without_a_close_frame_says_so() -> None:
    told, protocol, _, _ = connected()
    protocol.connectionLost(Failure(ConnectionDone()))
    assert "without previous WebSocket closing handshake" in told.told[-1]


def test_pings_are_answered() -> None:
    _, protocol, transport, _ = connected()
    protocol.dataReceived(frame(9, b"there?"))
    assert unmasked(transport.value()) == [(10, b"there?")]


def test_text_that_is_not_utf_8_is_a_violation_and_not_logged() -> None:
    told, protocol, transport, _ = connected()
    with capturedLogs() as logged:
        protocol.dataReceived(frame(1, b"\xff"))
    assert logged == []
    assert transport.value() == b"" and transport.disconnected
    protocol.connectionLost(Failure(ConnectionDone()))
    assert told.told[:2] == ["begun", "upgraded"]
    assert "UTF-8" in told.told[2]


def test_pings_of_a_server_that_does_not_read_are_not_answered() -> None:
    told, protocol, transport, _ = connected()
    told.is_full = True
    protocol.dataReceived(frame(9, b"there?"))
    assert transport.value() == b""


def test_a_fragment_costs_no_more_than_its_bytes() -> None:
    told, protocol, _, _ = connected()
    begin, nothing, end = b"\x01\x03gr\xc3", b"\x00\x00", b"\x80\x01\xbc"
    protocol.dataReceived(begin + nothing * 1000)
    assert protocol.message_data == []
    protocol.dataReceived(end)
    assert told.told[-1] == ("grü".encode(), False)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 \xff\r\n\r\n", b"\x00\xff garbage\r\n\r\n"])
def test_an_answer_that_is_not_utf_8_fails_the_handshake(head: bytes) -> None:
    told, transport = Told(), StringTransport()
    factory = ClientFactory(Clock(), told, Address.parse("http://x/y"), {}, 1000, ())
    transport.registerProducer(Told(), True)
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(head)
    assert transport.disconnected
    protocol.connectionLost(Failure(ConnectionDone()))
    assert told.told == ["begun", "an answer that is not UTF-8"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://x/y", b"x"),
        ("https://x/y", b"x"),
        ("http://x:443/y", b"x:443"),
        ("http://x:8080/y", b"x:8080"),
        ("https://[::1]/y", b"[::1]"),
    ],
)
def test_the_host_has_no_port_where_a_browser_s_has_none(url: str, host: bytes) -> None:
    transport = StringTransport()
    factory = ClientFactory(Clock(), Told(), Address.parse(url), {"X-Y": "z"}, 1000, ())
    factory.buildProtocol(None).makeConnection(transport)
    assert b"\r\nHost: " + host + b"\r\n" in transport.value()
    assert transport.value().endswith(b"\r\n\r\n")
