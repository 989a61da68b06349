"""What can be sent as a message, and what becomes of it on a transport."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.tornado.messages import outgoing, shared
from txsockjs.wire.proto import JSONMessage, messages_frame

RAW, FRAMED = "rawwebsocket", "xhr"


@pytest.mark.parametrize(
    ("message", "raw", "frame"),
    [
        ("é", "é", 'a["é"]'),
        ("é".encode(), "é", 'a["é"]'),
        (bytearray(b"x"), "x", 'a["x"]'),
        (memoryview(b"x"), "x", 'a["x"]'),
        ({"a": [1, None]}, '{"a":[1,null]}', 'a[{"a":[1,null]}]'),
        ([], "[]", "a[[]]"),
        (5, "5", "a[5]"),
        (JSONMessage('{"a":1}'), '{"a":1}', 'a[{"a":1}]'),
    ],
)
def test_text_stays_text_and_the_rest_is_its_json(message: Any, raw: str, frame: str) -> None:
    assert outgoing(message, RAW) == raw
    assert messages_frame([outgoing(message, FRAMED)]).decode() == frame
    assert messages_frame([shared(message)]).decode() == frame


@pytest.mark.parametrize("message", ["é", "é".encode(), bytearray("é".encode())])
def test_only_a_raw_websocket_is_sent_bytes(message: Any) -> None:
    assert outgoing(message, RAW, binary=True) == "é".encode()
    assert outgoing(message, FRAMED, binary=True) == "é"


def test_half_of_a_pair_is_replaced_where_bytes_are_sent() -> None:
    assert outgoing("a\ud800", RAW, binary=True) == b"a?"


def test_what_was_encoded_for_many_is_not_encoded_again() -> None:
    message = shared({"a": 1})
    assert shared(message) is message
    assert outgoing(message, FRAMED) is message


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        outgoing(b"\xff", FRAMED)
    assert outgoing(b"\xff", RAW, binary=True) == b"\xff"
