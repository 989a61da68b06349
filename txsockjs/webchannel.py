"""`Channel`: a connection of twisted.web whose pipelined requests leave the others their turns.

Rules: it parses as twisted.web does, and waits between two requests when its turn is over. Made by
the site; all that it knows of the inside of `HTTPChannel` is here and in `takeover`.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from .pace import Pace

# How many requests may be answered in a turn.
_MOST = 64


class Channel(HTTPChannel):
    """An HTTP/1.1 channel; ``callLater`` is its site's."""

    paused: bool
    callLater: Any
    _buffer: bytes
    _dataBuffer: list[bytes]
    _networkProducer: Any

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(_MOST)
        self._next_turn: Any | None = None

    def dataReceived(self, data: bytes) -> None:
        """Serve what came, or as much of it as fits into a turn."""
        if not self._busyReceiving:
            self._pace = Pace(_MOST)
        super().dataReceived(data)

    def requestDone(self, request: Request) -> None:
        """Go on to the next request, now or in the next turn."""
        waits = self._buffer or any(self._dataBuffer)
        if not self._pace.may_go_on() and waits and self.persistent:
            self.paused = True  # keeps LineReceiver from what is in its buffer
            self._next_turn = self.callLater(0, self._go_on)
        super().requestDone(request)
        if self.paused:
            self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on writing, and reading unless it waits for its turn."""
        super().resumeProducing()
        if self.paused:
            self._networkProducer.pauseProducing()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget what waits."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        super().connectionLost(reason)

    def _go_on(self) -> None:
        self._next_turn = None
        self.paused = False
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()
        self.dataReceived(b"")
