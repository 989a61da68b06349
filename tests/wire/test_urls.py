"""Which URLs there are, and which methods they take (protocol, section 1)."""

import pytest

from ..support.checks import assert_not_found, assert_wrong_method
from ..support.labs import fresh

UNKNOWN = [
    "/a",
    "/a.html",
    "//",
    "///",
    "/a/a",
    "/a/a/",
    "/a/",
    "/./.",
    "/../echo",
    "/info/",
    "/infos",
    "/INFO",
    "/websocket/",
    "/Websocket",
    "/xhr",
    "/0/xhr",
    "/chunking_test/",
    "/0/s/",
    "/0/s/xhr/",
    "/0/s/xhr/x",
    "/0/s/XHR",
    "/0/s/unknown",
    "/0/s/xhr.html",
    "/0/s/xhr;x",
    "/0/0/s/xhr",
    "//s/xhr",
    "/0//xhr",
    "///xhr",
    "/./s/xhr",
    "/0/./xhr",
    "/0.1/s/xhr",
    "/0/s.1/xhr",
    "/0/s./xhr",
    "/.0/s/xhr",
    "/0/s/../s/xhr",
    "/0/s.1/websocket",
    "/0.1/s/eventsource",
    "//s/jsonp?c=callback",
    "/0//htmlfile?c=callback",
    "/0/s.1/xhr_send",
    "//websocket",
    "//info",
]

GET = ("GET",)
POST = ("POST",)
KNOWN = {
    "": ("GET", "HEAD"),
    "/": ("GET", "HEAD"),
    "/info": ("GET", "HEAD", "OPTIONS"),
    "/iframe.html": ("GET", "HEAD"),
    "/iframe-1.0.html": ("GET", "HEAD"),
    "/websocket": GET,
    "/chunking_test": ("POST", "OPTIONS"),
    "/0/s/websocket": GET,
    "/0/s/xhr": ("POST", "OPTIONS"),
    "/0/s/xhr_streaming": ("POST", "OPTIONS"),
    "/0/s/xhr_send": ("POST", "OPTIONS"),
    "/0/s/eventsource": GET,
    "/0/s/htmlfile": GET,
    "/0/s/jsonp": GET,
    "/0/s/jsonp_send": POST,
}
METHODS = ("GET", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "BREW")


@pytest.mark.parametrize("path", UNKNOWN)
def test_everything_else_is_not_found(site, path):
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        assert_not_found(site.ask(method, "/echo" + path))


def test_neighbours_of_a_mount_are_not_found(site):
    for path in ("/", "/ech", "/echoes", "/echo.html", "/Echo", "/unknown/0/s/xhr"):
        assert site.post(path).status == 404


@pytest.mark.parametrize(("path", "allowed"), KNOWN.items())
def test_a_wrong_method_is_told_the_right_ones(site, path, allowed):
    for method in METHODS:
        if method not in allowed:
            assert_wrong_method(site.ask(method, "/echo" + path), method, allowed)


def test_a_wrong_method_reads_no_body_as_the_next_request(site):
    peer = site.connect()
    peer.ask("PUT", "/echo/0/s/xhr", body='["x"]')
    assert peer.response().status == 405
    peer.ask("GET", "/echo")
    assert peer.response().status == 200


@pytest.mark.parametrize("server", ["000", "a", "_", "~", "%20", "%C3%A9", "a%3Ab", "x" * 200])
def test_the_server_segment_is_anything_and_ignored(site, server):
    session = site.opened()
    url = f"/echo/{server}/{session.name}/xhr_send"
    assert site.post(url, '["a"]').status == 204
    assert session.poll() == b'a["a"]\n'


@pytest.mark.parametrize("name", ["-", "_", "%20", "%C3%A9", "%3Cscript%3E", "a%25b", "x" * 124])
def test_the_session_segment_is_anything(site, name):
    url = f"/echo/000/{name}~url/"
    assert site.post(url + "xhr").body == b"o\n"
    assert site.post(url + "xhr_send", '["a"]').status == 204
    assert site.post(url + "xhr").body == b'a["a"]\n'


@pytest.mark.parametrize("name", ["%2F", "a%2Fb", "%2E", "a%2Eb", "%00", "%FF", "%", "%zz"])
def test_an_odd_escape_never_breaks_the_server(site, name):
    assert site.post(f"/echo/000/{name}/xhr").status in (200, 400, 404)
    assert site.post(f"/echo/{name}/{fresh()}/xhr").status in (200, 400, 404)


@pytest.mark.parametrize("path", ["/0/q/xhr?", "/0/q/xhr?a=1&a=2", "/0/q/xhr?%zz", "/0/q/xhr?/x/y"])
def test_a_query_string_changes_nothing(site, path):
    assert site.post("/close" + path).status == 200


@pytest.mark.parametrize(
    "name", ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "websocket"]
)
def test_a_disabled_transport_is_not_found(lab, name):
    url = f"/no_{name}/000/s/{name}?c=callback"
    for method in ("GET", "POST", "OPTIONS"):
        assert_not_found(lab.ask(method, url))


def test_a_disabled_raw_websocket_is_not_found(lab):
    assert_not_found(lab.get("/no_rawwebsocket/websocket"))


def test_websockets_are_off_altogether_at_the_standard_mount(site):
    assert_not_found(site.get("/disabled_websocket_echo/000/s/websocket"))
    assert_not_found(site.get("/disabled_websocket_echo/websocket"))


def test_one_disabled_transport_leaves_the_others(lab):
    stream = lab.session("/no_xhr").attach()
    assert stream.frame() == "o"
    assert lab.session("/no_xhr_streaming").poll() == b"o\n"
    assert lab.websocket("/no_rawwebsocket").head.status == 101


def test_the_sender_stays_while_one_receiver_needs_it(lab):
    session = lab.session("/no_xhr")
    stream = session.open()
    assert session.send("a").status == 204
    assert stream.frame() == 'a["a"]'
