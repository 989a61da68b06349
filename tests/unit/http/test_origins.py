"""Origins, addresses, cookies: the checks that guard an application."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from txsockjs.actors.info import read_cookies
from txsockjs.errors import OriginRefused
from txsockjs.http.addresses import client_address, parse_address
from txsockjs.http.headers import cors, session_cookie
from txsockjs.http.origins import check_origin, is_named, page_origin
from txsockjs.http.snapshot import connection_info
from txsockjs.settings import Settings


class FakeExchange:
    """A request as the checks see it."""

    def __init__(self, peer: str = "192.0.2.1", query: bytes = b"", **headers: str) -> None:
        self.peer = peer
        self.address = SimpleNamespace(host=peer, port=4711)
        self.server_address = IPv4Address("TCP", "192.0.2.80", 8080)
        self.query = query
        self.path = "/echo/000/abc/xhr"
        self.is_secure = False
        self.named: bool | None = None
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def request(*arguments: Any, **headers: Any) -> Any:
    return FakeExchange(*arguments, **headers)


# -- origins


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"origin": "https://a.example"}, "https://a.example"),
        ({"origin": "null"}, "null"),
        ({"referer": "https://a.example/page?x=1"}, "https://a.example"),
        ({"referer": "http://a.example:8080/"}, "http://a.example:8080"),
        ({"referer": "http://[::1]:8080/"}, "http://[::1]:8080"),
        ({"referer": "http://a.example:x/"}, "null"),
        ({"referer": "about:blank"}, "null"),
        ({"referer": "http://a.example; script-src x/"}, "null"),
        ({"referer": "http://*.a.example/"}, "null"),
        ({"referer": "http://a\x7f.example/"}, "null"),
        ({"referer": f"http://{'a' * 256}/"}, "null"),
        ({"origin": "https://a.example", "referer": "https://b.example/"}, "https://a.example"),
        ({"origin": "", "referer": "https://b.example/"}, "https://b.example"),
        ({}, None),
    ],
)
def test_the_page_is_the_origins_or_else_the_referers(headers: Any, origin: str | None) -> None:
    assert page_origin(request(**headers)) == origin


LIST = Settings(allowed_origins=["https://a.example", "http://localhost:3000"])
FUNCTION = Settings(allowed_origins=lambda origin: origin.endswith(".example"))


@pytest.mark.parametrize("settings", [LIST, FUNCTION], ids=["list", "function"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "https://a.example.evil.test"},
        {"origin": "null"},
        {"referer": "https://evil.test/a.example"},
        {"referer": "about:blank"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_that_are_not_named_are_refused(settings: Settings, headers: Any) -> None:
    with pytest.raises(OriginRefused):
        check_origin(request(**headers), settings)


@pytest.mark.parametrize("settings", [LIST, FUNCTION], ids=["list", "function"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://a.example"},
        {"referer": "https://a.example/page"},
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_named_pages_and_requests_of_no_page_are_admitted(settings: Settings, headers: Any) -> None:
    check_origin(request(**headers), settings)


def test_origins_are_compared_without_case_and_default_port() -> None:
    for origin in ("HTTPS://A.Example", "https://a.example:443"):
        assert is_named(origin, LIST)
    for origin in ("http://a.example", "https://a.example:444", "https://a.example/"):
        assert not is_named(origin, LIST)


def test_everyone_is_admitted_and_nobody_named_under_a_star() -> None:
    check_origin(request(origin="https://evil.test"), Settings())
    assert not is_named("https://evil.test", Settings())


def test_an_awaitable_answer_admits_nobody() -> None:
    deferred: Deferred[bool] = Deferred()
    settings = Settings(allowed_origins=lambda origin: deferred)
    with pytest.raises(TypeError, match="allowed_origins must answer at once"):
        check_origin(request(origin="http://evil.example"), settings)


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


# -- addresses


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


def test_the_snapshot_can_not_be_changed() -> None:
    info = connection_info(request(query=b"a=1&a=2&b=%C3%A9&c="), Settings(), "xhr")
    assert info.arguments == {"a": ["1", "2"], "b": ["é"], "c": [""]}
    assert info.get_argument("a") == "1"
    assert info.get_argument("x") is None
    assert info.path == "/echo/000/abc/xhr"
    with pytest.raises(AttributeError):
        info.ip = "6.6.6.6"
    assert repr(info) == "%s" % info == "<ConnectionInfo 192.0.2.1 xhr /echo/000/abc/xhr>"  # noqa: UP031


def test_the_snapshots_of_two_clients_are_never_taken_for_one() -> None:
    infos = [connection_info(request(), Settings(), "xhr") for _ in range(2)]
    assert infos[0] != infos[1]
    assert len(set(infos)) == 2


# -- headers


def test_cors_never_gives_credentials_to_everyone() -> None:
    anonymous = dict(cors(request()))
    assert anonymous[b"Access-Control-Allow-Origin"] == b"*"
    assert b"Access-Control-Allow-Credentials" not in anonymous
    named = dict(cors(request(origin="null")))
    assert named[b"Access-Control-Allow-Origin"] == b"null"
    assert named[b"Access-Control-Allow-Credentials"] == b"true"
    assert named[b"Vary"] == anonymous[b"Vary"] == b"Origin"


def test_broken_cookies_are_no_cookies() -> None:
    for broken in ("", "=", ";;;", "a b c", "\xff=\x01"):
        assert "sid" not in read_cookies(broken)


@pytest.mark.parametrize(
    ("setting", "cookie", "expected"),
    [
        (False, "JSESSIONID=x", []),
        (True, None, [(b"Set-Cookie", b"JSESSIONID=dummy; path=/")]),
        (True, "a=b; JSESSIONID=x.1", [(b"Set-Cookie", b"JSESSIONID=x.1; path=/")]),
        (lambda info: None, None, []),
        (
            lambda info: "ROUTE=a; path=/; Secure",
            None,
            [(b"Set-Cookie", b"ROUTE=a; path=/; Secure")],
        ),
        (lambda info: info.get_cookie("ROUTE"), "ROUTE=b", [(b"Set-Cookie", b"b")]),
        (
            lambda info: f"{info.ip} {info.path}",
            None,
            [(b"Set-Cookie", b"192.0.2.1 /echo/000/abc/xhr")],
        ),
    ],
)
def test_the_session_cookie_is_as_set(setting: Any, cookie: str | None, expected: Any) -> None:
    headers = {} if cookie is None else {"cookie": cookie}
    assert session_cookie(request(**headers), Settings(jsessionid=setting)) == expected


def test_the_snapshot_has_both_ends_of_the_connection() -> None:
    info = connection_info(request(), Settings(), "xhr")
    assert (info.ip, info.port) == ("192.0.2.1", 4711)
    assert info.server_address == IPv4Address("TCP", "192.0.2.80", 8080)


def test_the_port_of_a_proxy_is_not_taken_for_the_client_s() -> None:
    behind = request(x_forwarded_for="10.0.0.1")
    info = connection_info(behind, Settings(trusted_proxies="192.0.2.1"), "xhr")
    assert (info.ip, info.port) == ("10.0.0.1", 0)
