"""Frames of the relay: a request and its answer on the way between two nodes, without I/O.

A frame is its version, its kind and the number of its stream (1, 1 and 8 bytes), and what the kind
has: of `REQUEST` and `HEAD` a table as JSON, and bytes of a body. The edge numbers the streams.

Rules: a frame that can't be read raises `BadFrame`; nothing that travels is ever code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

VERSION = 1

# From the edge, to which the client is connected: a request and more of its body; that bytes of the
# answer made room; that the client is gone; that it took the whole answer.
REQUEST, BODY, CREDIT, LOST, DONE = range(1, 6)
# From the owner: the head of an answer, more of its body, its end; that the connection must be
# dropped; that bytes of the body were taken; that the session is not there.
HEAD, DATA, END, ABORT, TAKEN, ABSENT = range(11, 17)

_START = struct.Struct("!BBQ")
_SIZE = struct.Struct("!I")
_SIZES = struct.Struct("!iI")
_TOLD = struct.Struct("!QB")

#: The size of an answer that has no length.
STREAM = -1


class BadFrame(ValueError):
    """Bytes that are no frame."""


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return _START.pack(VERSION, kind, stream) + payload


def split(data: bytes) -> tuple[int, int, bytes]:
    """Return the kind, the stream and the payload of a frame."""
    try:
        version, kind, stream = _START.unpack_from(data)
    except struct.error:
        raise BadFrame("it has no head") from None
    if version != VERSION:
        raise BadFrame(f"its version is {version}")
    return kind, stream, data[_START.size :]


def request(stream: int, table: Mapping[str, Any], size: int, body: bytes) -> bytes:
    """Return the frame of a request; ``body`` is the beginning of its ``size`` bytes."""
    head = json.dumps(table, separators=(",", ":")).encode()
    return frame(REQUEST, stream, _SIZES.pack(size, len(head)) + head + body)


def read_request(payload: bytes) -> tuple[dict[str, Any], int, bytes]:
    """Return the table of a request, the size of its body, and the beginning of it."""
    size, head, body = _read_sizes(payload)
    try:
        table = json.loads(head)
    except ValueError:
        raise BadFrame("its table is not JSON") from None
    if not isinstance(table, dict) or size < len(body):
        raise BadFrame("it is no request")
    return table, size, body


def head(stream: int, status: int, headers: Any, close: bool, size: int, body: bytes) -> bytes:
    """Return the frame of an answer's head.

    ``close`` is whether the connection ends with it, ``size`` the length of its body or `STREAM`,
    ``body`` its beginning.
    """
    table = _encode_head(status, headers, close)
    return frame(HEAD, stream, _SIZES.pack(size, len(table)) + table + body)


@lru_cache(maxsize=256)
def _encode_head(status: int, headers: tuple[tuple[bytes, bytes], ...], close: bool) -> bytes:
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
    table = {"status": status, "headers": fields, "close": close}
    return json.dumps(table, separators=(",", ":")).encode()


Headers = tuple[tuple[bytes, bytes], ...]


def read_head(payload: bytes) -> tuple[tuple[int, Headers, bool], int, bytes]:
    """Return what `head` was given: status, headers and ``close``; the size; the beginning."""
    size, table, body = _read_sizes(payload)
    return _decode_head(table), size, body


@lru_cache(maxsize=256)
def _decode_head(data: bytes) -> tuple[int, Headers, bool]:
    try:
        table = json.loads(data)
        headers = tuple(
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in table["headers"]]
        )
        return int(table["status"]), headers, bool(table["close"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadFrame("it is no head") from None


def _read_sizes(payload: bytes) -> tuple[int, bytes, bytes]:
    try:
        size, length = _SIZES.unpack_from(payload)
    except struct.error:
        raise BadFrame("its sizes are missing") from None
    end = _SIZES.size + length
    if len(payload) < end:
        raise BadFrame("its table is cut")
    return size, payload[_SIZES.size : end], payload[end:]


def number(kind: int, stream: int, value: int) -> bytes:
    """Return a frame that has a number."""
    return frame(kind, stream, _SIZE.pack(value))


def read_number(payload: bytes) -> tuple[int, bytes]:
    """Return the number of a frame, and the bytes after it."""
    try:
        return _SIZE.unpack_from(payload)[0], payload[_SIZE.size :]
    except struct.error:
        raise BadFrame("its number is missing") from None


def told(kind: int, stream: int, taken: int, in_order: bool = True) -> bytes:
    """Return `DONE` or `LOST`: how many bytes of the body the client's connection took.

    ``in_order`` is whether the answer was brought to an end of its own after these.
    """
    return frame(kind, stream, _TOLD.pack(taken, in_order))


def read_told(payload: bytes) -> tuple[int, bool]:
    """Return how many bytes were taken, and whether the answer came to an end of its own."""
    try:
        taken, in_order = _TOLD.unpack(payload)
    except struct.error:
        raise BadFrame("it does not tell how much was taken") from None
    return taken, bool(in_order)
