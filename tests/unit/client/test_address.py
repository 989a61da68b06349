"""Where a server is, and what may stand in its requests."""

from __future__ import annotations

import pytest

from txsockjs import SettingsError
from txsockjs.client.address import Address, checked_cookies, checked_headers


@pytest.mark.parametrize(
    ("text", "base", "query"),
    [
        ("http://example.com", "http://example.com", ""),
        ("https://example.com:8443/chat/", "https://example.com:8443/chat", ""),
        ("HTTP://example.com/chat?token=a%20b", "http://example.com/chat", "token=a%20b"),
        ("http://[::1]:8080/chat", "http://[::1]:8080/chat", ""),
        ("http://[::1]/a b", "http://[::1]/a%20b", ""),
        ("http://example.com/a\r\nX: y?b\n", "http://example.com/a%0D%0AX:%20y", "b%0A"),
        ("http://exämple.com/grüße", "http://xn--exmple-cua.com/gr%C3%BC%C3%9Fe", ""),
    ],
)
def test_a_url_is_read(text: str, base: str, query: str) -> None:
    assert Address.parse(text) == Address(base, query)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("example.com/chat", "a URL must be http://HOST/PATH"),
        ("ws://example.com", "a URL must be http://HOST/PATH"),
        ("http:///chat", "a URL must be http://HOST/PATH"),
        ("http://me:secret@example.com/", "no name and password"),
        ("http://example.com/#top", "no fragment"),
        ("http://a\r\nb/", "not a URL"),
        ("http://example.com:port/", "not a URL"),
        ("http://example.com:0/", "a port must be in 1..65535, not 0"),
        ("http://example.com:65536/", "a port must be in 1..65535, not 65536"),
    ],
)
def test_what_is_no_url_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Address.parse(text)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        Address.parse("http://me:secret@example.com/")
    assert "secret" not in str(raised.value)


def test_paths_stand_before_the_query() -> None:
    address = Address.parse("https://example.com/chat?a=b")
    assert address.at("info") == "https://example.com/chat/info?a=b"
    assert address.below("0", "x").at() == "https://example.com/chat/0/x?a=b"
    assert str(address) == "https://example.com/chat"


def test_one_more_query_can_forge_nothing() -> None:
    address = Address.parse("http://x/y?a=b")
    assert address.asking("").query == "a=b"
    assert address.asking("c=%20&d=[]\r\nX: y#z").query == "a=b&c=%20&d=[]%0D%0AX:%20y%23z"


def test_an_origin_has_its_port() -> None:
    assert Address.parse("https://Example.com/chat").origin == "https://example.com:443"
    assert Address.parse("http://[::1]/chat").origin == "http://[::1]:80"
    assert Address.parse("https://example.com").is_secure


@pytest.mark.parametrize(
    ("link", "base"),
    [
        ("/other", "https://example.com/other"),
        ("https://two.example.com/chat/", "https://two.example.com/chat"),
        ("//two.example.com:81", "https://two.example.com:81"),
    ],
)
def test_a_base_url_is_joined(link: str, base: str) -> None:
    address = Address.parse("https://example.com/chat?a=b")
    assert address.joined(link) == Address(base, "a=b")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"a b": "c"}, "not the name of a header: 'a b'"),
        ({"": "c"}, "not the name of a header"),
        ({"A": "b\nC: d"}, "the header A must be printable ASCII"),
        ({"A": "ü"}, "the header A must be printable ASCII"),
        ({"A": 1}, "the header A must be printable ASCII"),
        ({"Host": "x"}, "the header Host can't be given"),
        ({"sec-websocket-key": "x"}, "can't be given"),
        ({"Cookie": "a=b"}, "can't be given; give cookies"),
    ],
)
def test_a_header_that_can_t_be_sent_is_refused(headers: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        checked_headers(headers)


def test_headers_and_cookies_are_copied() -> None:
    headers = {"Authorization": " Bearer x=y; z "}
    assert checked_headers(headers) == {"Authorization": "Bearer x=y; z"}
    assert checked_headers(None) == checked_cookies(None) == {}
    assert checked_cookies({"a": "b=c"}) == {"a": "b=c"}


@pytest.mark.parametrize("cookies", [{"a": "b;c"}, {"a=": "b"}, {"a": "b c"}, {"a": "b\r\n"}])
def test_a_cookie_that_can_t_be_sent_is_refused(cookies: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="cookie"):
        checked_cookies(cookies)
