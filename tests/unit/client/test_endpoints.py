"""Where connections for a URL are made."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.web.client import URI

from txsockjs import SettingsError
from txsockjs.client.endpoints import Endpoints, check_tls
from txsockjs.protocols.web_upstream import WebUpstream


def test_plain_http_is_a_connection_to_the_host() -> None:
    endpoint = Endpoints(reactor).endpointForURI(URI.fromBytes(b"http://127.0.0.1:81/x"))
    assert isinstance(endpoint, HostnameEndpoint)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    check_tls()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"need TLS: pip install 'twisted\[tls\]'"):
        check_tls()
    assert WebUpstream("ws://x/y").address.base == "http://x/y"
    with pytest.raises(SettingsError, match="need TLS"):
        WebUpstream("wss://x/y")


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
