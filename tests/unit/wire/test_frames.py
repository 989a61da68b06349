"""Websocket frames as a server writes them, by value."""

from __future__ import annotations

import struct

import pytest

from txsockjs.wire.frames import close_reason, frame


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
