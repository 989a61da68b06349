"""Receivers and senders in memory: slow peers, pings, closes, broken input."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from txsockjs import SockJSConnection
from txsockjs.transports import eventsource, htmlfile, jsonp, xhr
from txsockjs.wire.frames import close_reason, frame

from ...support.memory import Echo, Lab, chunks

# -- framing, by value


def test_an_event_escapes_its_own_syntax_and_nothing_else() -> None:
    assert eventsource.wrap(b'a["%41 \r\n\0 "]') == b'data: a["%2541 %0D%0A%00 "]\r\n\r\n'


def test_no_message_can_close_a_script() -> None:
    wrapped = htmlfile.wrap(b'a["</script><!--\\"\\\\"]')
    assert wrapped == (
        b'<script>\np("a[\\"\\u003c/script>\\u003c!--\\\\\\"\\\\\\\\\\"]");\n</script>\r\n'
    )


def test_a_jsonp_frame_is_a_call_with_a_comment_before_it() -> None:
    assert jsonp.framing("cb").wrap(b'a["x"]') == b'/**/cb("a[\\"x\\"]");\r\n'


def test_an_htmlfile_page_is_long_enough_to_be_rendered() -> None:
    prelude = htmlfile.framing("cb").prelude
    assert len(prelude) > 1024
    assert prelude.endswith(b" \r\n\r\n")
    assert b"var c = parent.cb;" in prelude


def test_an_xhr_frame_is_a_line() -> None:
    assert xhr.wrap(b"o") == b"o\n"


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_websocket_frame_has_the_shortest_length(size: int) -> None:
    made = frame(2, b"x" * size)
    if size < 126:
        assert made[:2] == bytes((0x82, size))
    elif size < 65536:
        assert made[:4] == b"\x82\x7e" + struct.pack("!H", size)
    else:
        assert made[:10] == b"\x82\x7f" + struct.pack("!Q", size)
    assert made.endswith(b"x" * size)


def test_a_close_reason_is_cut_between_two_characters() -> None:
    assert close_reason("é" * 100) == "é".encode() * 61
    assert close_reason("x" * 200) == b"x" * 123
    assert close_reason("bye") == b"bye"


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


def test_the_chunking_test_goes_at_its_pace_and_stops_when_nobody_listens() -> None:
    lab = Lab()
    full, cut = lab.connect(), lab.connect()
    for connection in (full, cut):
        connection.request("POST", "/chunking_test")
    assert full.body == b"h\n"
    lab.clock.advance(0)
    cut.vanish()
    for seconds in (0.005, 0.025, 0.125, 0.625, 3.125):
        lab.clock.advance(seconds)
    assert full.body == b"h\n" + b" " * 2048 + b"h\n" * 6
    assert full.received.endswith(b"0\r\n\r\n")
    assert lab.clock.getDelayedCalls() == []


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


# -- websockets


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


@pytest.mark.parametrize("path", ["/000/abc/websocket", "/websocket"])
def test_a_peer_that_answers_no_ping_is_dead(path: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade(path)
    lab.pass_time(10)
    assert socket.received.endswith(b"\x89\x00")
    lab.pass_time(4.5)
    assert socket.is_open
    lab.pass_time(1)
    assert socket.transport.aborted
    assert lab.log[-1][0] == "close"
    lab.settle()


@pytest.mark.parametrize("sign", ["pong", "message"])
def test_any_sign_of_life_will_do(sign: str) -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade()
    for _ in range(5):
        lab.pass_time(10)
        if sign == "pong":
            socket.say(b"", 10)
        else:
            socket.say(b'["x"]')
    assert socket.is_open
    assert socket.received.count(b"\x81\x01h\x89\x00") == 5
    socket.vanish()
    lab.settle()


def test_a_peer_that_pings_and_does_not_read_gets_one_pong() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(b"first", 9)
    assert socket.take().endswith(b"\x8a\x05first")
    socket.transport.slow = True
    for number in range(100):
        socket.say(b"%d" % number, 9)
    assert socket.take() == b"\x8a\x010"
    socket.transport.drain()
    assert socket.take() == b"\x8a\x0299"
    socket.vanish()
    lab.settle()


def test_raw_websockets_get_pings_and_no_heartbeats() -> None:
    lab = Lab(heartbeat_delay=10)
    socket = lab.upgrade("/websocket")
    socket.take()
    lab.pass_time(10)
    assert socket.take() == b"\x89\x00"
    socket.vanish()
    lab.settle()


def test_a_peer_that_still_receives_is_not_dead() -> None:
    lab = Lab(heartbeat_delay=10, ping_timeout=5)
    socket = lab.upgrade()
    socket.transport.slow = True
    lab.pass_time(10)
    assert socket.take().endswith(b"\x89\x00")
    lab.pass_time(120)
    assert socket.is_open
    socket.transport.drain()
    lab.pass_time(20)
    assert not socket.is_open
    lab.settle()


def test_a_peer_that_does_not_finish_the_close_is_dropped() -> None:
    lab = Lab(ping_timeout=5)
    socket = lab.upgrade()
    socket.say(b'["close"]')
    assert socket.received.endswith(b'c[3001,"as told"]\x88\x02\x03\xe8')
    lab.pass_time(4)
    assert socket.is_open
    lab.pass_time(2)
    assert socket.transport.aborted
    lab.settle()


def test_the_peers_close_is_answered_and_told() -> None:
    lab = Lab()
    socket = lab.upgrade("/websocket")
    socket.say(struct.pack("!H", 3009) + b"bye", 8)
    assert socket.received.endswith(b"\x88\x05" + struct.pack("!H", 3009) + b"bye")
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (3009, "bye"))]
    assert not socket.is_open
    lab.settle()


@pytest.mark.parametrize("payload", [b'["x"', b"[1]", b"{}", b"x"])
def test_broken_input_ends_a_websocket_at_once(payload: bytes) -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(payload)
    assert not socket.is_open
    lab.clock.advance(0)
    assert lab.log[0] == "open"
    assert lab.log[1][1][0] == 1007
    assert len(lab.log) == 2
    lab.settle()


def test_no_producer_keeps_a_connection_open_that_broken_input_ended() -> None:
    lab = Lab()
    socket = lab.upgrade()
    transport = socket.transport
    # TLS does not end before its producer is unregistered.
    transport.loseConnection = lambda: transport.producer or transport.abortConnection()  # type: ignore[method-assign]
    socket.say(b"x")
    assert not socket.is_open
    lab.settle()


def test_binary_is_for_raw_websockets() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(b'["x"]', 2)
    assert not socket.is_open
    raw = lab.upgrade("/websocket")
    raw.say(b"\xff\x00", 2)
    assert raw.received.endswith(b"\x82\x02\xff\x00")
    assert lab.log.count(b"\xff\x00") == 1
    raw.vanish()
    lab.settle()


def test_a_violation_of_the_websocket_protocol_ends_the_session_at_once() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.send(b"\x81\x05hello")  # not masked
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (1002, lab.log[1][1][1]))]
    lab.pass_time(30)
    assert not socket.is_open
    lab.settle()


def test_empty_fragments_come_to_an_end() -> None:
    lab = Lab(max_message_size=100, max_body_size=100)
    socket = lab.upgrade()
    socket.send(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 90 + b'\x80\x83\0\0\0\0"x"')
    assert socket.take().endswith(b'a["x"]')
    socket.send(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 100)
    lab.clock.advance(0)
    assert lab.log[2][1][0] == 1009
    lab.pass_time(30)
    assert not socket.is_open
    lab.settle()


def test_a_raw_close_has_a_code_that_may_be_sent() -> None:
    class Odd(Echo):
        def on_message(self, message: Any) -> None:
            self.close(int(message), "r")

    lab = Lab(Odd)
    for code, sent in ((1001, 1001), (1011, 1011), (4999, 4999), (2010, 1000)):
        socket = lab.upgrade("/websocket")
        socket.say(b"%d" % code)
        assert socket.received.endswith(b"\x88\x03" + struct.pack("!H", sent) + b"r")
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
