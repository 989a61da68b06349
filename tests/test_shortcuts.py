"""Writing at once, with real sockets under Twisted's own transport."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from txsockjs.shortcuts import write

LARGE = b"x" * 10_000_000


@implementer(IReactorFDSet)
class Reactor(Clock):
    """Notes who waits to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def addReader(self, reader: Any) -> None:
        """Nobody reads here."""

    def removeReader(self, reader: Any) -> None:
        """Nobody reads here."""


class Lost(Protocol):
    lost = False

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


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
    write(transport, b"now")
    assert peer.recv(10) == b"now"
    assert reactor.writers == set()


def test_what_the_kernel_does_not_take_follows_in_order(pair: Any) -> None:
    transport, reactor, peer = pair
    write(transport, LARGE)
    write(transport, b"after")
    assert transport in reactor.writers
    assert read_all(transport, reactor, peer, len(LARGE) + 5) == LARGE + b"after"
    write(transport, b"idle again")
    assert peer.recv(20) == b"idle again"


def test_what_was_written_the_ordinary_way_stays_first(pair: Any) -> None:
    transport, reactor, peer = pair
    transport.write(b"first ")
    write(transport, b"second")
    assert read_all(transport, reactor, peer, 12) == b"first second"


def test_a_lost_peer_is_left_to_the_reactor(pair: Any) -> None:
    transport, reactor, peer = pair
    peer.close()
    for _ in range(3):
        write(transport, b"x")
    assert not transport.protocol.lost
    assert transport in reactor.writers


def test_a_transport_that_closes_is_written_to_as_ever(pair: Any) -> None:
    transport, _, peer = pair
    transport.write(b"last")
    transport.loseConnection()
    write(transport, b"late")
    transport.doWrite()
    peer.setblocking(False)
    assert peer.recv(10) == b"lastlate"


def test_other_transports_are_written_to_as_ever() -> None:
    transport = StringTransport()
    write(transport, b"x")
    assert transport.value() == b"x"
