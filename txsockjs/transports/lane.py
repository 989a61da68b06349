"""The fast lane: whole websocket messages straight from the bytes of a read (RFC 6455 section 5).

Rules: only what is beyond doubt is taken here: final, masked frames of an accepted kind, with the
shortest length, within the limit, all there, whose payload decodes. At the first byte of anything
else the lane ends, and Autobahn gets the rest untouched. Pure; called by the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from ..errors import RequestError

#: Turns a payload into messages; raises RequestError or ValueError if it is broken.
Decode = Callable[[bytes, int], Iterable[Any]]


def read_messages(
    data: bytes, accepted: frozenset[int], longest: int, decode: Decode
) -> tuple[list[Any], int]:
    """Return the messages at the start of ``data``, and how many bytes they took.

    ``accepted`` are the first bytes of frames to take, ``longest`` the largest payload in bytes.
    """
    messages: list[Any] = []
    position = 0
    size = len(data)
    while size - position >= 6 and data[position] in accepted:
        start = position + 2
        length = data[position + 1] - 0x80
        if length >= 126:
            wide = 2 if length == 126 else 8
            length = int.from_bytes(data[start : start + wide], "big")
            start += wide
            if length < 126 or (wide == 8 and length < 65536):
                break
        end = start + 4 + length
        if length < 0 or length > longest or end > size:
            break
        try:
            messages += decode(
                unmask(data[start : start + 4], data[start + 4 : end]), data[position]
            )
        except (RequestError, ValueError):
            break
        position = end
    return messages, position


def unmask(mask: bytes, payload: bytes) -> bytes:
    """Return the payload without its mask: one exclusive-or of two large numbers."""
    size = len(payload)
    return (
        int.from_bytes(payload, "little")
        ^ int.from_bytes((mask * ((size + 3) >> 2))[:size], "little")
    ).to_bytes(size, "little")
