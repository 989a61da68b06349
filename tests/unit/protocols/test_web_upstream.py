"""The URL that sessions are bridged to, and what of a client's request goes there."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs import ConnectionInfo, SettingsError
from txsockjs.protocols.web_upstream import WebUpstream, query_of

from ...support.bridges import SOCKJS, WEBSOCKET, Bridges

BOTH = pytest.mark.parametrize("url", [WEBSOCKET, SOCKJS])
SENT = {
    "origin": "https://page.example",
    "authorization": "Bearer x",
    "x-other": "y",
    "cookie": 'sid=1; other=2; bad="a b"',
    "user-agent": "Browser",
}


def heads(url: str, sent: Any = SENT, query: str = "token=1&x=%20", **options: Any) -> list[bytes]:
    """The head of each request upstream, in lower case."""
    bridges = Bridges(url, front={"allowed_origins": ["https://page.example"]}, **options)
    asked: list[bytes] = []

    def note(request: bytes) -> None:
        asked.append(request.partition(b"\r\n\r\n")[0].lower() + b"\r\n")

    bridges.network.answer = note
    client = bridges.connect("xhr", headers=sent, query=query, ip="203.0.113.7")
    client.send("x")
    bridges.advance()
    client.close()
    bridges.settle()
    assert asked
    return asked


@BOTH
def test_query_origin_and_address_are_passed_on_and_nothing_else(url: str) -> None:
    for head in heads(url):
        assert b"?token=1&x=%20 http/1.1" in head
        assert b"\r\norigin: https://page.example\r\n" in head
        assert b"\r\nx-forwarded-for: 203.0.113.7\r\n" in head
        for other in (b"authorization", b"x-other", b"sid", b"browser"):
            assert other not in head


@BOTH
def test_unless_the_mount_says_otherwise(url: str) -> None:
    for head in heads(url, pass_query=False, pass_origin=False, pass_address=False):
        for other in (b"token", b"origin", b"forwarded"):
            assert other not in head


@BOTH
def test_headers_and_cookies_that_are_named_are_passed_on(url: str) -> None:
    for head in heads(url, headers=("Authorization", "X-Missing"), cookies=("sid", "bad", "no")):
        assert b"\r\nauthorization: bearer x\r\n" in head
        assert b"\r\ncookie: sid=1\r\n" in head
        for other in (b"x-other", b"other=2", b"missing", b"a b"):
            assert other not in head


def test_what_can_t_be_sent_is_left_out() -> None:
    sent = {"x-a": "grün", "x-b": "fine"}
    (head,) = heads(WEBSOCKET, sent, headers=("X-A", "X-B"))
    assert b"x-b: fine" in head and b"x-a" not in head


def test_the_address_is_told_once_whatever_the_client_says() -> None:
    sent = {"x-forwarded-for": "6.6.6.6", "origin": "https://page.example"}
    (head,) = heads(WEBSOCKET, sent, headers=("X-Forwarded-For", "ORIGIN"))
    assert head.count(b"forwarded") == 1 and b"x-forwarded-for: 203.0.113.7\r\n" in head
    assert head.count(b"origin") == 1


def test_the_url_s_own_query_stays() -> None:
    (head,) = heads(WEBSOCKET + "?key=k")
    assert b"?key=k&token=1&x=%20 http/1.1" in head


@pytest.mark.parametrize(
    ("transport", "query", "passed"),
    [
        ("websocket", b"c=1&a=%2b", "c=1&a=%2b"),
        ("jsonp", b"a=%2b&c=_jp.x&t=5", "a=%2B&t=5"),
        ("htmlfile", b"callback=f", ""),
    ],
)
def test_the_name_of_a_callback_is_the_transport_s(
    transport: str, query: bytes, passed: str
) -> None:
    info = ConnectionInfo("", None, None, {}, "/", transport, query=query)
    assert query_of(info) == passed


# -- subprotocols


def test_the_one_that_was_agreed_on_is_asked_for() -> None:
    bridges = Bridges(subprotocols=["b", "a"], front={"subprotocols": ["a", "b"]})
    client = bridges.connect("rawwebsocket", headers={"Sec-WebSocket-Protocol": "b"})
    client.send("x")
    bridges.advance()
    assert bridges.log[0].subprotocol == "b"
    assert client.messages == ["x"]
    client.close()
    bridges.settle()


def test_sessions_that_can_t_agree_on_one_ask_for_all() -> None:
    bridges = Bridges(subprotocols=["b", "a"], front={"subprotocols": ["a", "b"]})
    client = bridges.connect("xhr")
    assert bridges.log[0].subprotocol == "b"
    client.close()
    bridges.settle()


def test_an_upstream_that_does_not_speak_it_is_refused() -> None:
    bridges = Bridges(front={"subprotocols": ["a"]})
    client = bridges.connect("rawwebsocket", headers={"Sec-WebSocket-Protocol": "a"})
    assert client.close_reason == (1014, "Cannot connect upstream")
    bridges.settle()
    bridges = Bridges(front={"subprotocols": ["a"]})
    client = bridges.connect("rawwebsocket")
    client.send("x")
    bridges.advance()
    assert client.messages == ["x"]
    client.close()
    bridges.settle()


# -- the URL


@pytest.mark.parametrize("url", ["ws://x/y", "WSS://x/y/", "http://x/y", "https://x"])
def test_a_url_is_an_upstream(url: str) -> None:
    upstream = WebUpstream.at(url)
    assert upstream is not None
    assert upstream.description == url
    assert upstream.is_sockjs is url.startswith("http")


def test_its_query_is_in_no_log() -> None:
    assert WebUpstream("ws://x/y?key=secret").description == "ws://x/y"


def test_a_slash_at_its_end_counts_for_websockets_only() -> None:
    assert WebUpstream("ws://x/y/").address.at() == "http://x/y/"
    assert WebUpstream("http://x/y/").address.at() == "http://x/y"


@pytest.mark.parametrize("text", ["chat.Chat", "tcp:ws:80", "ftp://x/y", "ws:x"])
def test_anything_else_is_none(text: str) -> None:
    assert WebUpstream.at(text) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "ws://"}, "a URL must be http"),
        ({"url": "http://x/#y"}, "no fragment"),
        ({"headers": ("a b",)}, "not the name of a header: 'a b'"),
        ({"headers": ("Cookie",)}, "the header Cookie can't be given; give cookies"),
        ({"cookies": ("a;b",)}, "not the name of a cookie"),
        ({"fallback_encoding": "klingon"}, "fallback_encoding must be"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        WebUpstream(**{"url": "ws://x/y", **options})
