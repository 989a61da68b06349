"""`Outgoing`: messages on their way to the server, and the producer that makes them.

Rules: the producer is paused while more than `HIGH` characters wait; whatever is sent in spite of
that is kept up to a limit.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..wire.limits import MESSAGE_COST
from ..wire.text import Data

# In characters, or bytes of binary messages.
HIGH = 64 * 1024


class Outgoing:
    """A queue that knows its size; ``limit`` is how much may wait."""

    def __init__(self, reactor: IReactorTime, limit: int) -> None:
        self._reactor = reactor
        self._limit = limit
        self._messages: deque[str | bytes] = deque()
        self._size = 0
        self._producer: Any | None = None
        self._pulls = False
        self._paused = False
        self._asking: IDelayedCall | None = None

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def producer_waits(self) -> bool:
        """Whether a registered producer has more to write."""
        return self._producer is not None and (self._pulls or self._paused)

    def add(self, message: str | Data) -> bool:
        """Queue a message; return whether it fits."""
        size = len(message) + MESSAGE_COST
        # One message always fits.
        if self._messages and self._size + size > self._limit:
            return False
        self._messages.append(message if isinstance(message, str) else bytes(message))
        self._size += size
        if self._size > HIGH and self._producer is not None and not self._paused:
            self._paused = True
            if not self._pulls:
                self._producer.pauseProducing()
        return True

    def take(self, most: int) -> list[str | bytes]:
        """Take messages of about ``most`` characters, at least one; ask for more when empty."""
        taken: list[str | bytes] = []
        size = 0
        while self._messages and (not taken or size + len(self._messages[0]) <= most):
            message = self._messages.popleft()
            size += len(message)
            taken.append(message)
        self._size -= size + MESSAGE_COST * len(taken)
        if not self._messages:
            self._ask_later()
        return taken

    def clear(self) -> None:
        """Forget everything, and stop the producer."""
        self._messages.clear()
        self._size = 0
        producer, self._producer = self._producer, None
        self._stop_asking()
        if producer is not None:
            producer.stopProducing()

    # -- the producer

    def register(self, producer: Any, streaming: bool) -> None:
        """Pause and resume a producer; one that is not ``streaming`` is asked before each write."""
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is registered already")
        self._producer = producer
        self._pulls = not streaming
        self._paused = False
        if self._pulls:
            self._ask_later()

    def unregister(self) -> None:
        """Forget the producer."""
        self._producer = None
        self._paused = False
        self._stop_asking()

    def _ask_later(self) -> None:
        # Not now: a producer that writes inside this call would be asked again inside its write.
        if self._asking is None and self._producer is not None and (self._pulls or self._paused):
            self._asking = self._reactor.callLater(0, self._ask)

    def _ask(self) -> None:
        self._asking = None
        if self._producer is not None and not self._messages:
            self._paused = False
            self._producer.resumeProducing()

    def _stop_asking(self) -> None:
        if self._asking is not None:
            asking, self._asking = self._asking, None
            asking.cancel()
