"""What the reader makes of a client's bytes, by value."""

from __future__ import annotations

import json

import pytest

from txsockjs.transports.websocket.reader import (
    CLOSED,
    MESSAGES,
    NOTHING,
    PINGED,
    VIOLATED,
    Item,
    Reader,
    read_whole_control,
)
from txsockjs.transports.websocket.receiver import WebSocketReceiver

from ....support.memory import Lab

MOST = 256
MASK = b"\x01\x82\x03\xff"


def frame(first: int, payload: bytes) -> bytes:
    head = bytes((first, 0x80 | len(payload))) + MASK
    return head + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def text(message: str) -> bytes:
    return frame(0x81, json.dumps([message]).encode())


def make_reader() -> Reader:
    sockets = Lab().router.sockets
    limits = sockets.limits
    return Reader(WebSocketReceiver.decoders, limits, limits.batch, sockets.autobahn.build)


def items(reader: Reader, most: int = MOST) -> list[Item]:
    found = []
    while (item := reader.next(most)) is not None:
        found.append(item)
    return found


def test_frames_of_one_read_are_one_item() -> None:
    reader = make_reader()
    reader.feed(text("a") + text("b"))
    assert items(reader) == [(MESSAGES, ["a", "b"], 2)]
    assert reader.is_empty


def test_no_more_frames_are_taken_than_asked_for() -> None:
    reader = make_reader()
    reader.feed(text("a") + text("b") + text("c"))
    assert reader.next(2) == (MESSAGES, ["a", "b"], 2)
    assert reader.has_more and not reader.is_empty
    reader.feed(text("d"))
    assert items(reader) == [(MESSAGES, ["c", "d"], 2)]


def test_control_frames_between_messages_keep_their_place() -> None:
    reader = make_reader()
    reader.feed(text("a") + frame(0x89, b"x") + text("b") + frame(0x8A, b"y"))
    assert items(reader) == [
        (MESSAGES, ["a"], 1),
        (PINGED, b"x", 1),
        (MESSAGES, ["b"], 1),
        (NOTHING, b"y", 1),
    ]


def test_nothing_is_read_after_a_close_frame() -> None:
    reader = make_reader()
    reader.feed(frame(0x88, b"\x03\xe8") + text("late"))
    assert items(reader) == [(CLOSED, b"\x03\xe8", 1)]
    reader.feed(text("later"))
    assert items(reader) == [] and reader.is_empty


def test_a_message_in_fragments_with_a_ping_inside() -> None:
    reader = make_reader()
    reader.feed(frame(0x01, b'["a') + frame(0x89, b"x"))
    assert [item[:2] for item in items(reader) if item[0] is not NOTHING] == [(PINGED, b"x")]
    assert reader.gathered == 3 and not reader.is_empty
    reader.feed(frame(0x80, b'"]'))
    assert [item[:2] for item in items(reader) if item[0] is not NOTHING] == [(MESSAGES, ["a"])]
    assert reader.gathered is None


def test_a_violation_is_the_last_item() -> None:
    reader = make_reader()
    reader.feed(text("a") + b"\x81\x02hi" + text("b"))
    found = [item for item in items(reader) if item[0] is not NOTHING]
    assert [item[0] for item in found] == [MESSAGES, VIOLATED]
    assert found[1][1][0] == 1002


@pytest.mark.parametrize("cut", range(1, len(text("hello, world")) + 2))
def test_a_frame_may_be_cut_anywhere(cut: int) -> None:
    data = text("hello, world") + frame(0x89, b"")
    reader = make_reader()
    found = []
    for piece in (data[:cut], data[cut:]):
        reader.feed(piece)
        found += [item[:2] for item in items(reader) if item[0] is not NOTHING]
    assert found == [(MESSAGES, ["hello, world"]), (PINGED, b"")]
    assert reader.gathered is None and not reader.has_more


def test_a_single_control_frame_is_read_without_a_reader() -> None:
    assert read_whole_control(frame(0x89, b"x")) == (PINGED, b"x", 1)
    assert read_whole_control(frame(0x89, b"x") + text("a")) is None
    assert read_whole_control(text("a")) is None
