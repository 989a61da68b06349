"""What an application sees of a request."""

from __future__ import annotations

from twisted.internet.address import IPv4Address

from txsockjs.http.snapshot import connection_info
from txsockjs.settings import Settings

from ...support.exchanges import request

LIST = Settings(allowed_origins=["https://a.example", "http://localhost:3000"])


def test_cookies_reach_the_application_from_named_origins_only() -> None:
    for settings, headers, trusted in (
        (LIST, {"origin": "https://a.example"}, True),
        (LIST, {"referer": "https://a.example/"}, True),
        (LIST, {}, False),
        (Settings(), {"origin": "https://a.example"}, False),
    ):
        exchange = request(cookie="sid=1; other=2", **headers)
        info = connection_info(exchange, settings, "xhr")
        assert info.cookies == ({"sid": "1", "other": "2"} if trusted else {})
        assert info.get_cookie("sid") == ("1" if trusted else None)
        assert info.get_header("Cookie") == ("sid=1; other=2" if trusted else None)


def test_the_snapshot_has_both_ends_of_the_connection() -> None:
    info = connection_info(request(), Settings(), "xhr")
    assert (info.ip, info.port) == ("192.0.2.1", 4711)
    assert info.server_address == IPv4Address("TCP", "192.0.2.80", 8080)
