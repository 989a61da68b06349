"""The front of a site: against twisted.web alone on the same bytes, and its own rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.logger import capturedLogs

from txsockjs import SockJSConnection

from ...support.frames import frame
from ...support.sites import (
    GREETING,
    INFO,
    LIMIT,
    POLL,
    SEND,
    UPGRADE,
    Client,
    OwnRequest,
    SiteLab,
    Wire,
    cut,
    request,
)
from ...support.speed import examples

# -- against twisted.web alone

Step = tuple[int, bytes, float]


def outcome(fast: bool, steps: list[Step], **options: Any) -> list[Any]:
    """What two connections and the application saw, and how the connections are in the end."""
    lab = SiteLab(fast=fast, **options)
    clients = [lab.connect(), lab.connect()]
    paused = []
    for number, data, seconds in steps:
        clients[number].send(data)
        lab.clock.advance(seconds)
        paused.append([client.is_open for client in clients])
    seen = [
        (client.answers, client.is_open, client.transport.half_closed, client.transport.aborted)
        for client in clients
    ]
    result = [*seen, list(lab.log), paused]
    lab.settle()
    return [*result, list(lab.log)]


def compare(steps: list[Step], **options: Any) -> None:
    with capturedLogs() as fast_logs:
        fast = outcome(True, steps, **options)
    with capturedLogs() as web_logs:
        web = outcome(False, steps, **options)
    assert fast == web
    assert [event for event in fast_logs if "log_failure" in event] == []
    assert [event for event in web_logs if "log_failure" in event] == []


PATHS = st.one_of(
    st.sampled_from(
        [
            *("/chat/000/abc/xhr", "/chat/000/abc/xhr_send", "/chat/000/abc/xhr_streaming") * 4,
            *("/chat/000/abc/eventsource", "/chat/000/abc/htmlfile?c=cb", "/chat/0/abc/jsonp?c=c"),
            *("/chat/000/abc/jsonp_send", "/chat/000/abc/websocket", "/chat/websocket"),
            *("/chat/info", "/chat", "/chat/", "/chat/iframe.html", "/", "/nowhere"),
            *("/chat/0/other/xhr", "/chat/0/a.b/xhr", "/chat//abc/xhr", "/chat/%30/abc/xhr"),
            *("/chat/000/%61bc/xhr_send", "/chat/000/abc/xhr/", "/chat/000/abc/nothing"),
            *("/chat/./abc/xhr", "/chat/../chat/0/abc/xhr", "/x/chat/000/abc/xhr", "/000/abc/xhr"),
            *("//chat/000/abc/xhr", "/chat/000/abc/xhr?a=b", "/chat/000/abc/xhr#x", "*"),
            *("/chat/0/abc/jsonp?c=%63", "/chat/0/abc/jsonp", "/chat/0/abc/htmlfile?callback=x.y"),
            *("/chat/0/abc/jsonp?c=a(b)", "http://a/chat/000/abc/xhr", "/chat/000/abc/xhr?", "?"),
            *("HTTP://b:81/chat/0/abc/xhr_send?x", "ws://a/chat/info", f"/chat/0/{'a' * 129}/xhr"),
            *("/chat/0/abc/xhr;a=b", "/chat/0/a;b/xhr", "/chat/0/$!*'()+,;=:@&-_~/xhr_send"),
        ]
    ),
)
METHODS = st.sampled_from(["POST"] * 8 + ["GET"] * 4 + ["OPTIONS", "PUT", "get", "DELETE"])
VERSIONS = st.sampled_from(["HTTP/1.1"] * 16 + ["HTTP/1.0", "HTTP/2.0", "http/1.1", ""])
HEADERS = st.sampled_from(
    [
        *("Origin: http://b.example", "Origin: null", "Origin:", "Origin: a b", "Cookie: a=b"),
        *("Access-Control-Request-Headers: x-a, x-b", "Access-Control-Request-Headers:"),
        *("Connection: keep-alive", "Connection: close", "Connection: Upgrade", "Connection: x"),
        *("Connection: keep-alive, Upgrade", "Connection: upgrade,close", "Connection: X close"),
        *("Upgrade: websocket", "Upgrade: h2c", "Upgrade: WebSocket, x"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
        *("Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: AAAA"),
        *("Expect: 100-continue", "Expect: x", "Transfer-Encoding: identity", "Host: b"),
        *("X-Forwarded-For: 1.2.3.4", "Content-Type: text/plain"),
        *("Content-Type: application/x-www-form-urlencoded", "X: \té", "X: y", "x: z", " folded"),
        *("X y: z", "X", "X: a\0b", ":", "", "Referer: http://c.example/x", "Referer: x y"),
        *("Sec-Fetch-Site: cross-site", "Content-Length: 0", "Content-Length: 3"),
        *("Cookie: JSESSIONID=x1", "If-None-Match: x"),
    ]
)
BODIES = st.one_of(
    st.just(b""),
    st.sampled_from(
        [
            *(b'["hello"]', b'["a","b"]', b'["close"]', b"[]", b"[", b"x", b'"x"', b"[1]"),
            *(b'["\\ud800"]', b'["\xc3\xa9"]', b'["\xff"]', b"d=%5B%22f%22%5D", b"d=", b"\r\n\r\n"),
            b'["' + b"x" * (LIMIT - 4) + b'"]',
            b'["' + b"x" * (LIMIT - 3) + b'"]',
            b"GET /chat/info HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
    ),
)
LENGTHS = st.sampled_from(
    [None] * 12
    + ["+5", "5,5", "0x5", "99999999999", "", "²", "-1", "00", "0", "1", "007", "5 ", "1000000"]
)


@st.composite
def requests(draw: Any) -> bytes:
    """A request that may be wrong in any way."""
    method, path, version = draw(METHODS), draw(PATHS), draw(VERSIONS)
    lines = draw(st.lists(HEADERS, max_size=3))
    body = draw(BODIES) if method != "GET" or draw(st.integers(0, 9)) == 0 else b""
    if "/websocket" in path and draw(st.booleans()):
        method, body = "GET", b""
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    if draw(st.integers(0, 15)):
        lines.insert(draw(st.integers(0, len(lines))), "Host: a")
    length = draw(LENGTHS)
    kind = draw(st.integers(0, 20)) if body else -1
    if kind == 0:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    elif length is not None:
        lines.append(f"Content-Length: {length}")
    elif kind > 0:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {path} {version}".strip(), *lines, "", ""])
    if draw(st.integers(0, 30)) == 0:
        head = head.replace("\r\n", "\n")
    return head.encode("latin-1") + body


CLEAN = st.sampled_from(
    [POLL, SEND, request(path="/chat/0/abc/xhr_streaming"), request("OPTIONS"), INFO]
)


@st.composite
def conversations(draw: Any) -> list[Step]:
    """Requests on two connections, cut anywhere, with time between the pieces."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, 1))
        data = b"".join(draw(st.lists(st.one_of(CLEAN, requests()), min_size=1, max_size=3)))
        cuts = draw(st.lists(st.integers(0, 600), max_size=4))
        for piece in cut(data, cuts):
            steps.append((number, piece, draw(st.sampled_from([0, 0, 0, 0, 0.5, 3]))))
    return steps


