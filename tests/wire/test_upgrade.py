"""Upgrade requests, good, bad and in the wrong place (protocol, section 8)."""

import json

import pytest

from ..support.checks import assert_refused
from ..support.frames import TEXT, frame
from ..support.labs import fresh
from ..support.peer import request
from ..support.receivers import XHR_STREAMING
from ..support.websocket import ACCEPT, UPGRADE, upgrade

ONLY = 'Can "Upgrade" only to "WebSocket".'
MUST = '"Connection" must be "Upgrade".'

PATHS = ["/echo/websocket", "/echo/000/upgrade/websocket"]
paths = pytest.mark.parametrize("path", PATHS)


def answer(site, wire, method="GET"):
    peer = site.connect()
    peer.send(wire)
    return peer.response(method)


@paths
def test_an_ordinary_get_is_refused(site, path):
    assert_refused(site.get(path), 400, ONLY)


@paths
@pytest.mark.parametrize("protocol", ["", "h2c", "websockets", "TLS/1.0", "web socket"])
def test_another_protocol_is_refused(site, path, protocol):
    assert_refused(answer(site, upgrade(path, {"Upgrade": protocol})), 400, ONLY)


@paths
@pytest.mark.parametrize("connection", [None, "", "close", "keep-alive", "upgraded", "up, grade"])
def test_a_connection_header_without_upgrade_is_refused(site, path, connection):
    assert_refused(answer(site, upgrade(path, {"Connection": connection})), 400, MUST)


@paths
@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade"},
        {"Connection": "UPGRADE,keep-alive"},
        {"Upgrade": "WebSocket"},
        {"Upgrade": "WEBSOCKET"},
        {"Sec-WebSocket-Protocol": "chat, superchat"},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
        {"Sec-WebSocket-Extensions": "x-webkit-deflate-frame, bbf-usp-protocol"},
        {"User-Agent": "anything"},
        {"Content-Length": "0"},
    ],
)
def test_what_browsers_send_is_accepted(site, path, headers):
    got = answer(site, upgrade(path, headers))
    assert got.status == 101
    assert got.headers["sec-websocket-accept"] == ACCEPT
    assert "content-length" not in got.headers
    assert "sec-websocket-protocol" not in got.headers


@paths
@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
def test_another_method_is_405_even_with_an_upgrade(site, path, method):
    got = answer(site, upgrade(path, method=method))
    assert got.status == 405
    assert "get" in got.headers.tokens("allow")
    assert got.body == b""
    assert "content-type" not in got.headers


@paths
@pytest.mark.parametrize("version", ["8", "0", "14", "99999999999999999999", "x", "", None])
def test_another_version_is_told_which_there_is(site, path, version):
    got = answer(site, upgrade(path, {"Sec-WebSocket-Version": version}))
    assert got.status in (400, 426)
    if version in ("8", "0", "14"):
        assert "13" in got.headers.tokens("sec-websocket-version")


@paths
@pytest.mark.parametrize("key", [None, "", "short", "x" * 24, "A" * 200, "ž" * 24])
def test_a_bad_key_is_refused(site, path, key):
    key = key and key.encode().decode("latin-1")
    assert answer(site, upgrade(path, {"Sec-WebSocket-Key": key})).status == 400


@paths
@pytest.mark.parametrize(
    "extensions",
    [
        ";",
        ",",
        "permessage-deflate; client_max_window_bits=99999999999999999999",
        'x; y="',
        "=" * 1000,
        "a;" * 2000,
        "permessage-deflate;server_max_window_bits=0",
        "__proto__; constructor",
    ],
)
def test_odd_extensions_never_break_the_server(site, path, extensions):
    got = answer(site, upgrade(path, {"Sec-WebSocket-Extensions": extensions}))
    assert got.status in (101, 400)


def test_far_too_many_headers_never_break_the_server(site):
    many = {f"X-Header-{number}": "x" for number in range(5000)}
    peer = site.connect()
    try:
        peer.send(upgrade("/echo/websocket", many))
        assert peer.response().status in (101, 400, 431)
    except (OSError, EOFError):
        pass  # cut off, which is as good
    assert site.get("/echo").status == 200


def test_an_upgrade_after_another_request_on_the_connection(site):
    peer = site.connect()
    peer.ask("GET", "/echo/info")
    assert peer.response().status == 200
    peer.send(upgrade(f"/echo/000/{fresh()}/websocket"))
    assert peer.response().status == 101
    assert peer.exactly(3) == b"\x81\x01o"


