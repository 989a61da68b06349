"""Websocket frames as a client writes them (RFC 6455), good ones and broken ones.

`frame` writes any frame, also those that no decent client would send; `masked` one whose payload is
in plain view.
"""

from __future__ import annotations

import json
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    opcode: int,
    payload: str | bytes = b"",
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
    length: bytes | None = None,
) -> bytes:
    """Write a client's frame; ``length`` replaces the length bytes, mask bit included."""
    data = payload.encode("utf-8") if isinstance(payload, str) else payload
    masked = 0x80 if mask is not None else 0
    if length is None:
        if len(data) < 126:
            length = struct.pack("!B", masked | len(data))
        elif len(data) < 1 << 16:
            length = struct.pack("!BH", masked | 126, len(data))
        else:
            length = struct.pack("!BQ", masked | 127, len(data))
    if mask is not None:
        pad = (mask * (len(data) // 4 + 1))[: len(data)]
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")
        data = mask + mixed.to_bytes(len(data), "big")
    return bytes([(0x80 if final else 0) | reserved << 4 | opcode]) + length + data


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode("utf-8")
    return frame(CLOSE, payload)


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """Write a client's frame with this first byte; its mask is zero."""
    return frame(first & 0xF, payload, bool(first & 0x80), first >> 4 & 7, bytes(4))


def text(path: str, message: str) -> bytes:
    """Write the frame of a message for the websocket of this path, raw or not."""
    return masked(message.encode() if path == "/websocket" else json.dumps(message).encode())


def close_code(data: bytes) -> int | None:
    """Read the code of the close frame at the end of what a server sent; None without one."""
    head = data.rfind(b"\x88")
    if head >= 0 and len(data) == head + 2 + data[head + 1]:
        return int.from_bytes(data[head + 2 : head + 4], "big")
    return None
