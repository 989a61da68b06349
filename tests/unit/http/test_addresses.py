"""Where a request comes from, behind trusted proxies and without."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from txsockjs.http.addresses import address_of, client_address, host_and_port, parse_address
from txsockjs.http.snapshot import connection_info
from txsockjs.settings import Settings

from ...support.exchanges import request


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8::1]:8080"', "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("192.0.2.1:port", None),
        ("[::1", None),
        ("[::1]x", None),
        ("1.2.3.4.5", None),
        ("<script>", None),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str | None) -> None:
    read = parse_address(text)
    assert (None if read is None else str(read)) == address


PROXIES = Settings(trusted_proxies=["10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("192.0.2.1", {"x_forwarded_for": "203.0.113.5"}, "192.0.2.1"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
        ("10.0.0.1", {"x_forwarded_for": "6.6.6.6, 203.0.113.5"}, "203.0.113.5"),
        ("10.0.0.1", {"x_forwarded_for": "6.6.6.6, 203.0.113.5, 10.0.0.2"}, "203.0.113.5"),
        ("10.0.0.1", {"x_forwarded_for": "10.0.0.3, 10.0.0.2"}, "10.0.0.3"),
        ("10.0.0.1", {"x_forwarded_for": "203.0.113.5, garbage, 10.0.0.2"}, "10.0.0.2"),
        ("10.0.0.1", {"x_forwarded_for": "garbage"}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": ","}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": "203.0.113.5:4711"}, "203.0.113.5"),
        ("10.0.0.1", {"forwarded": 'for=6.6.6.6, for="[2001:db8::9]:1";proto=https'}, "6.6.6.6"),
        ("10.0.0.1", {"forwarded": "for=203.0.113.5;by=10.0.0.1"}, "203.0.113.5"),
        ("10.0.0.1", {"forwarded": "by=10.0.0.1"}, "10.0.0.1"),
        ("10.0.0.1", {"forwarded": "for=6.6.6.6", "x_forwarded_for": "203.0.113.5"}, "10.0.0.1"),
        ("10.0.0.1", {"forwarded": "for=1.1.1.1", "x_forwarded_for": "1.1.1.1"}, "1.1.1.1"),
        ("2001:db8::1", {"x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
        ("::ffff:10.0.0.1", {"x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
        ("", {"x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
    ],
)
def test_the_address_is_the_nearest_that_no_trusted_proxy_vouched_for(
    peer: str, headers: Any, address: str
) -> None:
    assert client_address(request(peer, **headers), PROXIES) == address


def test_without_trusted_proxies_no_header_is_believed() -> None:
    exchange = request("10.0.0.1", x_forwarded_for="6.6.6.6", x_forwarded_proto="https")
    info = connection_info(exchange, Settings(), "xhr")
    assert info.ip == "10.0.0.1"
    assert not info.is_secure


def test_a_trusted_proxy_says_whether_the_client_came_over_tls() -> None:
    for peer, secure in (("10.0.0.1", True), ("192.0.2.1", False)):
        exchange = request(peer, x_forwarded_proto="http, https")
        assert connection_info(exchange, PROXIES, "xhr").is_secure is secure


def test_the_port_of_a_proxy_is_not_taken_for_the_client_s() -> None:
    behind = request(x_forwarded_for="10.0.0.1")
    info = connection_info(behind, Settings(trusted_proxies="192.0.2.1"), "xhr")
    assert (info.ip, info.port) == ("10.0.0.1", 0)


@pytest.mark.parametrize(
    "address",
    [
        IPv4Address("TCP", "192.0.2.1", 4711),
        IPv6Address("TCP", "2001:db8::1", 443),
        UNIXAddress(None),
    ],
)
def test_another_node_has_the_same_address(address: Any) -> None:
    assert address_of(*host_and_port(address)) == address
