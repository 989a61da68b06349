"""Several byte strings as one: their number, their sizes, then the strings; no I/O.

All sizes are written and read at once, because bundles exist to make many short strings cheap.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_NUMBER = struct.Struct("!H")


def bundle(strings: Sequence[bytes]) -> bytes:
    """Return up to 65,535 strings as one."""
    n = len(strings)
    sizes = struct.pack(f"!H{n}I", n, *map(len, strings))
    return sizes + b"".join(strings)


def read_bundle(data: bytes, start: int = 0) -> list[bytes]:
    """Return the strings of a bundle, which begins at ``start``.

    Raises `ValueError` or `struct.error` if it is not a bundle.
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
