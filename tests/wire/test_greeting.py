"""The greeting at the base URL (protocol, section 3)."""

import pytest

from ..support.checks import PLAIN, assert_no_cookie

GREETING = b"Welcome to SockJS!\n"


@pytest.mark.parametrize("path", ["/echo", "/echo/", "/echo?query", "/echo/?a=b&c"])
def test_the_greeting_is_19_bytes_of_plain_text(site, path):
    answer = site.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == PLAIN
    assert answer.headers["content-length"] == "19"
    assert answer.body == GREETING
    assert_no_cookie(answer)


def test_the_greeting_sets_no_cookie_where_sessions_do(site):
    assert_no_cookie(site.get("/cookie_needed_echo"))


def test_every_mount_greets(site):
    for name in ("close", "ticker", "broadcast", "amplify", "disabled_websocket_echo"):
        assert site.get(f"/{name}").body == GREETING


def test_a_mount_may_lie_deep(lab):
    for path in ("/very/deep/down", "/very/deep/down/"):
        assert lab.get(path).body == GREETING
    for path in ("/very", "/very/deep", "/very/deep/", "/very/deep/down/down"):
        assert lab.get(path).status == 404
    session = lab.opened("/very/deep/down")
    session.send("x")
    assert session.poll() == b'a["x"]\n'
    assert lab.websocket("/very/deep/down").head.status == 101


@pytest.mark.parametrize("path", ["/echo", "/echo/", "/echo/info", "/echo/iframe.html"])
def test_a_head_request_gets_the_headers_and_no_body(site, path):
    peer = site.connect()
    peer.ask("GET", path)
    got = peer.response()
    peer.ask("HEAD", path)
    head = peer.response("HEAD")
    assert head.status == 200
    assert head.headers["content-type"] == got.headers["content-type"]
    assert int(head.headers["content-length"]) > 0
    peer.ask("GET", "/echo")
    assert peer.response().body == GREETING
