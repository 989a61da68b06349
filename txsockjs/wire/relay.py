"""Frames of the relay: a request and its answer on their way between two nodes; no I/O.

A frame is its version, its kind and the number of its stream (1, 1 and 8 bytes), and the content of
its kind: for `REQUEST` and `HEAD`, a table as JSON and bytes of a body. The edge numbers the
streams.

Rules: a frame that can't be read raises `BadFrame`; frames never contain code.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import NamedTuple

VERSION = 1

# From the edge, to which the client is connected: a request; more of its body; that bytes of the
# answer were taken; that the client is gone; that it took the whole answer; that it is still there.
REQUEST, BODY, CREDIT, LOST, DONE, HERE = range(1, 7)
# From the owner: the head of an answer; more of its body; its end; that the connection must be
# dropped; that bytes of the body were taken; that the session does not exist; the question whether
# the client is still there.
HEAD, DATA, END, ABORT, TAKEN, ABSENT, ASK = range(11, 18)

_START = struct.Struct("!BBQ")
_SIZE = struct.Struct("!I")
_SIZES = struct.Struct("!iIB")
_TOLD = struct.Struct("!QB")

#: The size of an answer without a length.
STREAM = -1
#: Flags of an answer: the connection ends with it; nobody waits to hear that it was taken.
CLOSES, FINAL = 1, 2

Headers = tuple[tuple[bytes, bytes], ...]


class BadFrame(ValueError):
    """Bytes that are not a frame."""


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


class Described(NamedTuple):
    """A request without its body: everything that an exchange knows of it.

    ``name`` and ``session_id`` are parts of its path. Addresses are a host and a port, ("", 0) for
    a UNIX socket.
    """

    name: str
    session_id: str
    method: bytes
    path: str
    query: bytes
    headers: dict[str, str]
    is_http_1_0: bool
    is_secure: bool
    peer: tuple[str, int]
    server: tuple[str, int]


def describe(described: Described) -> bytes:
    """Return a request as JSON."""
    table = described._asdict()
    for name in _BYTES:
        table[name] = table[name].decode("latin-1")
    return json.dumps(table, separators=(",", ":")).encode()


_KINDS = (str, str, bytes, str, bytes, dict, bool, bool, list, list)
_BYTES = ("method", "query")


# Requests for one URL over one connection differ only in their bodies.
@lru_cache(maxsize=4096)
def _read_description(data: bytes) -> Described:
    try:
        table = json.loads(data)
        for name in _BYTES:
            table[name] = table[name].encode("latin-1")
        values = [table[name] for name in Described._fields]
        fits = all(map(isinstance, values, _KINDS))
        fits = fits and all(isinstance(value, str) for value in table["headers"].values())
        *rest, peer, server = values
        addresses = [(str(host), int(port)) for host, port in (peer, server)]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadFrame("it is no request") from None
    if not fits:
        raise BadFrame("a part of a request is of the wrong kind")
    return Described(*rest, *addresses)


def request(stream: int, description: bytes, opens: bool, size: int, body: bytes) -> bytes:
    """Return the frame of a request; ``body`` is the first part of its ``size`` bytes.

    ``opens`` is whether the other node may open the session although it does not own it.
    """
    sizes = _SIZES.pack(size, len(description), opens)
    return _START.pack(VERSION, REQUEST, stream) + sizes + description + body


def read_request(payload: bytes) -> tuple[Described, bool, int, bytes]:
    """Return a request, whether it may open the session, its body's size and first part."""
    size, opens, data, body = _read_sizes(payload)
    if size < len(body):
        raise BadFrame("its body is longer than it says")
    return _read_description(data), bool(opens), size, body


def head(stream: int, status: int, headers: Headers, flags: int, size: int, body: bytes) -> bytes:
    """Return the frame of an answer's head.

    ``size`` is the length of its body, or `STREAM`; ``body`` is its first part; ``flags`` are
    `CLOSES` and `FINAL`.
    """
    table = _encode_head(status, headers)
    sizes = _SIZES.pack(size, len(table), flags)
    return _START.pack(VERSION, HEAD, stream) + sizes + table + body


@lru_cache(maxsize=256)
def _encode_head(status: int, headers: Headers) -> bytes:
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
    table = {"status": status, "headers": fields}
    return json.dumps(table, separators=(",", ":")).encode()


def read_head(payload: bytes) -> tuple[int, Headers, int, int, bytes]:
    """Return the arguments of `head`: status, headers, flags, size, and the first part."""
    size, flags, table, body = _read_sizes(payload)
    return (*_decode_head(table), flags, size, body)


@lru_cache(maxsize=256)
def _decode_head(data: bytes) -> tuple[int, Headers]:
    try:
        table = json.loads(data)
        headers = tuple(
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in table["headers"]]
        )
        return int(table["status"]), headers
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadFrame("it is no head") from None


def _read_sizes(payload: bytes) -> tuple[int, int, bytes, bytes]:
    try:
        size, length, flags = _SIZES.unpack_from(payload)
    except struct.error:
        raise BadFrame("its sizes are missing") from None
    end = _SIZES.size + length
    if len(payload) < end:
        raise BadFrame("its table is cut")
    return size, flags, payload[_SIZES.size : end], payload[end:]


def number(kind: int, stream: int, value: int) -> bytes:
    """Return a frame with a number."""
    return frame(kind, stream, _SIZE.pack(value))


def read_number(payload: bytes) -> tuple[int, bytes]:
    """Return the number of a frame, and the bytes after it."""
    try:
        return _SIZE.unpack_from(payload)[0], payload[_SIZE.size :]
    except struct.error:
        raise BadFrame("its number is missing") from None


def told(kind: int, stream: int, taken: int, in_order: bool = True) -> bytes:
    """Return `DONE` or `LOST`: how many bytes of the body the client's connection took.

    ``in_order`` is whether the answer was ended properly after these.
    """
    return frame(kind, stream, _TOLD.pack(taken, in_order))


def read_told(payload: bytes) -> tuple[int, bool]:
    """Return how many bytes were taken, and whether the answer was ended properly."""
    try:
        taken, in_order = _TOLD.unpack(payload)
    except struct.error:
        raise BadFrame("it does not tell how much was taken") from None
    return taken, bool(in_order)
