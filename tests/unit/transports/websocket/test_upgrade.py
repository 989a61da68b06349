"""Upgrades: what is one, what is refused, and what comes with it."""

from __future__ import annotations

from typing import Any

import pytest

from ....support.memory import Lab


def test_what_comes_with_the_upgrade_request_is_a_message() -> None:
    lab = Lab()
    socket = lab.connect()
    first = bytes((0x81, 0x80 | 5)) + b'\0\0\0\0["x"]'
    socket.send(
        b"GET /000/abc/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" + first
    )
    assert socket.received.endswith(b'\x81\x01o\x81\x06a["x"]')
    socket.vanish()
    lab.settle()


def test_an_upgrade_and_a_message_can_be_pipelined_behind_a_poll() -> None:
    lab = Lab()
    connection = lab.connect()
    connection.request("POST", "/000/abc/xhr").take()
    connection.request("POST", "/000/abc/xhr")
    first = bytes((0x81, 0x80 | 5)) + b'\0\0\0\0["x"]'
    connection.send(
        b"GET /000/abc/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" + first
    )
    lab.send(b'["done"]')
    answers = connection.take()
    assert b'a["done"]\n' in answers
    assert answers.endswith(b'\x81\x01o\x81\x06a["x"]')
    connection.say(b'["y"]')
    assert connection.take() == b'\x81\x06a["y"]'
    connection.vanish()
    lab.settle()


def test_nothing_of_http_is_kept_for_a_websocket() -> None:
    lab = Lab()
    socket = lab.upgrade()
    assert type(socket.transport.protocol).__name__ == "WebSocketReceiver"
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Upgrade": "h2c"}, 400, b'Can "Upgrade" only to "WebSocket".'),
        ({"Connection": "close"}, 400, b'"Connection" must be "Upgrade".'),
        ({"Sec_WebSocket_Version": "8"}, 426, b"Only WebSocket version 13 is supported."),
        ({"Sec_WebSocket_Key": "short"}, 400, b"Not a valid WebSocket handshake."),
    ],
)
def test_what_is_no_upgrade_is_told_why(headers: Any, status: int, words: bytes) -> None:
    lab = Lab()
    for path in ("/000/abc/websocket", "/websocket"):
        refused = lab.upgrade(path, **headers)
        assert (refused.status, refused.body) == (status, words)
        assert not refused.is_open
    assert len(lab.router.sessions) == 0
    lab.settle()


def test_an_upgrade_with_a_body_is_refused() -> None:
    lab = Lab()
    socket = lab.connect().upgrade("/000/abc/websocket", Content_Length="5")
    socket.send(b"hello")
    assert (socket.status, socket.body) == (400, b"Not a valid WebSocket handshake.")
    chunked = lab.connect().upgrade("/000/abc/websocket", Transfer_Encoding="chunked")
    chunked.send(b"0\r\n\r\n")
    assert chunked.status == 400
    empty = lab.upgrade(Content_Length="0")
    assert empty.received.endswith(b"\x81\x01o")
    empty.vanish()
    lab.settle()


def test_the_session_cookie_comes_with_the_101() -> None:
    lab = Lab(jsessionid=True)
    socket = lab.upgrade(Cookie="JSESSIONID=node1")
    assert b"\r\nSet-Cookie: JSESSIONID=node1; path=/\r\n" in socket.received
    assert b"Content-Length" not in socket.received
    socket.vanish()
    lab.settle()
