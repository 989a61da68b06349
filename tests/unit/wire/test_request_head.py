"""What is read of a request's head and what is left, by value; and against a plain parser."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from txsockjs.wire.request_head import Request, read_request

from ...support.speed import examples

HOST = "Host: a"


def head(*lines: str, first: str = "POST /chat/000/abc/xhr HTTP/1.1") -> bytes:
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


def read(data: bytes) -> Request:
    request = read_request(data)
    assert request is not None
    return request


# -- what is read


def test_all_parts_of_a_request_are_read() -> None:
    data = head(HOST, "X-One:  two \t", "Content-Length: 3", first="POST /a/b/s/i/xhr?c=d HTTP/1.1")
    assert read(data + b"abcdef") == Request(
        b"POST",
        "/a/b/s/i/xhr",
        "/a/b",
        "i",
        "xhr",
        b"c=d",
        {"host": "a", "x-one": "two", "content-length": "3"},
        data,
        len(data),
        len(data) + 3,
    )


@pytest.mark.parametrize(
    ("path", "prefix", "session_id", "name"),
    [
        ("/s/i/xhr", "", "i", "xhr"),
        ("/a/s/i/xhr", "/a", "i", "xhr"),
        ("/a/b/c/d/s/i/jsonp_send", "/a/b/c/d", "i", "jsonp_send"),
        ("/v1.0/s/i/websocket", "/v1.0", "i", "websocket"),
        ("/xhr/xhr/xhr/xhr", "/xhr", "xhr", "xhr"),
        ("/a/s/$(i)/xhr", "/a", "$(i)", "xhr"),
        ("/..a/.b./s/i/xhr", "/..a/.b.", "i", "xhr"),
    ],
)
def test_a_path_has_a_prefix_a_server_a_session_and_a_name(
    path: str, prefix: str, session_id: str, name: str
) -> None:
    request = read(head(HOST, first=f"GET {path} HTTP/1.1"))
    assert request[1:5] == (path, prefix, session_id, name)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_the_methods_of_the_protocol_are_read(method: str) -> None:
    assert read(head(HOST, first=f"{method} /a/s/i/xhr HTTP/1.1")).method == method.encode()


@pytest.mark.parametrize("query", ["", "a", "c=%41", "?", "//", "a=b&c=d", "{|}\"<>\\^`'", "#"])
def test_a_query_of_visible_characters_is_read_as_it_is(query: str) -> None:
    assert read(head(HOST, first=f"GET /a/s/i/xhr?{query} HTTP/1.1")).query == query.encode()


@pytest.mark.parametrize("line", ["X:", "X: ", "X:\t", "X:a:b", "X: a  b", "X:   \x7e!"])
def test_a_value_of_visible_characters_is_read_without_the_spaces_around_it(line: str) -> None:
    assert read(head(HOST, line)).headers["x"] == line[2:].strip()


@pytest.mark.parametrize("length", ["0", "1", "007", "999999999"])
def test_the_end_of_a_body_is_known_before_it_comes(length: str) -> None:
    request = read(head(HOST, f"Content-Length: {length}"))
    assert request.end - request.start == int(length)


def test_a_request_without_a_length_has_no_body() -> None:
    data = head(HOST)
    assert read(data + b"next").start == read(data + b"next").end == len(data)


@pytest.mark.parametrize(
    "lines",
    [
        ["Connection: keep-alive"],
        ["Connection: Keep-Alive"],
        ["Connection: Upgrade", "Upgrade: websocket"],
        ["Connection: keep-alive, Upgrade", "Upgrade: websocket"],
        ["Connection: Upgrade", "Upgrade: h2c"],
        ["Connection: Upgrade"],
    ],
)
def test_connections_that_stay_are_read(lines: list[str]) -> None:
    read(head(HOST, *lines, first="GET /a/s/i/websocket HTTP/1.1"))


# -- what is left


@pytest.mark.parametrize(
    "first",
    [
        "HEAD /a/s/i/xhr HTTP/1.1",
        "PUT /a/s/i/xhr HTTP/1.1",
        "post /a/s/i/xhr HTTP/1.1",
        "POST /a/s/i/xhr HTTP/1.0",
        "POST /a/s/i/xhr HTTP/2.0",
        "POST /a/s/i/xhr http/1.1",
        "POST /a/s/i/xhr",
        "POST  /a/s/i/xhr HTTP/1.1",
        "POST /a/s/i/xhr  HTTP/1.1",
        "POST\t/a/s/i/xhr HTTP/1.1",
        "POST /a/s/i/xhr HTTP/1.1 ",
        " POST /a/s/i/xhr HTTP/1.1",
        "POST http://a/a/s/i/xhr HTTP/1.1",
        "POST *  HTTP/1.1",
        "POST a/s/i/xhr HTTP/1.1",
        "POST /i/xhr HTTP/1.1",
        "POST /xhr HTTP/1.1",
        "POST /a/s/i/xhr/ HTTP/1.1",
        "POST /a/s/i/Xhr HTTP/1.1",
        "POST /a/s/i/xhr2 HTTP/1.1",
        "POST /a/s/i/xhr.html HTTP/1.1",
        "POST /a/s/i/ HTTP/1.1",
        "POST //s/i/xhr HTTP/1.1",
        "POST /a//i/xhr HTTP/1.1",
        "POST /a/s//xhr HTTP/1.1",
        "POST //a/s/i/xhr HTTP/1.1",
        "POST /a/s.1/i/xhr HTTP/1.1",
        "POST /a/s/i.1/xhr HTTP/1.1",
        "POST /a/../i/xhr HTTP/1.1",
        "POST /a/s/./xhr HTTP/1.1",
        "POST /a/s/%69/xhr HTTP/1.1",
        "POST /%61/s/i/xhr HTTP/1.1",
        "POST /a/s/i/xh%72 HTTP/1.1",
        "POST /a/s/i/xhr#x HTTP/1.1",
        "POST /a/s/i\\/xhr HTTP/1.1",
        'POST /a/s/"/xhr HTTP/1.1',
        "POST /a/s/é/xhr HTTP/1.1",
        "POST /a/s/i\0/xhr HTTP/1.1",
        "POST /a/s/i/xhr?a b HTTP/1.1",
        "POST /a/s/i/xhr?a\x7f HTTP/1.1",
        "POST /a/s/i/xhr?\0 HTTP/1.1",
        "POST /a/s/i/xhr?é HTTP/1.1",
        "POST /a/s/i/xhr?a\rb HTTP/1.1",
        "POST /a/s/i/xhr?a\nb HTTP/1.1",
    ],
)
def test_an_odd_request_line_is_left(first: str) -> None:
    assert read_request(head(HOST, first=first)) is None


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["X: y"],
        [HOST, HOST],
        [HOST, "host: b"],
        [HOST, "X: y", "x: y"],
        [HOST, "Content-Length: 1", "Content-Length: 1"],
        [HOST, " folded"],
        [HOST, "X: y", "\tfolded"],
        [HOST, "X : y"],
        [HOST, " X: y"],
        [HOST, "X"],
        [HOST, ": y"],
        [HOST, "X\0: y"],
        [HOST, "X: \0"],
        [HOST, "X: \x7f"],
        [HOST, "X: \x0b"],
        [HOST, "X: é"],
        [HOST, "É: y"],
        [HOST, "X: a\rb"],
        [HOST, "X: a\nY: b"],
        [HOST, "X: a\r"],
        [HOST, "\nX: a"],
        [HOST + "\n"],
        [HOST, "X(y): a"],
        [HOST, "Transfer-Encoding: chunked"],
        [HOST, "Transfer-Encoding: identity"],
        [HOST, "Transfer-Encoding:"],
        [HOST, "Content-Length: 3", "Transfer-Encoding: chunked"],
        [HOST, "Expect: 100-continue"],
        [HOST, "Expect:"],
        [HOST, "Upgrade: websocket"],
        [HOST, "Upgrade: websocket", "Connection: keep-alive"],
        [HOST, "Connection: close"],
        [HOST, "Connection: Close"],
        [HOST, "Connection: keep-alive, close"],
        [HOST, "Connection: Upgrade, close", "Upgrade: websocket"],
        [HOST, "Connection: Upgrade close", "Upgrade: websocket"],
        [HOST, "Connection: X-Mine"],
        [HOST, "Connection:"],
        *(
            [HOST, f"Content-Length: {length}"]
            for length in (
                *("", "+5", "-5", "-0", "5,5", "5, 5", "5 5", "0x5", "5.0", "1e3", "1_000", "²"),
                *("five", "9999999999", "99999999999999999999", "0000000005"),
            )
        ),
    ],
)
def test_odd_headers_are_left(lines: list[str]) -> None:
    assert read_request(head(*lines)) is None


def test_a_get_with_a_body_is_left() -> None:
    first = "GET /a/s/i/xhr HTTP/1.1"
    assert read_request(head(HOST, "Content-Length: 1", first=first)) is None
    assert read_request(head(HOST, "Content-Length: 00", first=first)) is None
    read(head(HOST, "Content-Length: 0", first=first))


@pytest.mark.parametrize("ends", ["\n", "\r", "\n\r"])
def test_other_ends_of_lines_are_left(ends: str) -> None:
    assert read_request(head(HOST).replace(b"\r\n", ends.encode())) is None
    assert read_request(head(HOST).replace(b"\r\n", ends.encode(), 1)) is None


def test_an_empty_line_before_a_request_is_left() -> None:
    assert read_request(b"\r\n" + head(HOST)) is None
    assert read_request(b"\r\n\r\n" + head(HOST)) is None


def test_a_head_that_is_not_all_there_is_left() -> None:
    data = head(HOST, "X: y")
    for end in range(len(data)):
        assert read_request(data[:end]) is None
    read(data)


def test_a_long_head_is_left() -> None:
    room = 8192 - len(head(HOST, "X: "))
    read(head(HOST, "X: " + "y" * room))
    assert read_request(head(HOST, "X: " + "y" * (room + 1))) is None
    assert read_request(head(HOST, "X: " + "y" * 1_000_000)) is None


def test_more_headers_than_a_request_may_have_are_left() -> None:
    lines = [f"x{i}:" for i in range(99)]
    read(head(HOST, *lines))
    assert read_request(head(HOST, *lines, "y:")) is None


def test_an_id_that_is_too_long_is_left() -> None:
    assert read(head(HOST, first=f"POST /chat/000/{'a' * 128}/xhr HTTP/1.1")).session_id
    assert read_request(head(HOST, first=f"POST /chat/000/{'a' * 129}/xhr HTTP/1.1")) is None


def test_what_follows_a_head_is_not_looked_at() -> None:
    data = head(HOST)
    assert read(data + b"\0\xff\r\n\r\n" * 5000) == read(data)


@pytest.mark.parametrize("evil", ["a" * 8000, "/a" * 4000, "/" * 8000, "/a/b/c/xhr" * 800])
def test_a_hostile_path_takes_no_time(evil: str) -> None:
    for _ in range(50):
        assert read_request(head(HOST, first=f"GET /{evil}! HTTP/1.1")) is None


# -- against a plain parser


def parse(data: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]] | None:
    """The plainest reading of a request's head: no rules at all."""
    top, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = top.split(b"\r\n")
    method, _, target = first.partition(b" ")
    pairs = [line.partition(b":") for line in lines]
    return (
        method,
        target.rpartition(b" ")[0],
        {name.lower(): value.strip(b" \t") for name, _, value in pairs},
    )