def test_a_refused_upgrade_leaves_a_sane_connection(site):
    peer = site.connect()
    peer.send(upgrade("/echo/websocket", {"Upgrade": "h2c"}))
    refused = peer.response()
    if "close" in refused.headers.tokens("connection"):
        assert peer.ended()
    else:
        peer.ask("GET", "/echo")
        assert peer.response().status == 200


# On every other path

ORDINARY = [
    ("GET", "/echo"),
    ("GET", "/echo/"),
    ("GET", "/echo/iframe.html"),
    ("GET", "/echo/a"),
    ("GET", "/echo/a.html"),
    ("GET", "/echo//"),
    ("GET", "/echo/websocket/"),
    ("GET", "/echo/0/s.1/websocket"),
    ("GET", "/echo/0/s/xhr"),
    ("GET", "/echo/0/s/xhr_send"),
    ("GET", "/echo/0/s/jsonp"),
    ("GET", "/echo/0/s/htmlfile"),
    ("GET", "/echo/chunking_test"),
    ("GET", "/disabled_websocket_echo/0/s/websocket"),
    ("GET", "/disabled_websocket_echo/websocket"),
    ("GET", "/"),
    ("POST", "/echo"),
    ("POST", "/echo/0/unknown/xhr_send"),
    ("POST", "/echo/0/unknown/jsonp_send"),
    ("POST", "/echo/a"),
    ("OPTIONS", "/echo/0/s/xhr"),
    ("OPTIONS", "/echo/info"),
    ("OPTIONS", "/echo/chunking_test"),
    ("PUT", "/echo/0/s/eventsource"),
    ("DELETE", "/"),
    ("HEAD", "/echo"),
]

UPGRADES = {
    "websocket": UPGRADE,
    "h2c": {
        "Upgrade": "h2c",
        "Connection": "Upgrade, HTTP2-Settings",
        "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
    },
    "old websocket": {"Upgrade": "WebSocket", "Connection": "Upgrade", "Sec-WebSocket-Key1": "x"},
}
upgrades = pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES.keys())


@upgrades
@pytest.mark.parametrize(("method", "path"), ORDINARY)
def test_an_upgrade_elsewhere_gets_the_ordinary_answer(site, method, path, headers):
    plain = site.ask(method, path)
    got = site.ask(method, path, headers)
    assert got.status == plain.status
    assert got.body == plain.body
    assert got.headers.get("content-type") == plain.headers.get("content-type")


@upgrades
def test_info_with_an_upgrade_is_info(site, headers):
    assert json.loads(site.get("/echo/info", headers).body)["websocket"] is True


@upgrades
def test_transports_with_an_upgrade_are_themselves(site, headers):
    session = site.session()
    assert session.poll(headers) == b"o\n"
    assert session.send("x", headers=headers).status == 204
    assert session.attach(XHR_STREAMING, headers).frame() == 'a["x"]'


@upgrades
@pytest.mark.parametrize("path", [*PATHS, "/echo/0/{}/xhr", "/echo/a", "/echo/info", "/"])
@pytest.mark.parametrize("stage", ["half a line", "half a head", "whole", "and a body"])
def test_a_reset_in_an_upgrade_breaks_nothing(lab, path, headers, stage):
    path = path.replace("/echo", "/puppet").format(fresh())
    wire = request("POST" if path.endswith("xhr") else "GET", path, headers)
    wire = {
        "half a line": wire[:9],
        "half a head": wire[: len(wire) * 2 // 3],
        "whole": wire,
        "and a body": wire + frame(TEXT, '["x"]')[:7],
    }[stage]
    for _ in range(3):
        peer = lab.connect()
        peer.send(wire)
        peer.abort()
    assert lab.get("/puppet").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_half_closed_upgrade_breaks_nothing(lab, path):
    peer = lab.connect()
    peer.send(upgrade(path.replace("/echo", "/puppet")))
    peer.half_close()
    peer.rest()
    assert lab.get("/puppet").status == 200


def test_the_preface_of_http_2_breaks_nothing(lab):
    peer = lab.connect()
    peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
    peer.half_close()
    peer.rest()
    assert lab.get("/puppet").status == 200


def test_an_upgrade_with_a_body_is_no_way_to_smuggle(site):
    peer = site.connect()
    inner = request("GET", "/echo")
    peer.send(upgrade("/echo/a", {"Content-Length": str(len(inner))}) + inner)
    assert peer.response().status == 404
    assert peer.silent(), "the body is no request"
