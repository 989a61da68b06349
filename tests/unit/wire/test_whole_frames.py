"""The fast lane: by value, and against Autobahn alone on the same bytes."""

from __future__ import annotations

import json
import os
import struct
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from txsockjs import SockJSConnection
from txsockjs.transports.websocket import reader, receiver
from txsockjs.wire.limits import Limits
from txsockjs.wire.proto import decode_frame
from txsockjs.wire.whole_frames import (
    _unmask,
    _unmask_bytewise,
    read_message,
    read_messages,
    unmask,
)

from ...support.memory import Lab
from ...support.sites import Client, SiteLab, Wire, cut
from ...support.speed import examples

TEXT = 0x81
LIMIT = 100_000


def frame(payload: bytes, first: int = TEXT, mask: bytes | None = b"\x01\x82\x03\xff") -> bytes:
    """A client's frame; ``mask`` None leaves it unmasked, which is a violation."""
    size = len(payload)
    masked = 0 if mask is None else 0x80
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 65536:
        head = bytes((first, masked | 126)) + struct.pack("!H", size)
    else:
        head = bytes((first, masked | 127)) + struct.pack("!Q", size)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


# -- by value


def read(data: bytes, most: int = 1000) -> tuple[list[Any], int]:
    return read_messages(data, 0, LIMIT, {TEXT: decode_frame}, Limits(LIMIT, LIMIT), most)[:2]


@given(st.binary(max_size=200), st.binary(min_size=4, max_size=4))
def test_a_mask_is_taken_off_as_it_was_put_on(payload: bytes, mask: bytes) -> None:
    masked = frame(payload, mask=mask)[-len(payload) :] if payload else b""
    for function in (unmask, _unmask, _unmask_bytewise):
        assert function(masked, mask) == payload


def test_all_whole_messages_of_a_read_are_taken() -> None:
    data = frame(b'["a","b"]') + frame(b'"c"') + frame(b"") + frame(b"[]") + frame(b'["d"]')
    assert read(data) == (["a", "b", "c", "d"], len(data))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, LIMIT - 2])
def test_every_length_is_read(size: int) -> None:
    data = frame(b'"' + b"x" * size + b'"')
    assert read(data) == (["x" * size], len(data))


def read_one(data: bytes) -> list[Any] | None:
    return read_message(data, {TEXT: decode_frame}, 2 * LIMIT)


@pytest.mark.parametrize("size", [2, 3, 125, 126, 127, 128, 65535, 65536, 65537, LIMIT])
def test_a_read_that_is_one_frame_is_read_at_once(size: int) -> None:
    data = frame(b'"' + b"x" * (size - 2) + b'"')
    assert read_one(data) == ["x" * (size - 2)]
    for other in (data[:-1], data + b"\x81", frame(b'"a"') + data, data + data):
        assert read_one(other) is None


@pytest.mark.parametrize("size", [0, 5, 124, 125, 126, 65535, 65536])
@pytest.mark.parametrize("wide", [2, 8])
def test_only_the_shortest_form_of_a_length_is_read(size: int, wide: int) -> None:
    payload = b'"' + b"x" * (size - 2) + b'"' if size else b""
    length = (size % 65536).to_bytes(wide, "big") if wide == 2 else size.to_bytes(wide, "big")
    data = bytes((TEXT, 0x80 | (126 if wide == 2 else 127))) + length + b"\0\0\0\0" + payload
    is_shortest = (126 <= size < 65536) if wide == 2 else size >= 65536
    assert (read_one(data) is not None) is is_shortest


@pytest.mark.parametrize(
    "rest",
    [
        frame(b'"x"')[:-1],
        frame(b'"x"')[:1],
        frame(b"y" * 126)[:3],
        frame(b"y" * 65536)[:9],
        frame(b'"x"', first=0x01),
        frame(b'"x"', first=0x80),
        frame(b'"x"', first=0x82),
        frame(b'"x"', first=0xC1),
        frame(b"", first=0x89),
        frame(b"", first=0x88),
        frame(b'"x"', mask=None),
        frame(b"y" * 126, mask=None),
        frame(b'"' + b"x" * (LIMIT - 1) + b'"'),
        frame(b"[1]"),
        frame(b'"x'),
        frame(b'"\xff"'),
        bytes((TEXT, 0x80 | 126)) + b"\0\x05" + b"\0\0\0\0" + b'"xxx"',
        bytes((TEXT, 0x80 | 127)) + b"\0\0\0\0\0\0\0\x05" + b"\0\0\0\0" + b'"xxx"',
        bytes((TEXT, 0x80 | 127)) + b"\xff" * 8 + b"\0\0\0\0",
    ],
    ids=lambda data: repr(bytes(data[:10])),
)
def test_the_lane_ends_before_anything_else(rest: bytes) -> None:
    first = frame(b'"a"')
    assert read(first + rest + first) == (["a"], len(first))


# -- against Autobahn alone


class Listener(SockJSConnection):
    """Answers some messages, closes at some, and keeps all."""

    log: list[Any]

    def on_message(self, message: Any) -> None:
        self.log.append(message)
        if message == "echo":
            self.send(message)
        elif message == "end":
            self.close(3001, "as told")

    def on_close(self) -> None:
        self.log.append(self.close_reason)


