"""The Host header: whatever stands there, it is no business of this server."""

import pytest

from ..support.peer import request
from ..support.websocket import upgrade

HOSTS = [
    "127.0.0.1",
    "example.com:8080",
    "EXAMPLE.com.",
    "[::1]:80",
    "xn--bcher-kva.example",
    "_under_score",
    None,
    "",
    " ",
    ":",
    ":80",
    "x:99999",
    "x:y",
    "[::1",
    "a b",
    "a,b",
    "a/b",
    "a@b",
    "<script>",
    "%00",
    "é",
    "\xff\xfe",
    "x" * 300,
    ".." + "a." * 100,
]
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: ascii(host)[:14])


@hosts
def test_any_host_gets_an_answer_and_no_error_is_logged(lab, host):
    assert lab.get("/puppet", {"Host": host}).status in (200, 400)
    assert lab.get("/puppet/info", {"Host": host}).status in (200, 400)


@hosts
def test_any_host_gets_its_session_or_none(lab, host):
    session = lab.session("/puppet")
    assert lab.post(session.url("xhr"), headers={"Host": host}).status in (200, 400)
    peer = lab.connect()
    peer.send(upgrade(session.url("websocket"), {"Host": host}))
    assert peer.head().status in (101, 400)


def test_an_ordinary_name_is_served(lab):
    for host in ("127.0.0.1", "example.com:8080", "[::1]:80", "_under_score", "localhost"):
        assert lab.get("/puppet", {"Host": host}).status == 200


def test_two_hosts_are_no_crash(lab):
    wire = request("GET", "/puppet").replace(b"\r\n\r\n", b"\r\nHost: other.example\r\n\r\n")
    peer = lab.connect()
    peer.send(wire)
    assert peer.response().status in (200, 400)