@settings(max_examples=examples(80), deadline=None)
@given(conversations(), st.booleans())
@example([(0, POLL + POLL + SEND, 0), (1, SEND, 0)], False)
@example([(0, UPGRADE + frame(1, b'"hello"') + frame(8, b""), 0)], False)
@example([(0, request("GET", "/chat/000/abc/websocket"), 0), (0, POLL, 0)], False)
def test_the_front_and_twisted_web_alone_give_the_same_answers(
    steps: list[Step], cookie: bool
) -> None:
    compare(steps, jsessionid=cookie)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 300])
@pytest.mark.parametrize("cuts", [[], [30], [200], range(1, 400)])
def test_a_body_around_the_limit_is_answered_alike(size: int, cuts: list[int]) -> None:
    body = b'["' + b"x" * (size - 4) + b'"]'
    data = request("POST", "/chat/000/abc/xhr_send", body, "Origin: http://b.example") + SEND
    compare([(1, POLL, 0), *((0, piece, 0) for piece in cut(data, cuts))])


@pytest.mark.parametrize("count", [97, 98, 99, 100, 600])
@pytest.mark.parametrize("size", [1, 90, 200])
@pytest.mark.parametrize("cuts", [[], [30, 5000], range(1, 9000, 100)])
def test_a_head_around_its_limits_is_answered_alike(count: int, size: int, cuts: list[int]) -> None:
    lines = [f"x{number}: {'y' * size}" for number in range(count)]
    data = request("POST", "/chat/000/abc/xhr_send", b'["a"]', *lines) + SEND
    compare([(1, POLL, 0), *((0, piece, 0) for piece in cut(data, cuts))])


@pytest.mark.parametrize("size", [8100, 8200, 16200, 16300, 16400, 40000])
@pytest.mark.parametrize("start", ["", "/chat/000/", "/chat/000/abc/xhr?", "http://a/chat/"])
def test_a_target_around_its_limits_is_answered_alike(size: int, start: str) -> None:
    data = request("POST", start + "x" * size) + SEND
    compare([(0, piece, 0) for piece in cut(data, [10, 9000, 17000])])


TALK = POLL + SEND + request("OPTIONS") + POLL + INFO + POLL + UPGRADE + frame(1, b'"hello"')


@pytest.mark.parametrize("at", range(0, len(TALK), 7))
def test_it_does_not_matter_where_a_conversation_is_cut(at: int) -> None:
    compare([(0, TALK[:at], 0), (0, TALK[at:], 0), (1, SEND, 0)])


def test_it_does_not_matter_if_every_byte_comes_alone() -> None:
    compare([*((0, TALK[i : i + 1], 0) for i in range(len(TALK))), (1, SEND, 0)])


def test_an_answer_to_head_has_no_body() -> None:
    answers = []
    for fast in (True, False):
        lab = SiteLab(fast=fast)
        client = lab.connect()
        client.send(request("HEAD") + request("HEAD", "/chat/info"))
        answers.append(client.answers[0])
        lab.settle()
    assert answers[0] == answers[1]
    assert answers[0].code == 405