def written(data: bytes) -> list[Any]:
    """The messages, close frames and pongs in what a server wrote, however it packed them."""
    found: list[Any] = []
    while data:
        first, size = data[0], data[1]
        start, size = (4, int.from_bytes(data[2:4], "big")) if size == 126 else (2, size)
        payload, data = data[start : start + size], data[start + size :]
        if first == TEXT and payload[:1] == b"a":
            found += json.loads(payload[1:])
        else:
            found.append((first, payload))
    return found


class Lingering(Wire):
    """A transport like TLS: it goes on to read after its end, and writes until then.

    It does not end while it has a producer.
    """

    def _end_soon(self) -> None:
        self.disconnecting = True

    def write(self, data: bytes) -> None:
        if not self.disconnecting or self.producer is not None:
            super().write(data)


def outcome(
    path: str, pieces: list[bytes], lingering: bool = False
) -> tuple[list[Any], list[Any], bool, bool]:
    lab = SiteLab("", base=Listener, max_message_size=LIMIT, max_body_size=LIMIT)
    wire = (Lingering if lingering else Wire)(lab.clock, "192.0.2.1")
    socket = Client(lab.site, lab.clock, wire)
    lab.clients.append(socket)
    socket.upgrade(path)
    socket.take()
    for piece in pieces:
        if lingering or socket.is_open:
            wire.protocol.dataReceived(piece)
        lab.clock.advance(0)
    lab.clock.advance(0)
    ends = wire.disconnecting and wire.producer is None
    result = (list(lab.log), written(socket.take()), socket.is_open, ends)
    lab.settle()
    return result


def compare(path: str, pieces: list[bytes], lingering: bool = False) -> None:
    with_lane = outcome(path, pieces, lingering)
    no_message = mock.patch.object(receiver, "read_message", return_value=None)
    no_messages = mock.patch.object(reader, "read_messages", return_value=([], 0, 0))
    no_partial = mock.patch.object(reader, "read_partial", return_value=None)
    no_control = mock.patch.object(reader, "read_control", return_value=None)
    with no_message, no_messages, no_partial, no_control:
        alone = outcome(path, pieces, lingering)
    assert with_lane == alone


PATHS = st.sampled_from(["/000/abc/websocket", "/websocket"])
PAYLOADS = st.one_of(
    st.sampled_from(
        [
            b'["echo"]',
            b'"echo"',
            b"echo",
            b'["a","echo","b"]',
            b'["end"]',
            b"end",
            b"",
            b"[]",
            b'["',
            b"{}",
            b"\xff",
            b'"\\ud800"',
            '"é😀"'.encode(),
            b'"\xed\xa0\x80"',
            b"\x03\xe8",
            b"\x03\xe8bye",
            b"\x03\xed",
            b"\x03\xe8\xff",
            b"\x01",
            b'["echo","' + "é😀".encode() * 20 + b'"]',
            b'"' + "é😀".encode() * 20 + b"\xed\xa0\x80" + b"x" * 50 + b'"',
            b'"' + b"x" * 50 + b"\xff" + b"x" * 50 + b'"',
        ]
    ),
    st.sampled_from([124, 125, 126, 127, 65535, 65536, LIMIT - 2, LIMIT - 1]).map(
        lambda size: b'"' + b"x" * size + b'"'
    ),
    st.binary(max_size=20),
)
FIRST = st.one_of(
    st.sampled_from([0x81] * 6 + [0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0x91, 0x83]),
    st.integers(0, 255),
)
MASKS = st.one_of(st.binary(min_size=4, max_size=4), st.just(b"\0\0\0\0"), st.none())
FRAMES = st.builds(frame, PAYLOADS, FIRST, MASKS)


