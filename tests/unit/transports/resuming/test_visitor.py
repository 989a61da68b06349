"""A client on another node; test_bridge has both ends."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from txsockjs import ConnectionInfo
from txsockjs.transports.resuming.visitor import Visitor, described


@pytest.mark.parametrize(
    "address", [IPv4Address("TCP", "192.0.2.9", 80), IPv6Address("TCP", "::1", 443), None]
)
def test_the_request_of_its_connection_is_told_as_it_was(address: Any) -> None:
    info = ConnectionInfo(
        "192.0.2.1",
        None,
        None,
        {"host": "a", "cookie": "name=value"},
        "/chat/000/x/xhr",
        transport="xhr",
        origin="https://a.example",
        is_secure=True,
        port=4711,
        server_address=address,
        query=b"resume=1&a=%C3%A9",
        subprotocol="chat",
    )
    nobody: Any = None
    found = Visitor(nobody, nobody, nobody, described(info)).info
    names = ("ip", "headers", "path", "transport", "origin", "is_secure", "port", "server_address")
    for name in (*names, "arguments", "cookies", "subprotocol"):
        assert getattr(found, name) == getattr(info, name), name


def test_a_unix_socket_has_no_address_elsewhere() -> None:
    info = ConnectionInfo("", None, None, {}, "/", server_address=UNIXAddress(b"/run/s"))
    nobody: Any = None
    assert Visitor(nobody, nobody, nobody, described(info)).info.server_address is None
