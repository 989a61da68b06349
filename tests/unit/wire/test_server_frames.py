"""Frames and bodies as a client reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire.proto import disconnect, messages_frame
from txsockjs.wire.server_frames import BadFrame, Events, Lines, read_frame


@given(st.lists(st.text(), min_size=1))
def test_what_a_server_writes_is_read(messages: list[str]) -> None:
    frame = read_frame(messages_frame(messages))
    assert (frame.kind, frame.messages) == ("a", messages)


@given(st.integers(1000, 4999), st.text())
def test_a_close_frame_has_a_code_and_a_reason(code: int, reason: str) -> None:
    frame = read_frame(disconnect(code, reason))
    assert (frame.kind, frame.reason) == ("c", (code, reason))


@pytest.mark.parametrize(
    ("data", "kind", "messages"),
    [
        (b"o", "o", []),
        (b"h", "h", []),
        (b"h" * 2048, "", []),
        ("a[]", "a", []),
        ('m"one"', "a", ["one"]),
        ('a["one",{"two":[2]},3]', "a", ["one", '{"two":[2]}', "3"]),
        ('a["\\ud800"]', "a", ["\ud800"]),
    ],
)
def test_each_kind(data: Any, kind: str, messages: list[str]) -> None:
    assert read_frame(data)[:2] == (kind, messages)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a SockJS frame: ''"),
        (b"<html>", "not a SockJS frame: '<html>'"),
        (b'a["one"', "a frame whose JSON is broken"),
        (b"a{}", "a frame without an array of messages"),
        (b"a\xff", "a frame that is not UTF-8"),
        (b"c[3000]", "a close frame without a code and a reason"),
        (b"c", "a frame whose JSON is broken"),
        (b'c["3000","x"]', "a close frame without a code and a reason"),
        (b'c[true,"x"]', "a close frame without a code and a reason"),
        (b"a[" + b"[" * 1010 + b"]" * 1010 + b"]", "a frame whose JSON is broken"),
    ],
)
def test_what_is_no_frame_is_said(data: bytes, words: str) -> None:
    with pytest.raises(BadFrame) as raised:
        read_frame(data)
    assert words in str(raised.value)


@st.composite
def cut(draw: Any, body: bytes) -> list[bytes]:
    """Pieces of a body."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)))))
    return [body[i:j] for i, j in zip([0, *cuts], [*cuts, len(body)])]


@given(st.data())
def test_lines_come_in_any_pieces(data: Any) -> None:
    pieces = data.draw(cut(b'hhhh\no\na["one"]\n\nh\na["cut'))
    lines = Lines(100)
    frames = [frame for piece in pieces for frame in lines.feed(piece)]
    assert frames == [b"hhhh", b"o", b'a["one"]', b"h"]


@given(st.data())
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_events_come_in_any_pieces(end: bytes, data: Any) -> None:
    body = b"\r\n: a comment\r\ndata: o\r\n\r\nid: 3\r\ndata:h\r\n\r\n"
    body += b'data: a["100%25 %0a %0D %00 %41"]\r\n\r\ndata: x\r\ndata: y\r\n\r\ndata: cut\r\n'
    events = Events(100)
    pieces = data.draw(cut(body.replace(b"\r\n", end)))
    frames = [frame for piece in pieces for frame in events.feed(piece)]
    assert frames == [b"o", b"h", b'a["100% \n \r \0 %41"]', b"x\ny"]


@pytest.mark.parametrize(
    ("splitter", "pieces"),
    [
        (Lines(10), [b"x" * 11]),
        (Lines(10), [b"x" * 6, b"x" * 5]),
        (Lines(10), [b"x" * 6, b"x" * 5 + b"\n"]),
        (Events(10), [b"data: xxx\n", b"data: xxxxxxxx\n"]),
        (Events(10), [b"data:\n" * 11, b"data:\n"]),
    ],
)
def test_a_frame_has_a_largest_size(splitter: Any, pieces: list[bytes]) -> None:
    *first, last = pieces
    for piece in first:
        splitter.feed(piece)
    with pytest.raises(BadFrame, match="a frame of more than 10 bytes"):
        splitter.feed(last)


def test_the_limit_is_one_frame_s() -> None:
    assert Lines(10).feed(b"123456789\n" * 10) == [b"123456789"] * 10
