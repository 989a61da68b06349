"""What HTTP allows in a request, and what it does not: alike on every way to a router."""

from __future__ import annotations

import gc
import re
import sys
from typing import Any

import pytest
from klein import Klein
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site

from txsockjs import ConnectionInfo, SockJSRouter
from txsockjs.http.exchange import REASONS
from txsockjs.server import web
from txsockjs.site import SockJSSite

from ...support.frames import frame
from ...support.memory import Echo
from ...support.sites import INFO, UPGRADE, Answer, Client, cut, read_answers, request
from ...support.tracing import tracing

LIMIT = 5000


class Way:
    """A router at ``/chat`` on a site of one kind, and the connections to it."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.name = name
        self.clock = Clock()
        self.log: list[Any] = []
        connection = type("Echo", (Echo,), {"log": self.log})
        self.router = SockJSRouter(connection, "/chat", reactor=self.clock, **settings)
        resource: IResource = self.router.resource()
        if name == "klein":
            resource = self.router.apply_routes(Klein()).resource()
        self.site: Any = Site(resource, reactor=self.clock)
        if name in ("web", "front"):
            routers = [self.router] if name == "front" else []
            self.site = SockJSSite(resource, routers, LIMIT, reactor=self.clock)
        self.clients: list[Client] = []

    def connect(self) -> Client:
        client = Client(self.site, self.clock)
        self.clients.append(client)
        return client

    def ask(self, data: bytes) -> bytes:
        """Send bytes on a new connection, and return what it answered."""
        client = self.connect()
        client.send(data)
        return client.received

    def answer(self, data: bytes) -> Answer:
        return read_answers(self.ask(data))[0]

    def settle(self) -> None:
        for client in self.clients:
            client.vanish()
        self.router.close()
        for _ in range(60):
            self.clock.advance(1)
        assert self.clock.getDelayedCalls() == []


WAYS = ["plain", "klein", "web", "front"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    way = Way(request.param)
    yield way
    way.settle()


# -- HEAD

READ = ["/chat", "/chat/", "/chat/info", "/chat/iframe.html", "/chat/iframe-1.html?t=1"]


def head_of(data: bytes) -> list[bytes]:
    """The lines before the body, less what differs from one second, or number, to the next."""
    head, _, _ = data.partition(b"\r\n\r\n")
    head = re.sub(rb"\r\n(Date|Expires): [^\r]*", b"", head)
    return sorted(head.split(b"\r\n"))


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_the_body(way: Way, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 5)  # or info's length would differ
    got = way.ask(request("GET", path))
    head = way.ask(request("HEAD", path))
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head_of(head) == head_of(got)
    body = got.partition(b"\r\n\r\n")[2]
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1


def test_head_of_a_page_that_is_known_is_304(way: Way) -> None:
    etag = way.answer(request("GET", "/chat/iframe.html")).header("etag")
    known = f"If-None-Match: {etag}"
    got = way.ask(request("GET", "/chat/iframe.html", b"", known))
    head = way.ask(request("HEAD", "/chat/iframe.html", b"", known))
    assert head.startswith(b"HTTP/1.1 304 ")
    assert head_of(head) == head_of(got)


def test_a_request_behind_head_is_answered(way: Way) -> None:
    data = way.ask(request("HEAD", "/chat") + request("GET", "/chat"))
    first, second = re.findall(rb"HTTP/1\.1 (\d+)", data)
    assert (first, second) == (b"200", b"200")
    assert data.count(b"Welcome") == 1


@pytest.mark.parametrize("name", ["xhr", "xhr_send", "eventsource", "jsonp", "websocket"])
def test_head_of_a_session_is_405_and_opens_none(way: Way, name: str) -> None:
    answer = way.answer(request("HEAD", f"/chat/000/abc/{name}"))
    assert answer.code == 405
    assert "HEAD" not in (answer.header("allow") or "HEAD")
    assert len(way.router.sessions) == 0


def test_allow_names_head_and_what_scripts_may_do_does_not(way: Way) -> None:
    for path, allowed in (("/chat", "GET, HEAD"), ("/chat/info", "GET, HEAD, OPTIONS")):
        assert way.answer(request("PUT", path)).header("allow") == allowed
    options = way.answer(request("OPTIONS", "/chat/info"))
    assert options.header("access-control-allow-methods") == "OPTIONS, GET"


def test_head_passes_the_gate_as_get_does() -> None:
    for name in WAYS:
        way = Way(name, allowed_origins=["http://a.example"])
        for origin, status in (("http://a.example", 200), ("http://b.example", 403)):
            data = request("HEAD", "/chat/info", b"", f"Origin: {origin}")
            assert way.ask(data).startswith(b"HTTP/1.1 %d " % status)
        way.settle()


# -- targets in absolute form

ABSOLUTE = ["plain", "web", "front"]  # a Klein application gets what is there, and finds no route


@pytest.fixture(params=ABSOLUTE)
def absolute(request: pytest.FixtureRequest) -> Any:
    way = Way(request.param)
    yield way
    way.settle()


@pytest.mark.parametrize(
    "start", ["http://a", "HTTPS://a.example:8443", "ws://[::1]:80", "wss://a"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/chat"), ("HEAD", "/chat/"), ("GET", "/chat/info"), ("OPTIONS", "/chat/info")),
        *(("GET", "/chat/iframe.html?a=//b"), ("POST", "/chat/0/s/xhr"), ("GET", "/chat/0/s/xhr")),
        *(("GET", "/chat/0/s/jsonp?c=x"), ("GET", "/chat/0/%73/eventsource"), ("GET", "/nowhere")),
        *(("POST", "/chat//s/xhr"), ("GET", ""), ("GET", "?a"), ("GET", "/chat/websocket")),
    ],
)
def test_a_target_in_absolute_form_is_its_path(
    absolute: Way, start: str, method: str, path: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 5)
    other = Way(absolute.name)
    expected = other.ask(request(method, path if path.startswith("/") else "/" + path))
    got = absolute.ask(request(method, start + path))
    assert (head_of(got), got.partition(b"\r\n\r\n")[2]) == (
        head_of(expected),
        expected.partition(b"\r\n\r\n")[2],
    )
    other.settle()


def test_a_websocket_is_opened_by_a_target_in_absolute_form(absolute: Way) -> None:
    for path in ("/chat/000/abc/websocket", "/chat/websocket"):
        client = absolute.connect()
        client.send(
            UPGRADE.replace(b"/chat/000/abc/websocket", b"http://b.example" + path.encode())
        )
        assert client.received.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        client.send(frame(1, b'"hello"'))
    assert absolute.log == ["open", "hello", "open", '"hello"']


def test_the_host_of_the_target_counts_and_the_header_does_not(absolute: Way) -> None:
    data = request("POST", "http://b.example:81/chat/000/abc/xhr?x=y")
    assert absolute.answer(data).body == [b"o\n"]
    session: Any = absolute.router.get_session("abc")
    assert session.info.get_header("host") == "b.example:81"
    assert session.info.path == "/chat/000/abc/xhr"
    assert session.info.get_argument("x") == "y"


@pytest.mark.parametrize(
    "target",
    ["ftp://a/chat", "http:///chat", "http:/chat", "http://u@a/chat", "http://a#/chat"],
)
def test_no_other_target_is_taken_for_one(absolute: Way, target: str) -> None:
    assert absolute.answer(request("GET", target)).code == 404


# -- limits of a head


def with_headers(count: int, path: str = "/chat/000/abc/xhr", method: str = "POST") -> bytes:
    """A request with so many headers; it has a Host, and perhaps a length, by itself."""
    return request(method, path, b"", *(f"x-{number}: y" for number in range(count - 1)))


@pytest.mark.parametrize("path", ["/chat/000/abc/xhr", "/chat/%30/abc/xhr"])
def test_a_request_may_have_a_hundred_headers(way: Way, path: str) -> None:
    assert way.answer(with_headers(100, path)).body == [b"o\n"]
    for count in (101, 450):
        assert way.answer(with_headers(count, path)).status == (
            "HTTP/1.1 431 Request Header Fields Too Large"
        )
    assert len(way.router.sessions) == 1


def test_lines_that_go_on_count_and_requests_are_counted_one_by_one() -> None:
    for name in ("web", "front"):
        way = Way(name)
        client = way.connect()
        for _ in range(3):
            client.send(with_headers(90, "/chat/info", "GET"))
        assert [answer.code for answer in client.answers] == [200, 200, 200]
        folded = request("GET", "/chat/info", b"", "a: b", *[" c"] * 99)
        assert way.answer(folded).code == 431
        way.settle()


LONG = "x" * 20000


@pytest.mark.parametrize("name", ["web", "front"])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("GET", f"/chat/{LONG}"), 414),
        (request("POST", f"/chat/000/{LONG}/xhr"), 414),
        (request("POST", f"/chat/000/abc/xhr?{LONG}"), 414),
        (f"GET /{LONG}".encode(), 414),
        (LONG.encode(), 414),
        (request("POST", "/chat/000/abc/xhr", b"", f"X: {LONG}"), 431),
        (request("GET", "/chat/info", b"", f"Cookie: {LONG}"), 431),
        (f"POST /chat/000/abc/xhr HTTP/1.1\r\nX: {LONG}".encode(), 431),
        (request("GET", "/", b"", *[f"X: {LONG[:1000]}"] * 20), 431),
        (request("GET", "/" + LONG[:16000], b"", *[f"X: {LONG[:100]}"] * 20), 431),
    ],
)
@pytest.mark.parametrize("size", [1000, 100000])
def test_what_is_too_long_is_told_so_and_not_cut_off(
    name: str, data: bytes, status: int, size: int
) -> None:
    way = Way(name)
    client = way.connect()
    for piece in cut(data, range(0, len(data), size)):
        client.send(piece)
    (answer,) = client.answers
    assert answer.code == status
    assert answer.header("connection") == "close"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.complete
    # It can be read: the connection is not ended while there is something unread.
    assert client.transport.half_closed
    assert client.is_open
    client.send(b"x" * 1000 + INFO)
    assert len(client.answers) == 1
    way.settle()


@pytest.mark.parametrize("name", ["web", "front"])
def test_what_comes_after_a_refusal_has_an_end(name: str) -> None:
    way = Way(name)
    silent, endless = way.connect(), way.connect()
    for client in (silent, endless):
        client.send(f"GET /{LONG}".encode())
    while endless.is_open:
        endless.send(b"x" * 65536)
        assert len(endless.received) < 1000
    assert endless.transport.aborted
    assert silent.is_open
    for _ in range(90):
        way.clock.advance(1)
    assert not silent.is_open
    way.settle()


def test_a_head_that_is_just_short_enough_is_read() -> None:
    for name in ("web", "front"):
        way = Way(name)
        room = 16384 - len(request("GET", "/chat/info", b"", "X: "))
        for size, status in ((room, 200), (room + 1, 431)):
            data = request("GET", "/chat/info", b"", f"X: {'x' * size}")
            assert way.answer(data).code == status
        way.settle()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *(("x" * 128, 200), ("x" * 129, 404), ("%78" * 128, 200), ("%78" * 129, 404)),
        *(("x" * 100 + "%78" * 28, 200), ("x" * 100 + "%78" * 29, 404)),
        *(("%C3%A9" * 64, 200), ("%C3%A9" * 65, 404), ("x" * 7900, 404)),
    ],
)
def test_the_id_of_a_session_has_a_longest_size(way: Way, name: str, status: int) -> None:
    assert way.answer(request("POST", f"/chat/000/{name}/xhr")).code == status
    assert len(way.router.sessions) == (status == 200)


def test_the_server_segment_may_be_longer_as_nobody_keeps_it(way: Way) -> None:
    assert way.answer(request("POST", f"/chat/{'x' * 500}/abc/xhr")).code == 200


# -- status lines


def test_426_is_called_by_its_name(way: Way) -> None:
    old = UPGRADE.replace(b"Version: 13", b"Version: 8")
    assert way.ask(old).startswith(b"HTTP/1.1 426 Upgrade Required\r\n")


def test_each_way_has_the_same_words_for_a_status() -> None:
    for status in (101, 200, 204, 304, 400, 403, 404, 405, 413, 414, 426, 431, 500, 503):
        assert REASONS[status] not in (b"", b"Unknown Status")


# -- what comes back

CONTROL = [chr(code) for code in (*range(1, 10), 11, 12, *range(14, 32), *range(127, 160))]


def odd_requests(control: str) -> list[bytes]:
    """Requests with a control character wherever something of them might come back."""
    escaped = "".join(f"%{byte:02x}" for byte in control.encode())
    odd = f"a{control}b"
    ask = f"Access-Control-Request-Headers: {odd}"
    cookie = f"Cookie: JSESSIONID={odd}"
    pages = ("/chat", "/chat/info", "/chat/iframe.html", "/chat/0/s/xhr", "/nowhere")
    return [
        *(request("GET", page, b"", f"Origin: http://{odd}") for page in pages),
        *(request("OPTIONS", page, b"", ask) for page in pages),
        request("POST", "/chat/0/s/xhr", b"", f"Origin: {odd}", cookie),
        request("POST", "/chat/0/t/xhr", b"", f"Cookie: x={odd}"),
        request("POST", f"/chat/0/{escaped}/xhr_send", b"x", f"Origin: {odd}"),
        request("POST", f"/chat/0/{escaped}/xhr", b"", f"Referer: http://{odd}/"),
        request("POST", "/chat/0/u/xhr_send", b"x" * (LIMIT + 1), f"Origin: {odd}"),
        request("GET", f"/chat/0/s/jsonp?c=a{escaped}"),
        request("GET", f"/chat/0/s/htmlfile?c=a{escaped}"),
        request("GET", "/chat/iframe.html", b"", f"Referer: http://{odd}.example/"),
        request("GET", "/chat/iframe.html", b"", f"If-None-Match: {odd}"),
        request("GET", f"/chat/{odd}"),
        request(f"G{control}T", "/chat"),
        request("GET", f"http://{odd}/chat"),
        request("GET", "/chat").replace(b"HTTP/1.1", f"HTTP/{odd}".encode("latin-1")),
        UPGRADE.replace(
            b"Host", f"Origin: {odd}\r\nCookie: JSESSIONID={odd}\r\nHost".encode("latin-1")
        ),
        UPGRADE.replace(b"Key: AA", f"Key: {odd}".encode("latin-1")),
    ]


@pytest.mark.parametrize("allowed", ["*", lambda origin: True], ids=["all", "function"])
@pytest.mark.parametrize("cookie", [True, lambda info: f"a={info.get_header('cookie')}"])
def test_no_control_character_of_a_request_comes_back(way: Way, allowed: Any, cookie: Any) -> None:
    other = Way(way.name, allowed_origins=allowed, jsessionid=cookie)
    with capturedLogs() as logs:
        for control in CONTROL:
            for data in odd_requests(control):
                client = other.connect()
                client.send(data)
                head, _, body = client.received.partition(b"\r\n\r\n")
                assert not re.search(rb"[\0-\x09\x0b\x0c\x0e-\x1f\x7f-\xff]", head), data
                if not head.startswith(b"HTTP/1.1 101 "):
                    assert control not in body.decode("latin-1"), data
                client.vanish()
    for event in logs:
        assert formatEvent(event).replace("\n", "").isprintable()
    other.settle()


# -- what is kept


def weight(thing: Any) -> int:
    """The bytes of a snapshot and all in it, shared or not."""
    parts: list[Any] = []
    if isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list):
        parts = thing
    elif isinstance(thing, ConnectionInfo):
        parts = [getattr(thing, name) for name in ConnectionInfo.__slots__]
    return sys.getsizeof(thing) + sum(map(weight, parts))


def fat_requests(path: str) -> list[bytes]:
    """Requests that bring as much as one may, each of another kind."""
    end = " HTTP/1.1\r\nHost: a\r\n\r\n"
    room = 16384 - 300 - len(path)
    cookies = "; ".join(f"{number:x}=" for number in range(5000))[: room // 2]
    arguments = "&".join(f"{number:x}=" for number in range(5000))
    headers = [f"{number:0120}: x" for number in range(97)]
    return [
        f"POST {path}?{arguments[:room]}{end}".encode(),
        f"POST {path}?{'&' * room}{end}".encode(),
        f"POST {path}?{arguments[: room // 2]}{end[:-2]}Cookie: {cookies}\r\n\r\n".encode(),
        request("POST", path, b"", *headers),
        request("POST", path, b"", *headers[:97], "Cookie: " + cookies[:3000]),
    ]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="sizes are CPython's")
@pytest.mark.parametrize("kind", range(5))
def test_what_a_session_keeps_of_its_request_is_bounded(way: Way, kind: int) -> None:
    other = Way(way.name, allowed_origins=lambda origin: True)
    data = fat_requests("/chat/000/abc/xhr_streaming")[kind]
    data = data.replace(b"Host: a", b"Host: a\r\nReferer: http://a")
    assert other.ask(data).startswith(b"HTTP/1.1 200 ")
    info = other.router.get_session("abc").info  # type: ignore[union-attr]
    assert info is not None
    assert weight(info) < 32 * 1024
    assert len(info.arguments) <= 100
    assert len(info.cookies) <= 100
    assert weight(info) < 64 * 1024
    other.settle()


def test_a_stream_with_many_arguments_keeps_its_query_string_and_no_more(way: Way) -> None:
    query = "&".join(f"name{number}={number}" for number in range(950))[:8000]
    data = request("POST", f"/chat/000/abc/xhr_streaming?{query}")
    way.ask(request("POST", "/chat/000/warm/xhr_streaming"))
    gc.collect()
    with tracing() as kept:
        assert way.ask(data).startswith(b"HTTP/1.1 200 ")
        gc.collect()
        assert kept() < 40 * 1024  # the request, its session, the answer
    info: Any = way.router.get_session("abc").info  # type: ignore[union-attr]
    assert weight(info) < len(query) + 4096
    assert info.get_argument("name99") == "99"
    assert info.get_argument("name100") is None


def test_header_names_are_not_remembered_without_bound() -> None:
    for number in range(1000):
        web._lower(b"X-%d" % number)
    assert web._lower.cache_info().currsize <= 256
    assert web._lower(b"User-Agent") is web._lower(b"User-Agent")


@pytest.mark.parametrize("name", ["web", "front"])
@pytest.mark.parametrize("code", [*range(1, 9), 9, 11, 12, *range(14, 32), *range(127, 256)])
def test_a_request_line_of_other_bytes_is_no_request(name: str, code: int) -> None:
    way = Way(name)
    for line in (b"GET /%c HTTP/1.1", b"G%cT /chat HTTP/1.1", b"GET /chat HTTP/1.1%c"):
        assert way.answer(line % code + b"\r\nHost: a\r\n\r\n").code == 400
    way.settle()


def test_the_path_that_a_warning_names_is_quoted() -> None:
    class Wildcard(Resource):
        def getChild(self, path: bytes, request: Any) -> Resource:
            return self.inner if path == b"chat" else self

    clock = Clock()
    router = SockJSRouter(Echo, "/chat", reactor=clock)
    tree: Any = Wildcard()
    tree.inner = router.resource()
    client = Client(Site(tree, reactor=clock), clock)
    with capturedLogs() as logs:
        client.send(request("GET", "/a%0a%ff/chat/info"))
    assert client.answers[0].code == 404
    (line,) = [formatEvent(event) for event in logs]
    assert "/a%0A%FF/chat/chat" in line
    client.vanish()
