"""Several strings as one, each after its length in four bytes: no I/O."""

from __future__ import annotations

import struct

_LENGTH = struct.Struct("!I")


def parts_of(string: bytes) -> tuple[bytes, bytes]:
    """Return what a bundle has of a string."""
    return _LENGTH.pack(len(string)), string


def split(bundle: bytes, start: int) -> list[bytes]:
    """Return the strings of a bundle, which begins at ``start``.

    Raises `ValueError` or `struct.error` if it is cut.
    """
    strings = []
    size = len(bundle)
    while start < size:
        (length,) = _LENGTH.unpack_from(bundle, start)
        start += 4
        end = start + length
        if end > size:
            raise ValueError("a string is longer than its bundle")
        strings.append(bundle[start:end])
        start = end
    return strings
