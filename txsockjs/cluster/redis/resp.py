"""Redis's protocol, RESP3: commands to bytes, bytes to replies; no I/O.

Rules: a server's push (mostly a publication) is a `Push`; an error is a `ReplyError`, which is
returned, not raised. hiredis reads replies where it is installed; `Reader` does the same, and as
fast on PyPy.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable

from ...errors import SockJSError

hiredis: Any
try:
    hiredis = importlib.import_module("hiredis")
except ImportError:
    hiredis = None


class ReplyError(SockJSError):
    """Redis refused a command; the message is its own."""


class BrokenReply(SockJSError):
    """The data is not RESP, so nothing after it can be read."""


class _Push(list[Any]):
    """A message that a server sends without being asked: a kind, and its arguments."""


#: Returned by a reader that needs more bytes.
NOTHING: Any = object()
Push: type[list[Any]] = _Push if hiredis is None else hiredis.PushNotification


def command(*arguments: bytes) -> bytes:
    """Write a command."""
    parts = [b"*%d\r\n" % len(arguments)]
    parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in arguments]
    return b"".join(parts)


def publish(channel: bytes, data: bytes) -> bytes:
    """Write the most frequent command."""
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(channel),
        channel,
        len(data),
        data,
    )


def make_reader() -> Any:
    """Return a reader: ``feed(data)`` takes bytes, ``gets()`` returns a reply or `NOTHING`."""
    if hiredis is None:
        return Reader(_Push)
    return hiredis.Reader(protocolError=BrokenReply, replyError=ReplyError, notEnoughData=NOTHING)


class _Short(Exception):
    """A reply is incomplete; at least this many bytes are needed."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class Reader:
    """Reads replies in Python."""

    def __init__(self, push: type[list[object]] = _Push) -> None:
        self._push = push
        self._data = b""
        self._place = 0
        self._needed = 0

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._data = self._data[self._place :] + data
        self._needed -= self._place
        self._place = 0

    def gets(self) -> object:
        """Return the next reply, or `NOTHING`; raise `BrokenReply`."""
        if len(self._data) < self._needed:
            return NOTHING
        start = self._place
        try:
            reply = self._read()
        except _Short as short:
            # A reply is read again from its beginning, but not before all announced bytes are
            # there.
            self._place = start
            self._needed = short.needed
            return NOTHING
        except ValueError as error:
            raise BrokenReply(str(error)) from None
        return reply

    def _line(self) -> bytes:
        end = self._data.find(b"\r\n", self._place)
        if end < 0:
            raise _Short(len(self._data) + 1)
        line = self._data[self._place : end]
        self._place = end + 2
        return line

    def _read(self) -> object:
        line = self._line()
        read = _KINDS.get(line[:1])
        if read is None:
            raise ValueError(f"a reply can't begin with {line[:1]!r}")
        return read(self, line[1:])

    def _bulk(self, size: bytes) -> bytes | None:
        length = int(size)
        if length < 0:
            return None
        start, end = self._place, self._place + length
        if len(self._data) < end + 2:
            raise _Short(end + 2)
        self._place = end + 2
        return self._data[start:end]

    def _array(self, size: bytes) -> list[object] | None:
        length = int(size)
        return [self._read() for _ in range(length)] if length >= 0 else None

    def _map(self, size: bytes) -> dict[Any, Any]:
        return {self._read(): self._read() for _ in range(int(size))}

    def _pushed(self, size: bytes) -> list[object]:
        return self._push(self._read() for _ in range(int(size)))

    def _error(self, line: bytes) -> ReplyError:
        return ReplyError(line.decode("utf-8", "replace"))


_KINDS: dict[bytes, Callable[[Reader, bytes], Any]] = {
    b"+": lambda reader, line: line,
    b"-": Reader._error,
    b":": lambda reader, line: int(line),
    b"$": Reader._bulk,
    b"*": Reader._array,
    b"_": lambda reader, line: None,
    b"%": Reader._map,
    b"~": Reader._array,
    b">": Reader._pushed,
    b"#": lambda reader, line: line == b"t",
    b",": lambda reader, line: float(line),
}
