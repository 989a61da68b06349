"""The fast lane: whole websocket frames straight from the bytes of a read (RFC 6455 section 5).

Rules: only frames beyond doubt are taken here: final and masked, of an accepted kind, with their
length in its shortest form, within the limit, with a payload that decodes. An incomplete frame is
waited for as long as its bytes are beyond doubt. At the first byte of anything else the lane ends,
and Autobahn gets the rest untouched. Pure.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Mapping
from typing import Any, Callable

from ..errors import RequestError
from .frames import CLOSE, PING, PONG, TEXT, is_close_code
from .limits import Limits

#: For the first byte of each accepted kind of frame, the function that turns its payload into
#: messages; it raises RequestError or ValueError if the payload is broken.
Decoders = Mapping[int, Callable[[bytes], list[Any]]]

_Utf8 = codecs.getincrementaldecoder("utf-8")

# Pieces of up to this many bytes share an object, because a message may come a byte at a time. A
# larger piece is kept as it came, because copying 64 KiB takes noticeable time.
_SMALL = 1024

_CONTROLS = frozenset((0x80 | CLOSE, 0x80 | PING, 0x80 | PONG))


def read_messages(
    data: bytes, position: int, longest: int, decoders: Decoders, limits: Limits, most: int
) -> tuple[list[Any], int, int]:
    """Return the messages that begin at ``position``, where they end, and their number of frames.

    ``longest`` is the size in bytes of the largest payload, ``most`` the number of frames to read
    at most; a large frame is the last.
    """
    messages: list[str | bytes] = []
    harmless = limits.harmless
    size = len(data)
    first = -1
    for frames in range(most):
        start = position + 6  # of the payload, if that is short
        if start > size:
            break
        if data[position] != first:  # most frames are of the same kind as the one before
            first = data[position]
            if first not in decoders:
                break
            decode = decoders[first]
        length = data[position + 1] - 0x80
        if length >= 126:
            length, start = _length(data, position)
        end = start + length
        if end > size or not 0 <= length <= longest:
            break
        try:
            brought = decode(unmask(data[start:end], data[start - 4 : start]))
            if length > harmless:
                limits.check(brought, length)
                return messages + brought, end, frames + 1
        except (RequestError, ValueError):
            break
        messages += brought
        position = end
    else:
        frames = most
    return messages, position, frames


class PartialFrame:
    """An incomplete frame whose bytes so far are beyond doubt.

    ``head`` is all before its payload, ``length`` the size of the payload in bytes.
    """

    __slots__ = ("_mask", "_missing", "_pieces", "_size", "_utf8")

    def __init__(self, head: bytes, length: int) -> None:
        self._pieces: list[bytes | bytearray] = [head]
        self._size = len(head)
        self._missing = length
        self._mask = head[-4:]
        self._utf8 = _Utf8() if head[0] & 0x0F == TEXT else None

    def add(self, data: bytes) -> bool:
        """Take the next bytes; return False instead if they complete the frame or break it."""
        if len(data) >= self._missing:
            return False
        if self._utf8 is not None:
            try:
                self._utf8.decode(unmask(data, self._mask))
            except ValueError:
                return False
            pending = self._utf8.getstate()[0]
            if pending[:1] == b"\xed" and pending[1:] >= b"\xa0":
                return False  # half of a surrogate pair, which Python sees only at its third byte
            turn = len(data) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
        self._missing -= len(data)
        self._size += len(data)
        last = self._pieces[-1]
        if len(data) > _SMALL:
            self._pieces.append(data)
        elif type(last) is bytearray:
            last += data
        else:
            self._pieces.append(bytearray(data))
        return True

    def joined(self, data: bytes) -> bytes:
        """Return all bytes that were taken, followed by ``data``."""
        return b"".join((*self._pieces, data))

    def __len__(self) -> int:
        """How many bytes were taken."""
        return self._size


def read_partial(rest: bytes, longest: int, decoders: Decoders) -> PartialFrame | None:
    """Return the frame that begins with these bytes, or None if it is not for the lane."""
    if len(rest) < 14 or rest[0] not in decoders:
        return None
    length, start = _length(rest, 0)
    if not 0 <= length <= longest:
        return None
    partial = PartialFrame(rest[:start], length)
    return partial if partial.add(rest[start:]) else None


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return a frame's length and where its payload starts; -1 if the length is not valid."""
    length = data[position + 1] - 0x80
    start = position + 2
    if length >= 126:
        wide = 2 if length == 126 else 8
        length = int.from_bytes(data[start : start + wide], "big")
        start += wide
        if length < 126 or (wide == 8 and length < 65536):
            length = -1
    return length, start + 4


def read_message(data: bytes, decoders: Decoders, harmless: int) -> list[Any] | None:
    """Return the messages of a read that is one frame, as most are, or None.

    ``harmless`` is the size in bytes up to which a payload's messages need no check.
    """
    size = len(data)
    if size < 132:
        start = 6
        if size < 6 or data[1] != size + 122:
            return None
    elif size < 65544:
        start = 8
        if size < 134 or data[1] != 0xFE or (data[2] << 8 | data[3]) != size - 8:
            return None
    elif data[1] != 0xFF:
        return None
    else:
        length, start = _length(data, 0)
        if length != size - start:
            return None
    decode = decoders.get(data[0])
    if decode is not None and size - start <= harmless:
        try:
            return decode(unmask(data[start:], data[start - 4 : start]))
        except (RequestError, ValueError):
            pass
    return None


def read_control(data: bytes, position: int) -> tuple[int, bytes, int] | None:
    """Return the opcode, the payload and the end of the control frame at ``position``, or None."""
    if len(data) - position < 6 or data[position] not in _CONTROLS:
        return None
    opcode = data[position] & 0x0F
    length, start = _length(data, position)
    end = start + length
    if not 0 <= length < 126 or len(data) < end:
        return None
    payload = unmask(data[start:end], data[start - 4 : start])
    if opcode == CLOSE and payload and not _is_close(payload):
        return None
    return opcode, payload, end


def close_code(payload: bytes) -> int:
    """Return the code in a close frame's payload; 1005 if there is none."""
    return int.from_bytes(payload[:2], "big") if payload else 1005


def _is_close(payload: bytes) -> bool:
    try:
        payload[2:].decode("utf-8")
    except ValueError:
        return False
    return len(payload) > 1 and is_close_code(close_code(payload))


def _unmask(payload: bytes, mask: bytes) -> bytes:
    # A single exclusive-or of two large numbers.
    size = len(payload)
    return (
        int.from_bytes(payload, "little")
        ^ int.from_bytes((mask * ((size + 3) >> 2))[:size], "little")
    ).to_bytes(size, "little")


def _unmask_bytewise(payload: bytes, mask: bytes) -> bytes:
    # This form is the fastest under a compiler.
    a, b, c, d = mask
    data = bytearray(payload)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        data[i] ^= a
        data[i + 1] ^= b
        data[i + 2] ^= c
        data[i + 3] ^= d
    for i in range(whole, len(data)):
        data[i] ^= mask[i & 3]
    return bytes(data)


unmask: Callable[[bytes, bytes], bytes]
if sys.implementation.name == "pypy":
    unmask = _unmask_bytewise
else:
    try:
        from websockets.speedups import apply_mask as unmask
    except ImportError:  # a platform without a wheel
        unmask = _unmask
