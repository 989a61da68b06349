"""The capabilities under ``/info`` (protocol, section 3)."""

import json

import pytest

from ..support.checks import (
    assert_cached_for_a_year,
    assert_never_cached,
    assert_no_cookie,
    assert_open_to,
    assert_open_to_all,
)


def info(site, prefix):
    return json.loads(site.get(f"{prefix}/info").body)


def test_info_is_json_that_is_never_cached(site):
    answer = site.get("/echo/info")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert_never_cached(answer)
    assert_open_to_all(answer)
    assert_no_cookie(answer)


def test_info_tells_exactly_what_clients_read(site):
    assert set(info(site, "/echo")) == {"websocket", "cookie_needed", "origins", "entropy"}


def test_info_of_an_open_mount(site):
    got = info(site, "/echo")
    assert got["websocket"] is True
    assert got["cookie_needed"] is False
    assert got["origins"] == ["*:*"]


def test_info_says_that_the_websocket_is_off(site):
    assert info(site, "/disabled_websocket_echo")["websocket"] is False


def test_info_says_that_a_cookie_is_needed(site):
    assert info(site, "/cookie_needed_echo")["cookie_needed"] is True
    assert_no_cookie(site.get("/cookie_needed_echo/info"))


def test_entropy_is_a_fresh_32_bit_integer(site):
    seen = [info(site, "/echo")["entropy"] for _ in range(20)]
    assert all(type(value) is int and 0 <= value < 2**32 for value in seen)
    assert len(set(seen)) == len(seen)
    assert max(seen) > 2**24, "numbers this small are no 32 random bits"


def test_info_gives_the_base_url_that_is_set(lab):
    assert info(lab, "/based")["base_url"] == "http://sessions.example/sockjs"


@pytest.mark.parametrize("path", ["/echo/info?", "/echo/info?t=1234567890", "/echo/info?a&b=%20"])
def test_a_query_string_changes_nothing(site, path):
    assert json.loads(site.get(path).body)["websocket"] is True


def test_the_preflight_of_info(site):
    answer = site.options("/echo/info", {"Origin": "http://page.example"})
    assert answer.status in (200, 204)
    assert answer.body == b""
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, GET"
    assert answer.headers["access-control-max-age"] == "31536000"
    assert_cached_for_a_year(answer)
    assert_open_to(answer, "http://page.example")


def test_info_agrees_with_every_switch(lab):
    assert info(lab, "/no_websocket")["websocket"] is False
    for name in ("rawwebsocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"):
        assert info(lab, f"/no_{name}")["websocket"] is True
