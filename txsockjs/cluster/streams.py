"""Streams of strings between the processes of one machine: `Control`, to the directory.

Rules: each string follows its length in four bytes. A turn takes at most `_MOST_STRINGS` from one
stream; the rest waits undecoded. `peer` has the streams between workers.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import struct
from typing import Any, Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.pace import Pace

_log = Logger()

# The largest string in bytes; the largest kind is a publication.
_LONGEST = 16 * 1024 * 1024
_MOST_STRINGS = 256
# After how many strings to look at the clock.
_A_FEW = 8

_LENGTH = struct.Struct("!I")


class Stream(Protocol):
    """A stream of strings, read in bounded turns; ``reactor`` is for the next turn.

    Strings sent in one iteration of the reactor leave together.
    """

    reactor: IReactorTime
    transport: Any
    _rest = b""
    _next_turn: IDelayedCall | None = None
    _flush_call: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._unsent: list[bytes] = []

    def sendString(self, string: bytes) -> None:
        """Send a string."""
        self._unsent += (_LENGTH.pack(len(string)), string)
        self.flush_soon()

    def flush_soon(self) -> None:
        """Flush at the end of this iteration of the reactor."""
        if self._flush_call is None:
            self._flush_call = self.reactor.callLater(0, self.flush)

    def flush(self) -> None:
        """Send the strings that wait."""
        if self._flush_call is not None:
            if self._flush_call.active():
                self._flush_call.cancel()
            self._flush_call = None
        if self._unsent:
            data, self._unsent = b"".join(self._unsent), []
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        """Handle the data, or as much of it as fits into a turn."""
        if self._rest:
            data = self._rest + data
        if self._next_turn is not None:  # reading is paused, but some data may be on its way
            self._rest = data
        else:
            self._take_strings(data)

    def _take_strings(self, data: bytes) -> None:
        pace = Pace(_MOST_STRINGS)
        taken, begin = 0, _LENGTH.size
        while begin <= len(data):
            (length,) = _LENGTH.unpack_from(data, begin - _LENGTH.size)
            end = begin + length
            if end > len(data):
                if length > _LONGEST:
                    self._end(f"{length} bytes at once")
                    return
                break
            try:
                taken += self.take(data[begin:end])
            except Exception:  # noqa: BLE001
                _log.failure("a stream between processes brought what is none")
                self._end("what is none")
                return
            begin = end + _LENGTH.size
            if taken >= _A_FEW:
                if not pace.may_go_on(taken):
                    self.transport.pauseProducing()
                    self._next_turn = self.reactor.callLater(0, self._go_on)
                    break
                taken = 0
        start = begin - _LENGTH.size
        self._rest = data[start:] if start else data

    def _go_on(self) -> None:
        self._next_turn = None
        data, self._rest = self._rest, b""
        self._take_strings(data)
        if self._next_turn is None:
            self.transport.resumeProducing()

    def _end(self, what: str) -> None:
        self._rest = b""
        _log.error("a stream between processes brought {what}, which ends it", what=what)
        self.transport.abortConnection()

    def take(self, string: bytes) -> int:
        """Handle a string; return how many things it did."""
        raise NotImplementedError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Leave no timer behind."""
        for call in (self._next_turn, self._flush_call):
            if call is not None and call.active():
                call.cancel()
        self._next_turn = self._flush_call = None
        self._unsent = []


class Control(Stream):
    """The stream between a process and the directory: tables in JSON, both ways."""

    def __init__(
        self,
        reactor: IReactorTime,
        told: Callable[[dict[str, object]], object],
        ended: Callable[[], object],
    ) -> None:
        self.reactor = reactor
        self._told = told
        self._ended = ended

    def say(self, **table: object) -> None:
        """Send a table."""
        if self.transport is not None and self.connected:
            self.sendString(json.dumps(table).encode())

    def take(self, string: bytes) -> int:
        """Handle a table."""
        table = json.loads(string)
        if not isinstance(table, dict):
            raise ValueError(f"not a table: {table!r}")
        self._told(table)
        return 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Report that the other end is gone."""
        super().connectionLost(reason)
        self._ended()
