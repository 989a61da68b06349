"""A session over a websocket."""

from __future__ import annotations

import re
from typing import Any

import pytest

from txsockjs.client import SessionClosed, SessionLost
from txsockjs.wire.frames import frame

from ...support.client_network import ClientLab, accepting


class Speaking:
    """A lab whose server has answered the handshake, and says what a test wants."""

    def __init__(self, *frames: bytes, **options: Any) -> None:
        self.lab = ClientLab(served=False)
        self.lab.network.answer = lambda request: (
            accepting(request, *frames) if b"Upgrade: " in request else INFO
        )
        self.client = self.lab.connect(transports="websocket", **options)
        (self.end,) = [end for end in self.lab.network.ends if b"Upgrade: " in end.value()]

    def say(self, *frames: bytes) -> None:
        self.end.deliver(b"".join(frames))
        self.lab.advance()


INFO = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"websocket":true}'
OPEN = frame(1, b"o")


def test_each_session_has_a_path_of_its_own() -> None:
    lab = ClientLab()
    clients = [lab.connect(transports="websocket") for _ in range(2)]
    paths = [
        re.findall(rb"GET (/echo/\d{3}/[0-9a-f]{32}/websocket) ", end.value())
        for end in lab.network.ends
    ]
    assert len({path for (path,) in filter(None, paths)}) == 2
    for client in clients:
        client.close()
    lab.settle()


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        (frame(8, b"\x03\xe9bye"), SessionClosed, (1001, "bye")),
        (frame(8, b"\x03\xf4again"), SessionClosed, (1012, "again")),
        (frame(8, b""), SessionClosed, (1005, "")),
        (frame(8, b"\x03\xf3"), SessionLost, (1011, "")),
        (
            frame(1, b'c[3000,"Go away!"]') + frame(8, b"\x03\xe8"),
            SessionClosed,
            (3000, "Go away!"),
        ),
        (frame(2, b"x"), SessionLost, (1006, "a binary message came, which is no SockJS frame")),
        (frame(1, b"?"), SessionLost, (1006, "not a SockJS frame: '?'")),
    ],
)
def test_how_it_ends(said: bytes, error: Any, reason: tuple[int, str]) -> None:
    speaking = Speaking(OPEN)
    speaking.say(said)
    assert isinstance(speaking.client.reason, error)
    assert speaking.client.reason.args == reason
    speaking.end.cut()
    speaking.lab.settle()


def test_a_server_that_closes_before_it_opens_is_tried_by_other_ways() -> None:
    lab = ClientLab(served=False)
    closing = frame(8, b"\x03\xf5busy")
    lab.network.answer = lambda request: (
        accepting(request, closing) if b"Upgrade: " in request else INFO
    )
    error = lab.failure(7, transports="websocket,xhr_polling")
    assert error.attempts[0] == ("websocket", "closed with 1013 busy")
    assert error.attempts[1][0] == "xhr_polling"
    lab.settle()


def test_a_server_that_does_not_answer_a_close_is_left() -> None:
    speaking = Speaking(OPEN)
    speaking.client.close()
    speaking.lab.advance(4.9)
    assert speaking.client.reason is None
    speaking.lab.advance(0.2)
    assert isinstance(speaking.client.reason, SessionClosed)
    speaking.lab.settle()


def test_after_the_end_its_connection_ends_in_bounded_time() -> None:
    speaking = Speaking(OPEN)
    speaking.say(frame(1, b'c[3000,"Go away!"]'))
    assert isinstance(speaking.client.reason, SessionClosed)
    assert speaking.lab.network.ends
    speaking.lab.settle()


def test_what_is_not_masked_right_or_too_large_is_a_loss() -> None:
    speaking = Speaking(OPEN, frame_limit=1000)
    speaking.say(frame(1, b"a" * 1001))
    assert isinstance(speaking.client.reason, SessionLost)
    speaking.lab.settle()


def test_each_message_is_a_frame_and_none_is_written_that_is_not_taken() -> None:
    speaking = Speaking(OPEN)
    speaking.end.clear()
    speaking.lab.network.jammed = True
    for _ in range(3):
        speaking.client.send("x" * 200)
    speaking.lab.advance()
    first = len(speaking.end.value())
    assert 200 < first < 400
    speaking.lab.network.drain()
    speaking.lab.advance()
    assert len(speaking.end.value()) == 3 * first
    speaking.client.transport.abortConnection()
    speaking.lab.settle()
