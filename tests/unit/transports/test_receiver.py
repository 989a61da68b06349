"""Receivers and senders in memory: slow peers, pings, closes, broken input."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs import SockJSConnection

from ...support.memory import Lab, chunks

# -- streams


def test_each_frame_is_a_chunk_of_its_own() -> None:
    lab = Lab()
    stream = lab.connect().request("POST", "/000/abc/xhr_streaming")
    lab.send(b'["a","b"]')
    body = stream.received.partition(b"\r\n\r\n")[2]
    assert chunks(body) == [b"h" * 2048 + b"\n", b"o\n", b'a["a","b"]\n']
    lab.settle()


def test_a_stream_ends_at_its_limit_when_its_bytes_have_left_and_not_before() -> None:
    lab = Lab(response_limit=100)
    stream = lab.connect()
    stream.request("POST", "/000/abc/xhr_streaming")
    stream.transport.slow = True
    lab.send(b'["' + b"x" * 100 + b'"]')
    assert not stream.received.endswith(b"0\r\n\r\n")
    lab.pass_time(20)  # it is attached still: a slow transfer is no absence
    stream.transport.drain()
    assert stream.received.endswith(b"0\r\n\r\n")
    assert lab.log == ["open", "x" * 100]
    assert lab.xhr().received == b""
    lab.settle()


def test_a_slow_poll_is_attached_until_its_bytes_have_left() -> None:
    lab = Lab(disconnect_delay=2)
    poll = lab.connect()
    lab.xhr()
    lab.send(b'["x"]')
    poll.transport.slow = True
    poll.request("POST", "/000/abc/xhr")
    assert poll.body == b'a["x"]\n'
    lab.pass_time(10)
    assert lab.log == ["open", "x"]
    poll.transport.drain()
    lab.send(b'["y"]')
    assert poll.request("POST", "/000/abc/xhr").received.endswith(b'a["y"]\n')
    lab.settle()


STREAMS = [
    ("POST", "/000/abc/xhr_streaming", b"h\n"),
    ("GET", "/000/abc/eventsource", b"data: h\r\n\r\n"),
    ("GET", "/000/abc/htmlfile?c=c", b'<script>\np("h");\n</script>\r\n'),
]


@pytest.mark.parametrize(("method", "path", "beat"), STREAMS)
def test_a_stream_ends_with_the_last_heartbeat_of_its_lifetime(
    method: str, path: str, beat: bytes
) -> None:
    lab = Lab(heartbeat_delay=10, response_lifetime=35)
    stream = lab.connect().request(method, path)
    for _ in range(2):
        lab.pass_time(10)
        assert stream.body.endswith(beat)
        assert not stream.received.endswith(b"0\r\n\r\n")
    lab.pass_time(10)
    assert stream.body.endswith(beat)
    assert stream.received.endswith(b"0\r\n\r\n")
    # What is sent meanwhile is for the next stream, which has a lifetime of its own.
    lab.send(b'["x"]')
    following = lab.connect().request(method, path)
    assert b"x" not in stream.body[-100:]
    assert b'"x' in following.body or b'\\"x' in following.body
    lab.pass_time(20)
    assert not following.received.endswith(b"0\r\n\r\n")
    assert lab.log == ["open", "x"]
    lab.pass_time(10)
    assert following.received.endswith(b"0\r\n\r\n")
    lab.settle()


@pytest.mark.parametrize(("method", "path", "beat"), STREAMS)
def test_a_stream_lives_no_longer_than_that_however_rare_heartbeats_are(
    method: str, path: str, beat: bytes
) -> None:
    lab = Lab(heartbeat_delay=3600, response_lifetime=30)
    stream = lab.connect().request(method, path)
    socket = lab.upgrade()
    lab.pass_time(29)
    assert not stream.received.endswith(b"0\r\n\r\n")
    lab.pass_time(1)
    assert stream.received.endswith(b"0\r\n\r\n")
    assert b"h" not in socket.body.rpartition(b"o")[2]  # which is no response
    socket.vanish()
    lab.settle()


def test_a_client_that_left_behind_a_proxy_that_stays_is_missed() -> None:
    lab = Lab(heartbeat_delay=10, response_lifetime=60, disconnect_delay=5)
    lab.connect().request("POST", "/000/abc/xhr_streaming")
    lab.pass_time(60 + 5)
    lab.pass_time(1)
    assert lab.log == ["open", ("close", (1006, "Session timed out"))]
    lab.settle()


def test_a_stream_that_is_not_read_ends_when_it_is() -> None:
    lab = Lab(heartbeat_delay=10, response_lifetime=30)
    stream = lab.connect().request("POST", "/000/abc/xhr_streaming")
    stream.transport.slow = True
    lab.send(b'["x"]')
    lab.pass_time(100)
    stream.transport.drain()
    assert not stream.received.endswith(b"0\r\n\r\n")
    lab.pass_time(10)
    assert stream.received.endswith(b"0\r\n\r\n")
    assert lab.log == ["open", "x"]
    lab.settle()


class Flood(SockJSConnection):
    """Sends much more than anybody reads."""

    log: list[Any]

    def on_message(self, message: Any) -> None:
        for _ in range(100):
            self.send("x" * 10000)

    def on_close(self) -> None:
        self.log.append(self.close_reason)


def test_a_stream_that_is_not_read_is_dropped_at_the_limit() -> None:
    lab = Lab(Flood, send_limit=200000, response_limit=10**9)
    stream = lab.connect().request("POST", "/000/abc/xhr_streaming")
    stream.transport.slow = True
    lab.send(b'["go"]')
    assert stream.transport.aborted
    assert lab.log == [(1008, "Slow consumer")]
    assert lab.router.stats.dump()["slow_consumers"] == 1
    assert lab.xhr().body == b'c[1008,"Slow consumer"]\n'
    lab.settle()


def test_a_websocket_that_is_not_read_is_dropped_at_the_limit() -> None:
    lab = Lab(Flood, send_limit=200000)
    socket = lab.upgrade()
    socket.transport.slow = True
    socket.say(b'["go"]')
    assert socket.transport.aborted
    assert lab.log == [(1008, "Slow consumer")]
    assert len(socket.received) < 100000
    lab.settle()


def test_whoever_reads_gets_it_all_whatever_its_size() -> None:
    lab = Lab(Flood, send_limit=2000)
    socket = lab.upgrade()
    socket.say(b'["go"]')
    assert socket.received.count(b"x") >= 1000000
    socket.vanish()
    lab.settle()


def test_a_pipelined_poll_is_served_after_the_first() -> None:
    lab = Lab()
    poll = b"POST /000/abc/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    connection = lab.connect()
    connection.send(poll + poll)
    assert connection.received.count(b"HTTP/1.1 200") == 1
    lab.send(b'["x"]')
    assert connection.received.count(b"HTTP/1.1 200") == 2
    assert connection.received.endswith(b'a["x"]\n')
    assert b"2010" not in connection.received
    lab.settle()


# -- senders


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (b'["a"]', 204, b""),
        (b"[]", 204, b""),
        (b"", 500, b"Payload expected."),
        (b'["a', 500, b"Broken JSON encoding."),
        (b'"a"', 500, b"Payload expected."),
        (b'["a",1]', 500, b"Payload expected."),
        (b'["' + b"x" * 1000 + b'"]', 413, b"Request body is too large."),
    ],
)
def test_a_body_is_taken_whole_or_not_at_all(body: bytes, status: int, answer: bytes) -> None:
    lab = Lab(max_message_size=1000, max_body_size=1000)
    lab.xhr()
    sent = lab.send(body)
    assert (sent.status, sent.body) == (status, answer)
    assert lab.log == (["open", "a"] if body == b'["a"]' else ["open"])
    lab.settle()


def test_a_message_over_its_limit_is_refused_with_its_whole_body() -> None:
    lab = Lab(max_message_size=10)
    lab.xhr()
    assert lab.send(b'["a","' + b"x" * 11 + b'"]').status == 413
    assert lab.log == ["open"]
    lab.settle()


def test_a_body_over_its_limit_is_not_read_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    # A plain Site of twisted.web has it in a file, of any size.
    lab = Lab(max_message_size=1000, max_body_size=1000)
    lab.xhr()
    monkeypatch.setattr(
        "txsockjs.server.web.WebExchange.take_body", lambda self: pytest.fail("read")
    )
    for path in ("/000/abc/xhr_send", "/000/abc/jsonp_send"):
        assert lab.send(b"x" * 1001, path).status == 413
    lab.settle()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"d=%5B%22a%22%5D", 200),
        ("application/x-www-form-urlencoded; charset=UTF-8", b"d=%5B%22a%22%5D", 200),
        ("text/plain", b'["a"]', 200),
        ("T", b'["a"]', 200),
        ("application/x-www-form-urlencoded", b"d=", 500),
        ("application/x-www-form-urlencoded", b"x=1", 500),
        ("application/x-www-form-urlencoded", b"d=%ff", 500),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 100), 500),
    ],
)
def test_a_form_or_plain_json_comes_by_jsonp_send(kind: str, body: bytes, status: int) -> None:
    lab = Lab()
    lab.xhr()
    sent = lab.send(body, "/000/abc/jsonp_send", Content_Type=kind)
    assert sent.status == status
    assert lab.log == (["open", "a"] if status == 200 else ["open"])
    lab.settle()


def test_nobody_sends_to_a_session_that_is_unknown_or_closed() -> None:
    lab = Lab()
    assert lab.send(b'["x"]').status == 404
    lab.xhr()
    lab.send(b'["close"]')
    assert lab.send(b'["x"]').status == 404
    lab.clock.advance(0)
    assert lab.log == ["open", "close", ("close", (3001, "as told"))]
    lab.settle()