@settings(max_examples=examples(80), deadline=None)
@given(PATHS, st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 300), max_size=5))
@example("/000/abc/websocket", [frame(b'["echo"]', 0x01), frame(b"", 0x89), frame(b"", 0x80)], [])
@example("/000/abc/websocket", [frame(b'["echo"]'), frame(b'["end"]'), frame(b'["late"]')], [])
@example("/websocket", [frame(b"\x03\xe8", 0x88), frame(b"late")], [])
def test_the_lane_and_autobahn_alone_give_the_same_answers(
    path: str, frames: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(frames)
    at = sorted({cut for cut in cuts if cut < len(stream)})
    compare(path, [stream[i:j] for i, j in zip([0, *at], [*at, len(stream)])])


CLOSES = st.builds(
    frame,
    st.one_of(
        st.builds(
            lambda code, reason: struct.pack("!H", code) + reason,
            st.one_of(st.integers(0, 65535), st.integers(990, 1020), st.integers(2999, 5001)),
            st.one_of(st.binary(max_size=5), st.just(b"x" * 123), st.just("é".encode() * 62)),
        ),
        st.binary(max_size=3),
    ),
    st.sampled_from([0x88] * 9 + [0x08, 0xC8]),
    MASKS,
)
CONTROLS = st.builds(
    frame,
    st.one_of(st.binary(max_size=4), st.just(b"x" * 125), st.just(b"x" * 126)),
    st.sampled_from([0x89, 0x89, 0x8A, 0x8A, 0x09, 0x0A, 0xC9, 0x8B]),
    st.one_of(MASKS, st.just(b"\1\2\3\4")),
)
FRAGMENTS = st.builds(
    frame,
    st.sampled_from([b'"', b'echo"', b'"echo"', b"", b"\xc3", b"\xa9"]),
    st.sampled_from([0, 1, 2, 128]),
)


@settings(max_examples=examples(80), deadline=None)
@given(
    PATHS,
    st.lists(st.one_of(CLOSES, CONTROLS, FRAGMENTS, FRAMES), max_size=6),
    st.lists(st.integers(0, 100), max_size=4),
    st.booleans(),
)
@example("/websocket", [frame(b"\3\xe8", 0x88), frame(b"x", 0x01), frame(b"", 0xFF)], [8], True)
@example(
    "/websocket",
    [frame(b"x", 1), frame(b"", 0x80), frame(b"\3\xe8", 0x88), frame(b"", 0xFF)],
    [21],
    True,
)
@example("/websocket", [frame(b"end"), frame(b"", 0xFF), frame(b"\3\xe8", 0x88)], [9], True)
def test_control_frames_and_fragments_are_answered_alike(
    path: str, frames: list[bytes], cuts: list[int], lingering: bool
) -> None:
    compare(path, cut(b"".join(frames), cuts), lingering)


CONVERSATION = (
    frame(b'["echo"]')
    + frame(b'["a","b"]')
    + frame(b'["e', 0x01)
    + frame(b"ping", 0x89)
    + frame(b'cho"]', 0x80)
    + frame(b'"echo"')
    + frame(b'["end"]')
    + frame(b'["late"]')
)


@pytest.mark.parametrize("cut", range(len(CONVERSATION)))
def test_it_does_not_matter_where_a_conversation_is_cut(cut: int) -> None:
    compare("/000/abc/websocket", [CONVERSATION[:cut], CONVERSATION[cut:]])


# Longer than the head of a frame can be, right and wrong in several ways.
LONG = {
    "a message and the end": frame('["echo","é😀"]'.encode()) + frame(b'["end"]'),
    "a broken character": frame(b'"' + "é😀".encode() * 2 + b"\xff" + b'x"') + frame(b'"echo"'),
    "half of a pair": frame(b'"' + b"x" * 12 + b"\xed\xa0\x80" + b'x"'),
    "bytes": frame(b"\xff" * 24, 0x82) + frame(b"echo"),
    "a wide length": frame(b'["echo","' + b"x" * 120 + b'"]') + frame(b"bye", 0x89),
}


@pytest.mark.parametrize("stream", LONG.values(), ids=list(LONG))
@pytest.mark.parametrize("path", ["/000/abc/websocket", "/websocket"])
def test_a_long_frame_may_come_in_pieces_and_never_whole(path: str, stream: bytes) -> None:
    for end in range(14, min(len(stream), 48)):
        compare(path, [stream[:end]])
        compare(path, [stream[:end], stream[end:]])
    for size in (3, 16, 20):
        compare(path, [stream[i : i + size] for i in range(0, len(stream), size)])


def test_a_frame_that_comes_in_pieces_needs_no_autobahn() -> None:
    lab = Lab(Listener)
    socket = lab.upgrade()
    data = frame(b'["echo","' + "é😀".encode() * 40_000 + b'"]')
    with mock.patch.object(reader.Reader, "received", side_effect=AssertionError):
        for i in range(0, len(data), 65536):
            socket.send(data[i : i + 65536])
    assert lab.log[0] == "echo"
    assert lab.log[1] == "é😀" * 40_000
    socket.vanish()
    lab.settle()


def test_a_session_that_closes_while_a_frame_comes_still_hears_the_answer() -> None:
    lab = Lab(Listener)
    socket = lab.upgrade()
    socket.take()
    data = frame(b'["' + b"x" * 100 + b'"]')
    socket.send(data[:50])
    next(iter(lab.router.sessions)).close(3001, "enough")
    socket.send(data[50:] + frame(b"\x03\xe8", 0x88))
    assert not socket.is_open
    lab.clock.advance(0)
    assert lab.log == [(3001, "enough")]
    lab.settle()


def test_it_does_not_matter_if_every_byte_comes_alone() -> None:
    single = [CONVERSATION[i : i + 1] for i in range(len(CONVERSATION))]
    compare("/000/abc/websocket", single)


@pytest.mark.parametrize("size", [1 << 20, LIMIT + 1])
def test_a_message_over_the_limit_is_answered_alike(size: int) -> None:
    data = frame(b'"' + b"x" * size + b'"')
    compare("/000/abc/websocket", [data[i : i + 65536] for i in range(0, len(data), 65536)])


def test_random_bytes_are_answered_alike() -> None:
    for _ in range(examples(80)):
        compare("/websocket", [os.urandom(64)])
