"""A server's output as its client reads it: frames, and the bodies that carry them.

Rules: no I/O. Bodies come in pieces, cut anywhere; the part kept of one is bounded.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Union

from ..errors import BrokenJSON, SockJSError
from .proto import CONNECT, DISCONNECT, HEARTBEAT, MESSAGE, json_decode, json_encode
from .text import split_lines

_ARRAY = "a"
_KINDS = CONNECT + DISCONNECT + HEARTBEAT + MESSAGE + _ARRAY


class BadFrame(SockJSError):
    """The data is not a frame; the message shows its beginning."""

    def __init__(self, what: str, data: str | bytes) -> None:
        super().__init__(f"{what}: {data[:60]!r}")


class Frame(NamedTuple):
    """A frame; its kind is ``o``, ``h``, ``a`` or ``c``, or empty for the prelude of a stream.

    ``messages`` are those of ``a``; ``reason`` is the code and the text of ``c``.
    """

    kind: str
    messages: list[str] = []
    reason: tuple[int, str] = (1005, "")


_OPEN = Frame(CONNECT)
_HEARTBEAT = Frame(HEARTBEAT)
_PRELUDE = Frame("")


def read_frame(data: str | bytes) -> Frame:
    """Parse a frame, or a stream's prelude (a line of ``h``); raise `BadFrame` for anything else.

    ``m"..."`` is read as ``a`` with one message; a message that is not a string becomes its JSON
    text.
    """
    text = data if isinstance(data, str) else _text(data)
    kind = text[:1]
    if kind == HEARTBEAT:
        return _HEARTBEAT if len(text) == 1 else _PRELUDE
    if kind == CONNECT:
        return _OPEN
    if not kind or kind not in _KINDS:
        raise BadFrame("not a SockJS frame", text)
    try:
        value = json_decode(text[1:])
        if kind != DISCONNECT:
            return Frame(_ARRAY, _messages([value] if kind == MESSAGE else value))
    except (BrokenJSON, RecursionError):  # JSON that can be parsed may be too deep to be encoded
        raise BadFrame("a frame whose JSON is broken", text) from None
    except TypeError:
        raise BadFrame("a frame without an array of messages", text) from None
    if _is_reason(value):
        return Frame(DISCONNECT, reason=(value[0], value[1]))
    raise BadFrame("a close frame without a code and a reason", text)


def _messages(values: object) -> list[str]:
    if not isinstance(values, list):
        raise TypeError("no array")
    # Applications on sockjs-tornado may send other values, which a page gets parsed.
    return [each if isinstance(each, str) else json_encode(each) for each in values]


def _is_reason(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and type(value[0]) is int
        and isinstance(value[1], str)
    )


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadFrame("a frame that is not UTF-8", data) from None


class Lines:
    """The body of ``xhr`` and ``xhr_streaming``: one frame per line.

    ``limit`` is the most bytes that one frame may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that these bytes complete; raise `BadFrame` if one is too large."""
        whole = split_lines(self._kept, data)
        if len(self._kept) > self._limit or any(len(line) > self._limit for line in whole):
            raise BadFrame(f"a frame of more than {self._limit} bytes", data)
        return self._frames(whole)

    def _frames(self, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if line]


class Events(Lines):
    """The body of ``eventsource``: ``data:`` lines, with an empty line after each frame."""

    # A server escapes these in a frame, because a browser's EventSource would not keep them.
    _escaped = re.compile(rb"%(25|0[aAdD]|00)")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._data: bytearray | None = None

    def _frames(self, lines: list[bytes]) -> list[bytes]:
        frames = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                if self._data is None:
                    self._data = bytearray()
                else:
                    self._data += b"\n"
                self._data += line[5:].removeprefix(b" ")
                if len(self._data) > self._limit:
                    raise BadFrame(f"a frame of more than {self._limit} bytes", line)
            elif not line and self._data is not None:
                frame, self._data = bytes(self._data), None
                frames.append(self._escaped.sub(_unescaped, frame))
        return frames


Splitter = Union[Lines, Events]


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))
