"""The client's address behind proxies: who is believed, and how far (``trusted_proxies``)."""

import pytest

from ..support.receivers import RECEIVERS
from ..support.websocket import WebSocket

SELF = "127.0.0.1"
CLIENT = "192.0.2.7"


def address(lab, headers, prefix="/proxied"):
    """Open a session with these headers; give the address that the application sees."""
    session = lab.session(prefix)
    assert session.poll(headers) == b"o\n"
    return lab.told(session, "open")["ip"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-For": CLIENT},
        {"Forwarded": f"for={CLIENT}"},
        {"X-Real-IP": CLIENT},
        {"X-Forwarded-For": CLIENT, "Forwarded": f"for={CLIENT}"},
    ],
)
def test_nobody_is_believed_by_default(lab, headers):
    assert address(lab, headers, "/puppet") == SELF


@pytest.mark.parametrize(
    ("chain", "seen"),
    [
        (CLIENT, CLIENT),
        (f" {CLIENT} ", CLIENT),
        (f"6.6.6.6, {CLIENT}", CLIENT),
        (f"6.6.6.6,{CLIENT},10.0.0.1", CLIENT),
        (f"10.9.9.9, {CLIENT}, 10.0.0.2, 10.0.0.1", CLIENT),
        ("10.0.0.9, 10.0.0.1", "10.0.0.9"),
        (f"127.0.0.1, {CLIENT}", CLIENT),
        (f"{CLIENT}:5678", CLIENT),
        (f"{CLIENT}:5678, 10.0.0.1:80", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1, fd00::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", CLIENT),
    ],
)
def test_a_trusted_proxy_is_believed_from_right_to_left(lab, chain, seen):
    assert address(lab, {"X-Forwarded-For": chain}) == seen


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f"proto=https; for={CLIENT}", CLIENT),
        (f'for="{CLIENT}:5678"', CLIENT),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        (f"for=6.6.6.6, for={CLIENT}", CLIENT),
        (f"for=6.6.6.6, for={CLIENT}, for=10.0.0.1", CLIENT),
    ],
)
def test_the_standard_header_is_read_too(lab, value, seen):
    assert address(lab, {"Forwarded": value}) == seen


GARBAGE = [
    "",
    ",",
    ", ,",
    "unknown",
    "_hidden",
    "localhost",
    "x" * 5000,
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.4 5",
    "1.2.3.4\t6.6.6.6",
    "1.2.3.4:x",
    "1.2.3.4:80:80",
    "[::1",
    "::1]",
    "[1.2.3.4",
    "010.1.1.1",
    "1.2.3.4/8",
    "<script>",
    "\xff\xfe",
    "1.2.3.4; DROP",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: ascii(text[:12]))
def test_garbage_counts_as_nothing(lab, garbage):
    assert address(lab, {"X-Forwarded-For": garbage}) == SELF


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: ascii(text[:12]))
def test_the_walk_stops_at_garbage(lab, garbage):
    assert address(lab, {"X-Forwarded-For": f"{CLIENT}, {garbage}, 10.0.0.1"}) == "10.0.0.1"


@pytest.mark.parametrize(
    "value", ["", "for", "for=", "for=unknown", "for=_x", 'for="', "=;=", "for=,", "proto=https"]
)
def test_garbage_in_the_standard_header_counts_as_nothing(lab, value):
    assert address(lab, {"Forwarded": value}) == SELF


def test_a_client_cannot_choose_between_the_two_headers(lab):
    spoofed = {"X-Forwarded-For": CLIENT, "Forwarded": "for=6.6.6.6"}
    assert address(lab, spoofed) in (SELF, CLIENT)


def test_several_header_lines_are_one_chain(lab):
    session = lab.session("/proxied")
    peer = lab.connect()
    lines = ["6.6.6.6", CLIENT, "10.0.0.1"]
    head = "".join(f"X-Forwarded-For: {line}\r\n" for line in lines)
    peer.send(f"POST {session.url('xhr')} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    assert peer.response().body == b"o\n"
    assert lab.told(session, "open")["ip"] == CLIENT


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_every_receiver_sees_the_address(lab, receiver):
    session = lab.session("/proxied")
    assert session.attach(receiver, {"X-Forwarded-For": CLIENT}).frame() == "o"
    assert lab.told(session, "open")["ip"] == CLIENT


def test_websockets_see_the_address(lab):
    session, raw = lab.session("/proxied"), lab.session("/proxied")
    session.websocket({"X-Forwarded-For": CLIENT})
    assert lab.told(session, "open")["ip"] == CLIENT
    WebSocket(lab.connect(), f"/proxied/websocket?name={raw.name}", {"X-Forwarded-For": CLIENT})
    assert lab.told(raw, "open")["ip"] == CLIENT