TOKENS = st.sampled_from(
    [
        *("GET ", "POST ", "OPTIONS ", "/a", "/000/abc/xhr", "/s/i/", "websocket", "?", "c=d"),
        *(" HTTP/1.1", " HTTP/1.0", "\r\n", "\r\n", "\r\n", "\n", "\r", "Host: a", "Host: b"),
        *("Content-Length: 5", "Content-Length: 0", "Connection: close", "X: y", "x:", " ", "\t"),
        *(":", "\0", "é", "%41", ".", "/", "Upgrade: websocket", "Connection: Upgrade"),
    ]
)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(TOKENS, max_size=12), st.booleans(), st.binary(max_size=9))
def test_what_is_read_is_what_a_plain_parser_reads(
    tokens: list[str], good_start: bool, rest: bytes
) -> None:
    start = "POST /a/000/abc/xhr HTTP/1.1\r\nHost: a" if good_start else ""
    data = (start + "".join(tokens) + "\r\n\r\n").encode("latin-1") + rest
    request = read_request(data)
    if request is None:
        return
    plain = parse(data)
    assert plain is not None
    method, target, headers = plain
    assert request.method == method
    path, _, query = target.partition(b"?")
    assert (request.path.encode(), request.query) == (path, query)
    assert path == f"{request.prefix}/{path.split(b'/')[-3].decode()}".encode() + (
        f"/{request.session_id}/{request.name}".encode()
    )
    assert request.headers == {k.decode(): v.decode() for k, v in headers.items()}
    assert request.start == data.index(b"\r\n\r\n") + 4
    assert request.end == request.start + int(headers.get(b"content-length", b"0"))


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60), st.integers(0, 3))
def test_random_bytes_in_a_request_never_raise(noise: bytes, at: int, cut: int) -> None:
    data = head(HOST, "Content-Length: 5", "X: y")
    read_request(noise)
    read_request(data[:at] + noise + data[at + cut :])


def test_no_line_is_tried_in_many_ways() -> None:
    def bark(*_: object) -> None:
        raise AssertionError("hundred heads take a thousand times what they should")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(20)
    try:
        for size in range(7800, 7900):
            for line in ("X:" + " " * size + "\xe9", "X:" + "\t" * size + "\x7f", "X" * size):
                assert read_request(head(HOST, line)) is None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
