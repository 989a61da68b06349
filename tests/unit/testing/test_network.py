"""Connections in memory, and the faults of a network that they can have."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost, TimeoutError
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from txsockjs.testing.network import Connection, Transport, chunks

from ...support.fakes import Producer
from ...support.noting import Noting, NotingFactory


def make_transport(ip: str = "192.0.2.1") -> tuple[Transport, Noting, Clock]:
    clock = Clock()
    transport = Transport(clock, ip)
    protocol: Noting = NotingFactory().buildProtocol(None)
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return transport, protocol, clock


@pytest.mark.parametrize(("ip", "kind"), [("192.0.2.1", IPv4Address), ("::1", IPv6Address)])
def test_it_comes_from_an_address(ip: str, kind: Any) -> None:
    transport, _, _ = make_transport(ip)
    assert isinstance(transport.getPeer(), kind)
    assert transport.getPeer().host == ip


def test_a_reader_is_told_what_is_written() -> None:
    transport, _, _ = make_transport()
    read: list[bytes] = []
    transport.reader = read.append
    transport.write(b"a")
    transport.writeSequence([b"b", b"c"])
    assert read == [b"a", b"bc"]
    assert transport.value() == b"abc"


def test_a_slow_peer_pauses_the_producer_until_it_reads() -> None:
    transport, _, _ = make_transport()
    producer = Producer()
    transport.registerProducer(producer, True)
    assert producer.told == []
    transport.slow = True
    transport.write(b"x")
    transport.drain()
    assert producer.told == ["pause", "resume"]
    transport.unregisterProducer()
    transport.slow = True
    late = Producer()
    transport.registerProducer(late, True)
    assert late.told == ["pause"]


@pytest.mark.parametrize(
    ("end", "error", "aborted"),
    [("loseConnection", ConnectionDone, False), ("abortConnection", ConnectionLost, True)],
)
def test_an_end_by_the_server_is_told_to_both_once(end: str, error: Any, aborted: bool) -> None:
    transport, protocol, _ = make_transport()
    told: list[str] = []
    transport.lost = lambda: told.append("lost")
    getattr(transport, end)()
    getattr(transport, end)()
    assert [type(reason) for reason in protocol.lost] == [error]
    assert told == ["lost"]
    assert (transport.connected, transport.aborted) == (False, aborted)


def test_a_peer_that_vanished_is_found_out_after_the_first_unacknowledged_byte() -> None:
    transport, protocol, clock = make_transport()
    transport.half_open(30)
    clock.advance(100)
    assert protocol.lost == []
    transport.write(b"into the void")
    clock.advance(20)
    transport.write(b"more")
    assert protocol.lost == []
    clock.advance(10)
    assert [type(reason) for reason in protocol.lost] == [TimeoutError]
    assert transport.value() == b""


def test_an_end_cancels_the_timer_of_a_peer_that_vanished() -> None:
    transport, protocol, clock = make_transport()
    transport.half_open(30)
    transport.write(b"x")
    transport.end(ConnectionDone())
    assert clock.getDelayedCalls() == []
    assert len(protocol.lost) == 1


class Page(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        said = request.getHeader("x-a") or "nothing"
        return b"%b said %b" % (request.method, f"{said} {request.content.read()!r}".encode())


def test_a_connection_asks_a_resource() -> None:
    connection = Connection(Page(), Clock())
    assert connection.status == 0
    connection.request("POST", "/", b"body", X_A="b")
    assert connection.status == 200
    assert connection.body == b"POST said b b'body'"
    assert connection.take() == connection.received
    assert connection.take() == b""
    assert connection.is_open
    connection.vanish()
    assert not connection.is_open


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_frame_has_its_length_however_long(size: int) -> None:
    connection = Connection(Page(), Clock())
    factory = NotingFactory()
    protocol: Noting = factory.buildProtocol(None)
    protocol.makeConnection(connection.transport)
    connection.transport.protocol = protocol
    connection.say(b"x" * size, opcode=2)
    (frame,) = protocol.heard
    start = {0: 2, 125: 2, 126: 4, 65535: 4, 65536: 10}[size]
    assert frame[0] == 0x82
    assert frame[1] == 0x80 | (size if start == 2 else 126 if start == 4 else 127)
    if start > 2:
        assert int.from_bytes(frame[2:start], "big") == size
    assert frame[start:] == b"\0\0\0\0" + b"x" * size


def test_chunks_are_what_was_written_at_once() -> None:
    assert chunks(b"") == []
    assert chunks(b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n") == [b"abc", b"d"]
