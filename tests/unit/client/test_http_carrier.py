"""A session over HTTP requests, against a server that does what a test says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from txsockjs.client import SessionLost
from txsockjs.client.http_carrier import SEND_TIMEOUT

from ...support.client_network import ClientLab, response, stream

INFO = response(b'{"websocket":true}')


class Scripted:
    """A lab whose server answers by the last part of the path, from lists."""

    def __init__(self, **answers: list[bytes]) -> None:
        self.answers = {"info": [INFO], **answers}
        self.asked: list[tuple[str, bytes]] = []
        self.lab = ClientLab(served=False)
        self.lab.network.answer = self.answer

    def answer(self, request: bytes) -> bytes:
        name = request.split()[1].decode().rpartition("/")[2]
        self.asked.append((name, request.partition(b"\r\n\r\n")[2]))
        answers = self.answers.get(name, [])
        return answers.pop(0) if answers else b""

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


def test_whenever_a_response_ends_the_next_is_asked_for() -> None:
    body = b"h" * 2048 + b"\no\n" + b'a["one"]\n'
    script = Scripted(xhr_streaming=[response(body), response(b'a["two"]\nh\n')])
    client = script.lab.connect(transports="xhr_streaming")
    assert client.messages == ["one", "two"]
    assert script.names() == ["info", "xhr_streaming", "xhr_streaming", "xhr_streaming"]
    client.transport.abortConnection()
    script.lab.settle()


def test_one_sender_at_a_time_brings_what_was_queued() -> None:
    script = Scripted(xhr_streaming=[stream(b"o\n")])
    client = script.lab.connect(transports="xhr_streaming")
    for text in ("one", "two", "grüße\u2028"):
        client.send(text)
    script.lab.advance()
    assert script.asked[2:] == [("xhr_send", b'["one"]')]
    for end in script.lab.network.ends:
        if b"xhr_send" in end.value():
            end.deliver(response(b"", "204 No Content"))
    script.lab.advance()
    assert script.asked[3:] == [("xhr_send", '["two","grüße\\u2028"]'.encode())]
    client.transport.abortConnection()
    script.lab.settle()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("404 Not Found", "xhr_send was answered with 404"),
        ("500 Oops", "xhr_send was answered with 500"),
    ],
)
def test_a_sender_that_is_refused_ends_the_session(status: str, why: str) -> None:
    script = Scripted(xhr_streaming=[stream(b"o\n")], xhr_send=[response(b"", status)])
    client = script.lab.connect(transports="xhr_streaming")
    client.send("one")
    script.lab.advance()
    assert isinstance(client.reason, SessionLost)
    assert client.reason.reason == why
    script.lab.settle()


def test_a_server_that_ends_no_answer_to_a_sender_has_one_of_them_open() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    script = Scripted(xhr_streaming=[stream(b"o\n")], xhr_send=[endless] * 3)
    client = script.lab.connect(transports="xhr_streaming")
    for _ in range(3):
        client.send("x")
        script.lab.advance()
    assert script.names().count("xhr_send") == 1
    client.transport.abortConnection()
    script.lab.advance()
    assert script.lab.network.ends == []
    script.lab.settle()


def test_a_refusal_whose_body_never_ends_leaves_no_connection() -> None:
    endless = b"HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\n"
    script = Scripted(xhr_streaming=[endless])
    error = script.lab.failure(transports="xhr_streaming")
    assert error.attempts == (("xhr_streaming", "xhr_streaming was answered with 500"),)
    assert script.lab.network.ends == []
    script.lab.settle()


def test_a_sender_has_a_long_time_and_no_longer() -> None:
    script = Scripted(xhr_streaming=[stream(b"o\n")])
    client = script.lab.connect(transports="xhr_streaming", heartbeat_timeout=None)
    client.send("one")
    script.lab.advance(SEND_TIMEOUT - 1)
    assert client.reason is None
    script.lab.advance(2)
    assert client.reason.reason == "xhr_send failed: it was not answered within 300 s"
    script.lab.settle()


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([response(b"", "404 Not Found")], "xhr was answered with 404"),
        ([response(b""), response(b"")], "xhr was answered with nothing"),
        ([response(b"<html>\n")], "not a SockJS frame: '<html>'"),
        ([response(b'c[1002,"Connection interrupted"]\n')], "Connection interrupted"),
    ],
)
def test_a_poll_that_fails_ends_the_session(answers: list[bytes], why: str) -> None:
    script = Scripted(xhr=[response(b"o\n"), *answers])
    client = script.lab.connect(transports="xhr_polling")
    script.lab.advance()
    assert isinstance(client.reason, SessionLost)
    assert client.reason.reason == why
    script.lab.settle()


@pytest.mark.parametrize("heads", [b"X-Y: " + b"z" * 495 + b"\r\n", b"\r\nHTTP/1.1 100 Go on\r\n"])
def test_a_head_that_never_ends_ends_the_session(heads: bytes) -> None:
    script = Scripted(xhr=[response(b"o\n"), b"HTTP/1.1 100 Go on\r\n"])
    client = script.lab.connect(transports="xhr_polling")
    (end,) = script.lab.network.ends
    for _ in range(200):
        end.deliver(heads * (1000 // len(heads)))
        script.lab.advance(0)
    script.lab.advance()
    assert client.reason is not None
    assert script.lab.network.ends == []
    script.lab.settle()


@pytest.mark.parametrize("transport", ["xhr_streaming", "xhr_polling"])
def test_bodies_may_be_longer_than_heads(transport: str) -> None:
    frame = b'a["' + b"x" * 400_000 + b'"]\n'
    polls = [response(b"o\n"), *[response(frame)] * 3]
    script = Scripted(xhr=polls, xhr_streaming=[stream(b"o\n", frame, frame, frame)])
    client = script.lab.connect(transports=transport)
    script.lab.advance()
    assert [len(message) for message in client.messages] == [400_000] * 3
    client.transport.abortConnection()
    script.lab.settle()


def test_one_empty_response_is_forgiven() -> None:
    script = Scripted(xhr=[response(b"o\n"), response(b""), response(b"h\n"), response(b"")])
    client = script.lab.connect(transports="xhr_polling")
    script.lab.advance()
    assert client.reason is None
    client.transport.abortConnection()
    script.lab.settle()


def test_a_stream_that_breaks_off_ends_the_session() -> None:
    script = Scripted(eventsource=[stream(b"\r\ndata: o\r\n\r\n")])
    client = script.lab.connect(transports="eventsource")
    for end in list(script.lab.network.ends):
        end.cut()
    script.lab.advance()
    assert client.reason.reason.startswith("eventsource broke off: ")
    script.lab.settle()


def test_a_stream_of_http_1_0_ends_with_its_connection() -> None:
    script = Scripted(xhr_streaming=[b"HTTP/1.0 200 OK\r\n\r\no\n", stream(b'a["x"]\n')])
    client = script.lab.connect(transports="xhr_streaming")
    script.lab.network.ends[-1].deliver(b"h\n")
    for end in list(script.lab.network.ends):
        if b"xhr_streaming" in end.value():
            end.loseConnection()
    script.lab.advance()
    assert client.messages == ["x"]
    client.transport.abortConnection()
    script.lab.settle()


def test_a_frame_that_is_too_large_ends_the_session() -> None:
    script = Scripted(xhr_streaming=[stream(b"o\n", b"a" * 1001)])
    client = script.lab.connect(transports="xhr_streaming", frame_limit=1000)
    script.lab.advance()
    assert "a frame of more than 1000 bytes" in client.reason.reason
    script.lab.settle()


def test_a_response_that_comes_after_the_end_is_not_read() -> None:
    script = Scripted(xhr=[response(b"o\n")])
    client = script.lab.connect(transports="xhr_polling")
    ends = list(script.lab.network.ends)
    client.transport.abortConnection()
    for end in ends:
        end.deliver(response(b'a["late"]\n'))
    script.lab.advance()
    assert client.messages == []
    script.lab.settle()


def test_polls_go_on_for_a_while_for_an_application_that_has_paused() -> None:
    large: Any = response(b'a["' + b"x" * 600_000 + b'"]\n')
    script = Scripted(xhr=[response(b"o\n"), b"", large, large, large])
    client = script.lab.connect(transports="xhr_polling")
    client.transport.pauseProducing()
    script.lab.network.ends[-1].deliver(response(b"h\n"))
    script.lab.advance()
    assert script.names().count("xhr") == 4
    assert client.messages == []
    client.transport.resumeProducing()
    script.lab.advance()
    assert len(client.messages) == 3
    client.transport.abortConnection()
    script.lab.settle()


@pytest.mark.parametrize("transport", ["xhr_streaming", "xhr_polling"])
@pytest.mark.parametrize(("text", "count", "waits"), [("x" * 600_000, 1, 2), ("", 9_000, 2)])
def test_a_response_that_never_ends_is_read_for_a_while_for_an_application_that_has_paused(
    transport: str, text: str, count: int, waits: int
) -> None:
    frame = f"a{json.dumps([text] * count)}\n".encode()
    script = Scripted(xhr=[response(b"o\n"), stream(b"h\n")], xhr_streaming=[stream(b"o\n")])
    client = script.lab.connect(transports=transport)
    client.transport.pauseProducing()
    (end,) = script.lab.network.ends
    for _ in range(10):
        end.deliver(b"%x\r\n%b\r\n" % (len(frame), frame))
        script.lab.advance()
    assert client.transport._session.incoming.size == waits * count * (len(text) + 64)
    client.transport.resumeProducing()
    script.lab.advance()
    assert len(client.messages) == 10 * count
    client.transport.abortConnection()
    script.lab.settle()
