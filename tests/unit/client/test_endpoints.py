"""Where connections for a URL are made."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.web.client import URI

from txsockjs.client.endpoints import Endpoints


def test_plain_http_is_a_connection_to_the_host() -> None:
    endpoint = Endpoints(reactor).endpointForURI(URI.fromBytes(b"http://127.0.0.1:81/x"))
    assert isinstance(endpoint, HostnameEndpoint)


def test_https_asks_for_the_host_s_certificate_by_the_given_policy() -> None:
    asked: list[Any] = []

    class Policy:
        def creatorForNetloc(self, host: bytes, port: int) -> Any:
            asked.append((host, port))
            return object()

    policy: Any = Policy()
    endpoint = Endpoints(reactor, policy).endpointForURI(URI.fromBytes(b"https://example.com/x"))
    assert asked == [(b"example.com", 443)]
    assert not isinstance(endpoint, HostnameEndpoint)
