"""The connections of HTTP requests: they end in bounded time."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.web.client import URI

from txsockjs.client.connections import CLOSE_TIMEOUT, Connections

from ...support.client_network import ClientEnd, Network


class Stubborn(ClientEnd):
    """A connection over which the server does not agree that it ends, as TLS asks for."""

    def loseConnection(self) -> None:
        self.lost = True


def made(kind: type[ClientEnd] = ClientEnd) -> tuple[Connections, Network, Any]:
    """A connection that is open."""
    network = Network()
    network.end = kind
    connections = Connections(network.clock, network)
    endpoint = connections.endpointForURI(URI.fromBytes(b"http://x/y"))
    got: list[Any] = []
    endpoint.connect(Factory.forProtocol(Protocol)).addBoth(got.append)
    network.clock.advance(0)
    return connections, network, got[0]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_end_is_bounded(at_once: bool) -> None:
    connections, network, protocol = made(Stubborn)
    assert type(protocol) is Protocol
    assert len(connections.open) == 1
    connections.end(at_once)
    connections.end(at_once)
    network.clock.advance(0)
    if not at_once:
        assert len(connections.open) == len(network.ends) == 1
        network.clock.advance(CLOSE_TIMEOUT)
        network.clock.advance(0)
    assert not connections.open and not network.ends
    assert network.clock.getDelayedCalls() == []


def test_a_connection_that_ends_is_waited_for_no_longer() -> None:
    connections, network, _ = made()
    connections.end(at_once=False)
    network.clock.advance(0)
    assert not connections.open
    assert network.clock.getDelayedCalls() == []


def test_a_server_that_is_paused_can_agree() -> None:
    connections, network, protocol = made()
    protocol.transport.pauseProducing()
    (end,) = network.ends
    connections.end(at_once=False)
    assert end._reading
    network.clock.advance(0)


def test_one_that_is_over_before_it_is_handed_on_is_a_failure() -> None:
    network = Network()

    class Late:
        """An endpoint that waits between the connection and its result."""

        def connect(self, factory: Any) -> Deferred[Any]:
            return network.connect(factory).addCallback(self.lose)

        def lose(self, protocol: Any) -> Any:
            network.ends[0].cut()
            return protocol

    class Makes:
        def endpointForURI(self, uri: Any) -> Any:
            return Late()

    makes: Any = Makes()
    endpoint = Connections(network.clock, makes).endpointForURI(URI.fromBytes(b"http://x/y"))
    failures: list[Any] = []
    endpoint.connect(Factory.forProtocol(Protocol)).addErrback(failures.append)
    network.clock.advance(0)
    assert failures[0].check(ConnectionLost)