# -- what goes the fast way, and what does not


@pytest.mark.parametrize(
    "data",
    [
        *(POLL, SEND, request("OPTIONS"), request("GET", "/chat/0/abc/jsonp?c=cb")),
        *(request(path="/chat/0/a/xhr_streaming"), request("GET", "/chat/0/a/eventsource")),
    ],
)
def test_a_session_needs_no_twisted_web(data: bytes) -> None:
    lab = SiteLab()
    client = lab.connect()
    client.send(data)
    assert client.is_fast
    assert client.received.startswith(b"HTTP/1.1 ")
    lab.settle()


@pytest.mark.parametrize("data", [INFO, request("GET", "/"), b"\0", b"P", POLL[:-1]])
def test_the_rest_does(data: bytes) -> None:
    lab = SiteLab()
    client = lab.connect()
    client.send(POLL)
    assert client.is_fast
    client.send(data)
    assert not client.is_fast
    assert client.transport.protocol._channel in lab.site._open
    assert len(lab.site._open) == 1
    lab.settle()


def test_a_log_or_a_request_factory_needs_twisted_web_for_all(tmp_path: Any) -> None:
    for options in ({"logPath": str(tmp_path / "log")}, {"requestFactory": OwnRequest}):
        lab = SiteLab(options=options)
        lab.site.doStart()
        client = lab.connect()
        client.send(POLL)
        assert not client.is_fast
        assert client.answers[0].body == [b"o\n"]
        lab.site.doStop()
        lab.settle()
    assert (tmp_path / "log").read_text().count("POST /chat/000/abc/xhr") == 1


def test_nested_prefixes_go_where_the_resources_say() -> None:
    prefixes = ("/a", "/a/b", "/a/b/c/d", "/ab", "/x")
    paths = [
        *("/a/0/s/xhr", "/a/b/0/s/xhr", "/a/b/c/xhr", "/a/b/c/d/xhr", "/a/b/c/d/0/s/xhr"),
        *("/ab/0/s/xhr", "/a/b/c/d/e/f/g/xhr", "/a/b/xhr", "/x/0/s/xhr", "/x/a/b/c/xhr"),
    ]
    seen = []
    for fast in (True, False):
        lab = SiteLab(*prefixes, fast=fast)
        for path in paths:
            client = lab.connect()
            client.send(request(path=path))
            where = [sorted(session.session_id for session in r.sessions) for r in lab.routers]
            seen.append((fast, client.answers, where))
        lab.settle()
    assert [entry[1:] for entry in seen if entry[0]] == [e[1:] for e in seen if not e[0]]


def test_a_router_at_the_root_is_served_fast_if_it_is_alone() -> None:
    for prefixes, fast in ((("",), True), (("", "/chat"), False)):
        lab = SiteLab(*prefixes)
        client = lab.connect()
        client.send(request(path="/000/abc/xhr"))
        assert client.is_fast == fast
        assert client.answers[0].body == [b"o\n"]
        lab.settle()


