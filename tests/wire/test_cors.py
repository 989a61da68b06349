"""Cross-origin headers and preflights (protocol, section 2)."""

import pytest

from ..support.checks import (
    assert_cached_for_a_year,
    assert_never_cached,
    assert_no_cookie,
    assert_open_to,
    assert_open_to_all,
)
from ..support.receivers import EVENTSOURCE, RECEIVERS, XHR, XHR_STREAMING

ORIGIN = "http://page.example:8000"
READABLE = (XHR, XHR_STREAMING, EVENTSOURCE)
PREFLIGHTED = ["xhr", "xhr_streaming", "xhr_send"]


@pytest.mark.parametrize("receiver", READABLE, ids=lambda receiver: receiver.name)
def test_a_receiver_without_an_origin_is_open_to_all(site, receiver):
    assert_open_to_all(site.session().attach(receiver).head)


@pytest.mark.parametrize("origin", [ORIGIN, "null", "https://page.example"])
@pytest.mark.parametrize("receiver", READABLE, ids=lambda receiver: receiver.name)
def test_a_receiver_echoes_the_origin(site, receiver, origin):
    assert_open_to(site.session().attach(receiver, {"Origin": origin}).head, origin)


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_credentials_never_go_with_a_star(site, receiver):
    for headers in ({}, {"Origin": ORIGIN}, {"Cookie": "a=b"}):
        got = site.session().attach(receiver, headers).head.headers
        star = got.get("access-control-allow-origin") == "*"
        assert not (star and "access-control-allow-credentials" in got)


@pytest.mark.parametrize(("headers", "check"), [({}, None), ({"Origin": ORIGIN}, ORIGIN)])
def test_the_sender_has_the_same_headers(site, headers, check):
    answer = site.opened().send("a", headers=headers)
    assert answer.status == 204
    if check:
        assert_open_to(answer, check)
    else:
        assert_open_to_all(answer)


def test_an_error_of_a_sender_can_be_read_by_the_page(site):
    assert_open_to(site.session().send("a", headers={"Origin": ORIGIN}), ORIGIN)
    url = site.opened().url("xhr_send")
    assert_open_to(site.post(url, "", {"Origin": ORIGIN}), ORIGIN)


def test_info_echoes_the_origin(site):
    assert_open_to(site.get("/echo/info", {"Origin": ORIGIN}), ORIGIN)
    assert_open_to(site.get("/echo/info", {"Origin": "null"}), "null")


@pytest.mark.parametrize("name", PREFLIGHTED)
def test_a_preflight(site, name):
    session = site.session()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = site.options(session.url(name), asked)
    assert answer.status in (200, 204)
    assert answer.body == b""
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert answer.headers["access-control-max-age"] == "31536000"
    assert "access-control-allow-headers" not in answer.headers
    assert_cached_for_a_year(answer)
    assert_open_to(answer, ORIGIN)


@pytest.mark.parametrize("name", [*PREFLIGHTED, "x"])
def test_a_preflight_opens_no_session(site, name):
    session = site.session()
    site.options(session.url(name), {"Origin": ORIGIN})
    assert session.send("a").status == 404


def test_a_preflight_without_an_origin(site):
    answer = site.options(site.session().url("xhr"))
    assert answer.status in (200, 204)
    assert_open_to_all(answer)


@pytest.mark.parametrize("path", ["/info", "/0/s/xhr", "/0/s/xhr_streaming", "/0/s/xhr_send"])
@pytest.mark.parametrize("wanted", ["a, b, c", "content-type", "X-Anything,Y"])
def test_a_preflight_echoes_the_headers_asked_for(site, path, wanted):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Headers": wanted}
    answer = site.options("/echo" + path, asked)
    assert answer.headers["access-control-allow-headers"] == wanted


@pytest.mark.parametrize("headers", [{}, {"Access-Control-Request-Headers": ""}])
def test_no_headers_asked_for_adds_none(site, headers):
    answer = site.options("/echo/0/s/xhr", {"Origin": ORIGIN, **headers})
    assert "access-control-allow-headers" not in answer.headers


@pytest.mark.parametrize("name", ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"])
def test_no_receiver_is_ever_cached(site, name):
    receiver = next(each for each in RECEIVERS if each.name == name)
    assert_never_cached(site.session().attach(receiver).head)


def test_no_sender_is_ever_cached(site):
    session = site.opened()
    assert_never_cached(session.send("a"))
    assert_never_cached(site.post(session.url("jsonp_send"), '["a"]'))


def test_no_preflight_sets_a_cookie_by_default(site):
    assert_no_cookie(site.options("/echo/0/s/xhr"))


@pytest.mark.parametrize(
    "odd", ["\xff\xfe", "x" * 4000, "http://a, http://b", "<script>", "\t", "*"]
)
def test_odd_headers_never_break_an_answer(site, odd):
    headers = {"Origin": odd, "Access-Control-Request-Headers": odd}
    assert site.get("/echo/info", headers).status == 200
    assert site.options("/echo/0/s/xhr", headers).status in (200, 204)
    assert site.session().poll(headers) == b"o\n"
