"""Direct writes and socket options, with real sockets under Twisted's own transport."""

from __future__ import annotations

import socket
import types
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from txsockjs.server import tcp as shortcuts
from txsockjs.server.tcp import is_secure, lose, own_address, tune, unsent, watch, write

from ...support.fakes import Producer, Reactor

LARGE = b"x" * 10_000_000


class Lost(Protocol):
    lost: Any = None

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason.type


@pytest.fixture
def pair() -> Any:
    """A connected transport, its reactor, and the peer's socket."""
    here, peer = socket.socketpair()
    here.setblocking(False)
    reactor = Reactor()
    protocol = Lost()
    transport = tcp.Connection(here, protocol, reactor)
    transport.connected = 1
    protocol.makeConnection(transport)
    yield transport, reactor, peer
    peer.close()
    here.close()


def read_all(transport: Any, reactor: Reactor, peer: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        if transport in reactor.writers:
            transport.doWrite()
        received += peer.recv(1 << 20)
    return bytes(received)


def test_an_idle_transport_is_written_to_at_once(pair: Any) -> None:
    transport, reactor, peer = pair
    write(transport, b"now", Producer())
    assert peer.recv(10) == b"now"
    assert reactor.writers == set()


def test_what_the_kernel_does_not_take_follows_in_order(pair: Any) -> None:
    transport, reactor, peer = pair
    write(transport, LARGE, Producer())
    write(transport, b"after", Producer())
    assert transport in reactor.writers
    assert read_all(transport, reactor, peer, len(LARGE) + 5) == LARGE + b"after"
    write(transport, b"idle again", Producer())
    assert peer.recv(20) == b"idle again"


def test_what_was_written_the_ordinary_way_stays_first(pair: Any) -> None:
    transport, reactor, peer = pair
    transport.write(b"first ")
    write(transport, b"second", Producer())
    assert read_all(transport, reactor, peer, 12) == b"first second"


def test_a_lost_peer_is_left_to_the_reactor(pair: Any) -> None:
    transport, reactor, peer = pair
    peer.close()
    for _ in range(3):
        write(transport, b"x", Producer())
    assert transport.protocol.lost is None
    assert transport in reactor.writers


def test_a_transport_that_closes_is_written_to_as_ever(pair: Any) -> None:
    transport, _, peer = pair
    transport.write(b"last")
    transport.loseConnection()
    write(transport, b"late", Producer())
    transport.doWrite()
    peer.setblocking(False)
    assert peer.recv(10) == b"lastlate"


def test_other_transports_are_written_to_as_ever() -> None:
    transport = StringTransport()
    write(transport, b"x", Producer())
    assert transport.value() == b"x"


def test_a_connection_ends_without_waiting_for_the_socket(pair: Any) -> None:
    transport, reactor, peer = pair
    protocol = transport.protocol
    assert write(transport, b"last", Producer())
    lose(transport)
    assert protocol.lost is ConnectionDone
    assert reactor.writers == set()
    assert peer.recv(10) == b"last"
    assert peer.recv(10) == b""


@pytest.mark.parametrize("end", ["abortConnection", "loseConnection"])
def test_a_connection_that_is_ended_twice_ends_once(pair: Any, end: str) -> None:
    transport, reactor, _ = pair
    ends: list[Any] = []
    transport.protocol.connectionLost = ends.append
    lose(transport)
    getattr(transport, end)()
    reactor.advance(0)
    reactor.advance(0)
    assert len(ends) == 1


def test_a_producer_is_told_of_a_peer_that_does_not_read(pair: Any) -> None:
    transport, reactor, peer = pair
    producer = Producer()
    watch(transport, producer)
    assert write(transport, b"soon", producer)
    assert transport.producer is None  # most connections never need one
    assert not write(transport, LARGE, producer)
    assert producer.told == ["pause"]
    read_all(transport, reactor, peer, 4 + len(LARGE))
    assert producer.told == ["pause", "resume"]


def test_a_connection_that_ends_waits_for_no_producer(pair: Any) -> None:
    transport, reactor, peer = pair
    protocol = transport.protocol
    transport.write(LARGE)
    transport.loseConnection()
    write(transport, b"late", Producer())
    assert transport.producer is None
    received = bytearray()
    while protocol.lost is None:
        ended = transport.doWrite() if transport in reactor.writers else None
        if ended is not None:
            transport.connectionLost(Failure(ended))
        else:
            received += peer.recv(1 << 20)
    assert protocol.lost is ConnectionDone


def test_other_transports_are_given_the_producer_at_once() -> None:
    transport = StringTransport()
    producer = Producer()
    watch(transport, producer)
    assert transport.producer is producer


def test_a_transport_tells_whether_it_is_secure(pair: Any) -> None:
    transport, _, _ = pair
    assert not is_secure(transport)
    transport.TLS = True
    assert is_secure(transport)
    wrapped = StringTransport()
    assert not is_secure(wrapped)
    directlyProvides(wrapped, ISSLTransport)
    assert is_secure(wrapped)


def test_connections_of_one_port_share_the_object_that_tells_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port:
        addresses = []
        for _ in range(2):
            peer = socket.create_connection(port.getsockname())
            here, client = port.accept()
            transport = tcp.Server(here, Protocol(), client, None, 0, Reactor())
            addresses.append(own_address(transport))
            peer.close()
            here.close()
        assert addresses[0] == IPv4Address("TCP", *port.getsockname())
        assert addresses[0] is addresses[1]


def test_addresses_of_ever_new_ports_do_not_pile_up() -> None:
    class Named(tcp.Connection):
        def __init__(self, number: int) -> None:
            self.socket = types.SimpleNamespace(getsockname=lambda: ("192.0.2.1", number))

        def getHost(self) -> IPv4Address:
            return IPv4Address("TCP", *self.socket.getsockname())

    for number in range(500):
        assert own_address(Named(number)).port == number
        assert own_address(Named(number)).port == number
    assert len(shortcuts._addresses) <= 64


def test_other_transports_are_asked_for_their_address() -> None:
    addresses = [
        own_address(StringTransport(hostAddress=IPv4Address("TCP", "192.0.2.1", 80)))
        for _ in range(2)
    ]
    assert addresses[0] is addresses[1]
    assert addresses[0].port == 80


def test_what_waits_in_a_transport_or_under_it_is_told_as_far_as_it_tells() -> None:
    class Waiting:
        dataBuffer, offset, _tempDataLen = b"x" * 100, 30, 7

    factory: Any = WrappingFactory(None)
    wrapper: Any = ProtocolWrapper(factory, None)
    wrapper.transport = Waiting()
    assert unsent(Waiting()) == unsent(wrapper) == 77
    assert unsent(object()) == 0


@pytest.mark.parametrize("silence", [0.0001, 45, 1e7, 1e300])
def test_any_silence_is_an_option_that_the_kernel_takes(silence: float) -> None:
    with socket.socket() as handle:
        tune(types.SimpleNamespace(transport=types.SimpleNamespace(socket=handle)), silence)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            value = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert value == min(max(1, int(silence * 1000)), 2**31 - 1)
