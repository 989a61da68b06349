"""Bytes after a name, as the processes of one machine send them to each other; no I/O."""

from __future__ import annotations

import struct
from functools import lru_cache

_NAME = struct.Struct("!H")


def named(name: str, data: bytes) -> bytes:
    """Return a name and bytes as one."""
    return _encode(name) + data


def read_named(payload: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes that `named` has put together."""
    name, end = read_name(payload, 0)
    return name, payload[end:]


def read_name(payload: bytes, start: int) -> tuple[str, int]:
    """Return the name that begins at ``start``, and where its bytes begin."""
    (size,) = _NAME.unpack_from(payload, start)
    start += _NAME.size
    end = start + size
    return _decode(payload[start:end]), end


@lru_cache(maxsize=1024)
def _encode(name: str) -> bytes:
    encoded = name.encode("utf-8", "surrogatepass")
    return _NAME.pack(len(encoded)) + encoded


@lru_cache(maxsize=1024)
def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