def test_http_2_is_left_to_twisted_web() -> None:
    lab = SiteLab()
    wire = Wire(lab.clock, "192.0.2.1")
    wire.negotiatedProtocol = b"h2"
    given: list[bytes] = []

    class Web:
        def makeConnection(self, transport: Any) -> None:
            pass

        def dataReceived(self, data: bytes) -> None:
            given.append(data)

        def connectionLost(self, reason: Any) -> None:
            given.append(b"lost")

    lab.site.web_protocol = lambda address: Web()  # type: ignore[method-assign]
    for data in (POLL, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        client = Client(lab.site, lab.clock, wire)
        client.send(data)
        client.send(b"more")
        assert given == [data, b"more"]
        given.clear()
    client.vanish()
    lab.settle()


# -- several requests on a connection


def test_hundreds_of_requests_take_one_connection() -> None:
    lab = SiteLab()
    client = lab.connect()
    client.send(POLL)
    for _ in range(300):
        client.send(SEND)
        client.send(POLL)
    assert [answer.code for answer in client.answers] == [200] + [204, 200] * 300
    assert client.is_fast
    client.send(INFO)
    assert client.answers[-1].code == 200
    client.send(POLL + SEND)
    assert lab.log == ["open"] + ["hello"] * 300
    lab.settle()


def test_requests_behind_a_waiting_poll_wait_and_keep_their_order() -> None:
    lab = SiteLab()
    client, other = lab.connect(), lab.connect()
    client.send(POLL + POLL + SEND)
    client.send(INFO[:10])
    assert len(client.answers) == 1
    other.send(SEND)
    assert len(client.answers) == 2  # its end serves nothing in the caller's stack
    client.send(INFO[10:])
    lab.clock.advance(0)
    assert [answer.code for answer in client.answers] == [200, 200, 204, 200]
    assert lab.log == ["open", "hello", "hello"]
    lab.settle()


def test_much_that_comes_behind_a_waiting_poll_stops_the_reading() -> None:
    lab = SiteLab()
    client, other = lab.connect(), lab.connect()
    client.send(POLL + POLL)
    count = 0
    while client.transport.is_read:
        client.send(SEND * 100)
        count += 100
    assert 64 * 1024 < count * len(SEND) < 66 * 1024 + 100 * len(SEND)
    other.send(SEND)
    lab.clock.advance(0)
    assert client.transport.is_read
    assert [answer.code for answer in client.answers] == [200, 200] + [204] * count
    assert lab.log == ["open"] + ["hello"] * (count + 1)
    lab.settle()


def test_what_comes_as_soon_as_it_is_read_again_keeps_its_place() -> None:
    lab = SiteLab()
    client, other = lab.connect(), lab.connect()
    more = [SEND[:20], SEND[20:] + POLL + INFO]
    client.transport.resumed = lambda: client.send(more.pop(0)) if more else None
    client.send(POLL + POLL + POLL + SEND)
    client.send(SEND * 1000)
    assert not client.transport.is_read
    other.send(SEND)
    assert [answer.code for answer in client.answers] == [200, 200]
    other.send(SEND)
    lab.clock.advance(0)
    codes = [answer.code for answer in client.answers]
    assert codes[:3] == [200] * 3
    assert set(codes[3:1004]) == {204}
    lab.settle()


# -- turns


@pytest.fixture(params=[True, False], ids=["fast", "web"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether the front serves it, or twisted.web."""
    return bool(request.param)


FLOODS = {"sends": SEND, "infos": INFO, "preflights": request("OPTIONS"), "greetings": GREETING}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=list(FLOODS))
def test_a_read_full_of_requests_is_served_in_turns(flood: bytes, fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client = lab.connect()
    client.send(POLL)
    client.send(flood * 300)
    turns = []
    while len(client.answers) < 301:
        turns.append(len(client.answers))
        assert not client.transport.is_read
        lab.turn()
    assert turns == [65, 129, 193, 257]
    assert client.transport.is_read
    assert {answer.code for answer in client.answers[1:]} == {204 if flood[0:1] != b"G" else 200}
    lab.settle()


def test_between_two_turns_of_one_connection_comes_everybody_else(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    floods = [lab.connect() for _ in range(3)]
    floods[0].send(POLL)
    for client in floods:
        client.send(SEND * 200)
    for _ in range(3):
        before = len(lab.log)
        bystander = lab.connect()
        bystander.send(INFO)
        assert [answer.code for answer in bystander.answers] == [200]
        lab.turn()
        assert 0 < len(lab.log) - before <= 3 * 64
    lab.turn()
    assert lab.log == ["open"] + ["hello"] * 600
    lab.settle()


def test_what_comes_between_two_turns_keeps_its_place(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client = lab.connect()
    client.send(POLL)
    client.send(SEND * 100 + POLL[:20])
    client.send(POLL[20:] + request("OPTIONS"))  # as TLS may bring it, though it is not read
    client.send(INFO)
    lab.clock.advance(0)
    assert [a.code for a in client.answers] == [200, *[204] * 100, 200, 204, 200]
    assert lab.log == ["open"] + ["hello"] * 100
    lab.settle()


def test_a_full_read_that_ends_in_an_upgrade_is_served_to_its_last_frame(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client = lab.connect()
    client.send(POLL + SEND * 200 + UPGRADE + frame(1, b'"hello"'))
    assert not client.transport.is_read
    lab.clock.advance(0)
    assert client.transport.is_read
    client.send(frame(1, b'"hello"'))
    assert client.answers[-1].body == [b"\x81\x01o" + b'\x81\x0aa["hello"]' * 2]
    lab.settle()


def test_the_end_of_an_answer_serves_nothing_in_the_stack_of_who_ended_it(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client, other = lab.connect(), lab.connect()
    client.send(POLL + POLL + SEND + INFO)
    other.send(SEND)
    assert [answer.code for answer in client.answers] == [200, 200]
    assert lab.log == ["open", "hello"]
    assert not client.transport.is_read
    lab.turn()
    assert [answer.code for answer in client.answers] == [200, 200, 204, 200]
    assert lab.log == ["open", "hello", "hello"]
    assert client.transport.is_read
    lab.settle()


def test_a_poll_that_waits_in_the_middle_of_a_flood_is_read_to_hear_its_end(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client, other = lab.connect(), lab.connect()
    client.send(POLL + SEND * 100 + POLL + POLL + SEND * 100)
    lab.clock.advance(0)
    assert client.transport.is_read
    other.send(SEND)
    lab.clock.advance(0)
    assert lab.log == ["open"] + ["hello"] * 201
    assert client.transport.is_read
    lab.settle()


@pytest.mark.parametrize("slow", [False, True])
def test_a_connection_that_is_lost_between_two_turns_leaves_nothing(slow: bool, fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client = lab.connect()
    client.transport.slow = slow
    client.send(POLL + SEND * 200 + INFO * 200)
    client.vanish()
    lab.clock.advance(0)
    lab.settle()


def test_an_answer_that_closes_in_a_later_turn_ends_the_connection(fast: bool) -> None:
    lab = SiteLab(fast=fast)
    client = lab.connect()
    client.send(POLL + SEND * 100 + request("GET", "/chat/000/abc/websocket") + SEND * 100)
    lab.clock.advance(0)
    assert [answer.code for answer in client.answers] == [200, *[204] * 100, 400]
    assert not client.is_open
    assert lab.log == ["open"] + ["hello"] * 100
    lab.settle()


def test_an_answer_that_closes_ends_the_connection_and_what_is_behind_it() -> None:
    lab = SiteLab()
    client = lab.connect()
    client.send(POLL + request("GET", "/chat/000/abc/websocket") + SEND + INFO)
    assert [answer.code for answer in client.answers] == [200, 400]
    assert client.answers[1].header("connection") == "close"
    assert not client.is_open
    assert client.transport.producer is None  # or TLS would not end
    assert lab.log == ["open"]
    lab.settle()


def test_an_aborted_connection_serves_nothing_more() -> None:
    lab = SiteLab(send_limit=10_000)
    client, other = lab.connect(), lab.connect()
    client.send(POLL)
    client.transport.slow = True
    client.send(request(path="/chat/000/abc/xhr_streaming"))
    client.send(SEND)
    other.send(request("POST", "/chat/000/abc/xhr_send", b'["' + b"x" * 4000 + b'"]') * 30)
    assert client.transport.aborted
    client.transport.drain()
    lab.pass_time(1)
    assert "hello" not in lab.log
    lab.settle()


# -- frames behind an upgrade


@pytest.mark.parametrize("at", range(len(UPGRADE) - 3, len(UPGRADE) + 14))
def test_frames_in_the_packet_of_the_upgrade_are_read(at: int) -> None:
    data = UPGRADE + frame(1, b'"hello"') + frame(9, b"x")
    lab = SiteLab()
    client = lab.connect()
    client.send(data[:at])
    client.send(data[at:])
    assert client.answers[0].body == [b'\x81\x01o\x81\x0aa["hello"]\x8a\x01x']
    lab.settle()


def test_frames_that_an_application_does_not_wait_for_are_lost_with_the_socket() -> None:
    class Refusing(SockJSConnection):
        log: list[Any]

        def on_open(self, info: Any) -> None:
            self.close(3000, "no")

        def on_message(self, message: Any) -> None:
            self.log.append(message)

    lab = SiteLab(base=Refusing)
    client = lab.connect()
    client.send(UPGRADE + frame(1, b'"hello"'))
    assert lab.log == []
    assert client.answers[0].body == [b'\x81\x01o\x81\x0cc[3000,"no"]\x88\x02\x03\xe8']
    lab.settle()


# -- time


def idle(lab: SiteLab, client: Client, seconds: float = 40) -> float:
    """Wait until a connection ends, and return how long that took."""
    start = lab.clock.seconds()
    while client.is_open and lab.clock.seconds() < start + seconds:
        lab.clock.advance(0.25)
    return lab.clock.seconds() - start


BEGINNINGS = {
    "fresh": b"",
    "served": POLL,
    "half a body": SEND[:-3],
    "no body": SEND[:-9],
    "half a head": SEND[:20],
    "behind a poll": POLL + SEND[:-3],
    "left to twisted.web": INFO,
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=list(BEGINNINGS))
def test_a_connection_without_a_whole_request_ends(beginning: bytes) -> None:
    lab = SiteLab(time_out=8)
    client = lab.connect()
    lab.clock.advance(3)
    if beginning:
        client.send(beginning)
    assert 5 <= idle(lab, client) <= 11
    lab.settle()


def test_a_body_that_comes_slowly_is_waited_for_while_it_comes() -> None:
    lab = SiteLab(time_out=8, disconnect_delay=60)
    client = lab.connect()
    client.send(POLL)
    client.send(SEND[:-9])
    for byte in b'["hello"]':
        lab.pass_time(6)
        client.send(bytes((byte,)))
    assert client.is_fast
    assert [answer.code for answer in client.answers] == [200, 204]
    lab.settle()


def test_a_waiting_poll_and_a_stream_may_take_any_time() -> None:
    lab = SiteLab(time_out=8)
    for data in (POLL + POLL, request(path="/chat/0/b/xhr_streaming"), UPGRADE):
        client = lab.connect()
        client.send(data)
        assert idle(lab, client, 20) == 20
        client.vanish()
    lab.settle()


def test_an_idle_time_begins_with_the_end_of_an_answer() -> None:
    lab = SiteLab(time_out=8)
    client, other = lab.connect(), lab.connect()
    client.send(POLL + POLL)
    lab.clock.advance(20)
    other = lab.connect()
    other.send(SEND)
    assert len(client.answers) == 2
    assert 8 <= idle(lab, client) <= 11
    lab.settle()


def test_without_a_time_out_a_connection_may_be_idle_for_ever() -> None:
    lab = SiteLab(time_out=None)
    client = lab.connect()
    client.send(POLL)
    assert idle(lab, client, 1000) == 1000
    lab.settle()


def test_a_connection_that_does_not_end_is_dropped() -> None:
    class Stuck(Wire):
        def loseConnection(self) -> None:
            pass

    lab = SiteLab(time_out=8)
    for data in (b"", POLL, POLL + request("GET", "/chat/000/abc/websocket")):
        wire = Stuck(lab.clock, "192.0.2.1")
        client = Client(lab.site, lab.clock, wire)
        if data:
            client.send(data)
        assert 8 <= idle(lab, client) <= 21
        assert wire.aborted
        client.send(POLL)
    lab.settle()


# -- requests that do not come, and answers that are not taken

CHUNKED = request("POST", "/chat/000/abc/xhr_send", b"", "Transfer-Encoding: chunked")
TRICKLES = {
    "a head": (b"", POLL[:-2] + b"X: " + b"x" * 1000),
    "a body": (request("POST", "/chat/000/abc/xhr_send", b"x" * 400)[:-400], b"x" * 400),
    "a chunk": (CHUNKED + b"fff\r\n", b"x" * 1000),
    "the length of a chunk": (CHUNKED, b"0" * 1000),
    "extensions of a chunk": (CHUNKED + b"1", b";x=" + b"x" * 1000),
    "chunks": (CHUNKED, b"1\r\nx\r\n" * 200),
    "trailers": (CHUNKED + b"0\r\n", b"X: " + b"x" * 1000),
    "a head behind an answer": (POLL + POLL[:9], POLL[9:-2] + b"X: " + b"x" * 1000),
    "an upgrade": (b"", UPGRADE[:-2] + b"X: " + b"x" * 1000),
}


@pytest.mark.parametrize(("beginning", "rest"), TRICKLES.values(), ids=list(TRICKLES))
def test_a_request_that_comes_a_byte_a_second_ends(
    beginning: bytes, rest: bytes, fast: bool
) -> None:
    lab = SiteLab(fast=fast, time_out=8, disconnect_delay=40)
    lab.site.request_timeout = 20
    client = lab.connect()
    if b"xhr_send" in beginning:
        lab.connect().send(POLL)
    if beginning:
        client.send(beginning)
    seconds = 0
    while client.is_open and seconds < 60:
        client.send(rest[seconds : seconds + 1])
        lab.clock.advance(1)
        seconds += 1
    assert 20 <= seconds <= 24
    assert (lab.site.ended["request"], lab.site.ended["answer"]) == (1, 0)
    lab.settle()


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_body_that_comes_slowly_but_goes_on_has_the_time_it_needs(
    coding: str, fast: bool
) -> None:
    lab = SiteLab(fast=fast, time_out=8, limit=50_000, disconnect_delay=40)
    lab.site.request_timeout = 10
    lab.connect().send(POLL)
    client = lab.connect()
    body = b'["' + b"x" * 40_000 + b'"]'
    data = request("POST", "/chat/000/abc/xhr_send", body)
    if coding == "chunked":
        data = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for piece in cut(data, range(0, len(data), 1100)):
        client.send(piece)
        lab.clock.advance(1)
    assert [answer.code for answer in client.answers] == [204]
    assert lab.clock.seconds() > 36
    lab.settle()


def test_the_time_in_which_the_server_waits_is_nobodys(fast: bool) -> None:
    lab = SiteLab(fast=fast, time_out=8, heartbeat_delay=1000, ping_timeout=1000)
    lab.site.request_timeout = 8
    for data in (POLL + POLL + SEND[:9], request(path="/chat/0/b/xhr_streaming"), UPGRADE):
        client = lab.connect()
        client.send(data)
        assert idle(lab, client, 100) == 100
        client.vanish()
    assert lab.site.ended == {"idle": 0, "request": 0, "answer": 0}
    lab.settle()


@pytest.mark.parametrize("data", [SEND, SEND * 200, INFO, INFO * 200])
def test_an_answer_that_nobody_takes_ends(data: bytes, fast: bool) -> None:
    lab = SiteLab(fast=fast, time_out=30)
    lab.site.request_timeout = 20
    lab.connect().send(POLL)
    client = lab.connect()
    client.transport.slow = True
    client.send(data)
    assert 20 <= idle(lab, client, 100) <= 26
    assert client.transport.aborted
    assert (lab.site.ended["request"], lab.site.ended["answer"]) == (0, 1)
    lab.settle()


def test_an_answer_that_is_taken_slowly_has_the_time_it_needs(fast: bool) -> None:
    lab = SiteLab(fast=fast, time_out=10)
    lab.site.request_timeout = 10
    client = lab.connect()
    wire: Any = client.transport
    wire.dataBuffer, wire.offset, wire._tempDataLen = b"x" * 50_000, 0, 10_000
    wire.slow = True
    client.send(POLL)
    while wire.offset < 40_000:
        wire.offset += 550
        lab.clock.advance(0.5)
        assert client.is_open
    assert lab.clock.seconds() > 35
    assert 10 < idle(lab, client, 100) < 60
    assert lab.site.ended["answer"] == 1
    lab.settle()


@pytest.mark.parametrize("beginning", [b"", POLL, POLL[:9], SEND[:-3]])
def test_a_connection_on_which_nothing_happens_is_counted(beginning: bytes, fast: bool) -> None:
    lab = SiteLab(fast=fast, time_out=8)
    client = lab.connect()
    if beginning:
        client.send(beginning)
    assert 8 <= idle(lab, client, 100) <= 11
    assert lab.site.ended == {"idle": 1, "request": 0, "answer": 0}
    lab.settle()


# -- peers that vanish, and peers that read slowly

PHASES = {
    "fresh": b"",
    "half a head": POLL[:9],
    "half a body": SEND[:-1],
    "a poll": POLL,
    "a waiting poll": POLL + POLL,
    "requests behind a waiting poll": POLL + POLL + SEND * 3,
    "much behind a waiting poll": POLL + POLL + SEND * 1000,
    "a stream": request(path="/chat/0/b/xhr_streaming"),
    "an eventsource": request("GET", "/chat/0/b/eventsource"),
    "a jsonp": request("GET", "/chat/0/b/jsonp?c=c"),
    "a websocket": UPGRADE,
    "half a frame": UPGRADE + b"\x81",
    "a fragment": UPGRADE + b"\x01\x80\0\0\0\0",
    "an answer that closes": request("GET", "/chat/0/b/websocket"),
    "twisted.web": INFO,
    "twisted.web, half a body": request("POST", "/chat/000/abc/xhr_send", SEND, "Expect: x")[:-9],
    "a body over the limit": request("POST", "/chat/0/b/xhr", b"x" * (LIMIT + 1)),
}


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("error", [None, ConnectionLost()])
@pytest.mark.parametrize("data", PHASES.values(), ids=list(PHASES))
def test_nothing_is_left_of_a_peer_that_vanishes(
    data: bytes, error: Exception | None, slow: bool
) -> None:
    lab = SiteLab(time_out=8)
    client = lab.connect()
    client.transport.slow = slow
    with capturedLogs() as logged:
        if data:
            client.send(data)
        client.vanish(error)
        lab.clock.advance(1)
        assert lab.site._open == set()
        if slow:
            client.transport.drain()
        lab.settle()
    assert [event for event in logged if "log_failure" in event] == []


# -- a program that does anything at any time


class Meddling(SockJSConnection):
    """Does what a message names, while the request that brought it is served."""

    log: list[Any]
    lab: Any
    do: Any

    def on_message(self, message: str) -> None:
        self.log.append(message)
        type(self).do(message)


MEDDLINGS = ["close", "abort", "lose", "router", "vanish", "send", "poll"]


@pytest.mark.parametrize("name", MEDDLINGS)
@pytest.mark.parametrize(
    "data",
    [
        POLL + request("POST", "/chat/000/abc/xhr_send", b'["x"]') + POLL + SEND,
        UPGRADE + frame(1, b'"x"') + frame(1, b'"y"') + b"\x01\x80\0\0\0\0",
    ],
    ids=["requests", "frames"],
)
def test_a_program_may_end_anything_while_a_request_is_served(name: str, data: bytes) -> None:
    lab = SiteLab(base=Meddling, time_out=8)
    client = lab.connect()

    def do(message: str) -> None:
        (session,) = lab.router.sessions
        {
            "close": session.connection.close,
            "abort": client.transport.abortConnection,
            "lose": client.transport.loseConnection,
            "router": lab.router.close,
            "vanish": client.vanish,
            "send": lambda: session.connection.send("z"),
            "poll": lambda: client.send(INFO),
        }[name]()

    Meddling.do = do
    with capturedLogs() as logged:
        client.send(data)
        lab.clock.advance(0)
        for answer in client.answers:
            assert answer.code in (200, 204, 101, 503, 404)
        lab.settle()
    assert [event for event in logged if "log_failure" in event] == []


# -- transports that call one protocol for ever


class Wrapped:
    """A transport that knows nothing of who is called, as some wrappers do."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def __getattr__(self, name: str) -> Any:
        if name == "protocol":
            raise AttributeError(name)
        return getattr(self.wire, name)


@pytest.mark.parametrize("data", [UPGRADE, UPGRADE + b"\x89\x80\0\0\0\0", INFO + POLL + POLL])
def test_whoever_has_the_connection_hears_of_its_end_from_the_front(data: bytes) -> None:
    lab = SiteLab()
    wire = Wire(lab.clock, "192.0.2.1")
    wire.protocol = front = lab.site.buildProtocol(None)
    front.makeConnection(Wrapped(wire))
    front.dataReceived(data)
    assert lab.log == ["open"]
    wire.end(ConnectionLost())
    lab.clock.advance(0)
    assert [event[0] for event in lab.log[1:]] == ["close"]
    lab.settle()


def test_an_upgrade_and_a_close_that_waited_behind_a_poll_have_a_turn_of_their_own() -> None:
    close = frame(8, b"\x03\xe8")
    steps = [(0, POLL, 0.0), (0, POLL + UPGRADE + frame(1, b'["x"]') + close, 0.0), (1, SEND, 0.0)]
    compare(steps)
    client = outcome(True, steps)[0]
    assert client[0][-1].body == [b'\x81\x01o\x81\x06a["x"]\x88\x02\x03\xe8']


# -- what a program answers


def raising(info: Any) -> str:
    raise ValueError("no cookie")


COOKIES = {
    "of a header": lambda info: info.get_header("Cookie") or info.get_header("X-NONE"),
    "of all headers": lambda info: "; ".join(sorted(info.headers)),
    "of the path": lambda info: f"{info.path} {info.arguments} {info.transport}",
    "of the peer": lambda info: f"{info.ip} {info.port} {info.is_secure} {info.server_address}",
    "of a cookie": lambda info: info.get_cookie("x"),
    "none": lambda info: None,
    "two lines": lambda info: "a=b\r\nX-Evil: 1\n\rSet-Cookie: c=d\r\r\n\r\n",
    "odd lines": lambda info: "a=b\x0bX\x0cY\x1cZ\x85W\u2028V\0",
    "raises": raising,
}


@pytest.mark.parametrize("cookie", COOKIES.values(), ids=list(COOKIES))
@pytest.mark.parametrize(
    "path",
    ["POST xhr", "POST xhr_streaming", "POST xhr_send", "GET eventsource", "GET websocket"],
)
def test_a_cookie_of_the_program_is_set_alike(cookie: Any, path: str) -> None:
    method, _, name = path.partition(" ")
    lines = UPGRADE.decode().split("\r\n")[2:-2] if name == "websocket" else ["COOKIE: x=y"]
    data = request(method, f"/chat/000/abc/{name}?a=b", b"", *lines)
    results = []
    for fast in (True, False):
        lab = SiteLab(fast=fast, jsessionid=cookie)
        client = lab.connect()
        with capturedLogs() as logged:
            client.send(data)
            client.send(data)
        assert b"\nX-Evil" not in client.received
        assert b"\nSet-Cookie: c=d" not in client.received
        failures = [event["log_failure"].type for event in logged if "log_failure" in event]
        results.append((client.answers, client.is_open, failures, list(lab.log)))
        lab.settle()
    assert results[0] == results[1]


HEADERS_ECHOED = ["Origin", "Access-Control-Request-Headers"]


@pytest.mark.parametrize("name", HEADERS_ECHOED)
@pytest.mark.parametrize("end", ["\r", "\n", "\0", "\x0b", "\x85", "\r\n ", "\r\n\t", "%0d%0a"])
def test_no_echoed_header_begins_another(name: str, end: str) -> None:
    for data in (POLL, request("OPTIONS"), request(path="/chat/000/b/xhr_streaming")):
        head = data.replace(b"\r\n\r\n", f"\r\n{name}: a{end}X-Evil: 1\r\n\r\n".encode("latin-1"))
        compare([(0, head, 0)])
        lab = SiteLab()
        client = lab.connect()
        client.send(head)
        assert all(answer.header("x-evil") is None for answer in client.answers)
        lab.settle()


# -- the answer to an upgrade (RFC 6455 section 4.2.2)


@pytest.mark.parametrize("fast", [True, False])
def test_an_upgrade_is_answered_by_these_lines_and_no_others(fast: bool) -> None:
    lab = SiteLab(fast=fast, jsessionid=True)
    client = lab.connect()
    key = "dGhlIHNhbXBsZSBub25jZQ=="  # that of the RFC
    offers = ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Extensions: permessage-deflate"]
    lines = ["Cookie: JSESSIONID=a\x01b", "Origin: http://b.example", *offers]
    head = UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", key.encode())
    client.send(head[:-2] + "\r\n".join([*lines, "", ""]).encode())
    assert client.received.partition(b"\r\n\r\n")[0].split(b"\r\n") == [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        b"Set-Cookie: JSESSIONID=dummy; path=/",
    ]
    lab.settle()


@pytest.mark.parametrize(
    "key",
    [
        *("", "A", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA==="),
        *("AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAA AAAAAAAAAAAA=="),
        *(
            "AAAAAAAAAAAAAAAAAAAAAA==x",
            "AAAAAAAAAAAAAAAAAAAA-_==",
            "é",
            '"AAAAAAAAAAAAAAAAAAAAAA=="',
        ),
    ],
)
def test_a_key_that_is_none_is_refused(key: str) -> None:
    data = UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", key.encode())
    compare([(0, data, 0)])
    lab = SiteLab()
    client = lab.connect()
    client.send(data)
    assert [answer.code for answer in client.answers] == [400]
    lab.settle()


def test_a_frame_after_the_end_is_nobodys() -> None:
    for beginning in (b"", b"\x01\x80\0\0\0\0", frame(1, b'"close"'), frame(8, b"")):
        for data in (
            frame(1, b'"hello"'),
            b"\x01\x80\0\0\0\0",
            b"\xff\xff\xff\xff\xff\xff",
            b"\x81",
        ):
            lab = SiteLab()
            client = lab.connect()
            client.send(UPGRADE + beginning)
            receiver = client.transport.protocol
            client.vanish()
            lab.clock.advance(0)
            before = list(lab.log), client.received
            receiver.dataReceived(data)
            lab.clock.advance(0)
            assert (lab.log, client.received) == before
            lab.settle()
