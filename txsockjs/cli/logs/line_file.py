"""`LineFile`: a file to which processes append whole lines, and which may be moved or full.

Rules: each write appends whole lines at once (``O_APPEND``), so several processes can share a file.
Nothing blocks on it: a turn writes a bounded share, and a pipe that nobody reads is not written to.
Lines that can't be written are lost and counted, and logged at most once a minute.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections import deque
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_log = Logger()

# In bytes: how much one turn writes, and how much may wait while the file takes nothing.
_SHARE = 64 * 1024
_MOST_WAITING = 1024 * 1024
# A pipe takes up to this many bytes at once without mixing in those of another process.
_WHOLE = getattr(select, "PIPE_BUF", 512)
# In seconds: until a full pipe is tried again.
_RETRY = 0.1
# In seconds: how often losses are logged.
_QUIET = 60.0
_NEWLINE = ord("\n")
_HOW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)


class LineFile:
    """Lines at the end of a file, or of ``output``, a descriptor, if ``path`` is None.

    ``lost`` is how many lines could not be written.
    """

    def __init__(self, reactor: IReactorTime, path: str | None, output: int = 1) -> None:
        self.lost = 0
        self._reactor = reactor
        self._path = path
        self._output = output
        self._name = path or "the standard output"
        self._descriptor: int | None = None
        self._is_pipe = False
        self._lines: deque[bytes] = deque()
        self._size = 0  # of all waiting lines, in bytes
        self._rest = b""  # of lines that were written in part
        self._is_torn = False  # whether the file ends within a line
        self._call: IDelayedCall | None = None
        self._is_full = False  # for a pipe, until it is tried again
        self._told = 0  # how many lost lines were logged
        self._quiet_until: float | None = None

    def open(self) -> None:
        """Open the file, or create it; raises `OSError`."""
        if self._descriptor is None:
            path = self._path
            self._descriptor = os.dup(self._output) if path is None else os.open(path, _HOW, 0o640)
            self._is_pipe = not stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def reopen(self) -> None:
        """Go on with the file at the path, if that is another one or missing."""
        old = self._descriptor
        if old is not None and (self._path is None or self._is_pipe or is_same(self._path, old)):
            return
        self._descriptor = None
        try:
            self.open()
        except OSError as error:
            self._descriptor = old
            _log.error(
                "{path} can't be opened, what was open is gone on with: {why}",
                path=self._name,
                why=error.strerror,
            )
            return
        self._is_torn = False
        if old is not None:
            os.close(old)

    def append(self, line: bytes) -> None:
        """Write a line, which ends with a newline, in the next iteration at the latest."""
        if self._descriptor is None or self._size + len(line) > _MOST_WAITING:
            self._lose(1, "it is not open" if self._descriptor is None else "nobody reads it")
            return
        self._lines.append(line)
        self._size += len(line)
        if self._size > _SHARE and not self._is_full:
            self._is_full = not self._write()
        elif self._call is None:
            self._call = self._reactor.callLater(0, self._turn)

    def close(self, patience: float = 1.0) -> None:
        """Write what waits, and close the file; a full pipe gets ``patience`` seconds."""
        if self._descriptor is None:
            return
        until = time.monotonic() + patience
        while self._lines or self._rest:
            left = max(until - time.monotonic(), 0.0)
            if not self._write() and not (left and _takes(self._descriptor, left)):
                self._lose(len(self._lines) + self._rest.count(b"\n"), "nobody reads it")
                self._lines.clear()
                self._size, self._rest = 0, b""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        os.close(self._descriptor)
        self._descriptor = None
        if self.lost > self._told:
            self._tell("it is closed now")

    # -- writing

    def _turn(self) -> None:
        self._call = None
        self._is_full = not self._write()
        if self._lines or self._rest:
            delay = _RETRY if self._is_full else 0
            self._call = self._reactor.callLater(delay, self._turn)

    def _write(self) -> bool:
        """Write the share of a turn; return whether the file takes more."""
        descriptor = cast(int, self._descriptor)
        written = 0
        while written < _SHARE and (self._rest or self._lines):
            if self._is_pipe and not _takes(descriptor):
                return False
            data = self._rest or self._next()
            try:
                count = os.write(descriptor, data)
            except BlockingIOError:
                self._rest = data
                return False
            except OSError as error:
                # A newline first ends a partly written line, so that only this one is spoilt.
                self._rest = b""
                self._lose(data.count(b"\n", 1), error.strerror or str(error))
                continue
            written += count
            self._is_torn = data[count - 1] != _NEWLINE
            self._rest = data[count:]
        return True

    def _next(self) -> bytes:
        """Take whole lines off the queue: as many as a pipe takes at once, or one."""
        lines = [self._lines.popleft()]
        size = len(lines[0])
        while self._lines and size + len(self._lines[0]) < _WHOLE:
            size += len(self._lines[0])
            lines.append(self._lines.popleft())
        self._size -= size
        if self._is_torn:
            lines.insert(0, b"\n")
        return b"".join(lines)

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        if self._quiet_until is None or self._reactor.seconds() >= self._quiet_until:
            self._tell(why)

    def _tell(self, why: str) -> None:
        count, self._told = self.lost - self._told, self.lost
        self._quiet_until = self._reactor.seconds() + _QUIET
        _log.error(
            "{path} did not take {count} lines, which are lost: {why}",
            path=self._name,
            count=count,
            why=why,
        )


def is_same(path: str, descriptor: int) -> bool:
    """Return whether a path leads to the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _takes(descriptor: int, patience: float = 0.0) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(1000 * patience))
