"""Where connections for a URL are made."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock
from twisted.web.client import URI

from txsockjs.client.endpoints import Endpoints


def test_plain_http_is_a_connection_to_the_host() -> None:
    reactor = MemoryReactorClock()
    endpoint: Any = Endpoints(reactor).endpointForURI(URI.fromBytes(b"http://127.0.0.1:81/x"))
    endpoint.connect(Factory.forProtocol(Protocol))
    ((host, port, *_),) = reactor.tcpClients
    assert (host, port) == ("127.0.0.1", 81)
    for call in reactor.getDelayedCalls():
        call.cancel()


def test_https_asks_for_the_host_s_certificate_by_the_given_policy() -> None:
    asked: list[Any] = []

    class Policy:
        def creatorForNetloc(self, host: bytes, port: int) -> Any:
            asked.append((host, port))
            return optionsForClientTLS(host.decode())

    endpoints = Endpoints(MemoryReactorClock(), Policy())
    endpoints.endpointForURI(URI.fromBytes(b"https://example.com/x"))
    assert asked == [(b"example.com", 443)]
