"""Several strings as one: their number, their sizes, and then they; no I/O.

All sizes are written and read at once, as a bundle is what makes many short strings cheap.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_NUMBER = struct.Struct("!H")


def bundle(strings: Sequence[bytes]) -> bytes:
    """Return strings as one, of which there may be 65,535."""
    n = len(strings)
    sizes = struct.pack(f"!H{n}I", n, *map(len, strings))
    return sizes + b"".join(strings)


def read_bundle(data: bytes, start: int = 0) -> list[bytes]:
    """Return the strings of a bundle, which begins at ``start``.

    Raises `ValueError` or `struct.error` if it is none.
    """
    (n,) = _NUMBER.unpack_from(data, start)
    start += _NUMBER.size
    sizes = struct.unpack_from(f"!{n}I", data, start)
    start += 4 * n
    strings = []
    for size in sizes:
        end = start + size
        strings.append(data[start:end])
        start = end
    if start != len(data):
        raise ValueError("a bundle is longer or shorter than its strings")
    return strings
