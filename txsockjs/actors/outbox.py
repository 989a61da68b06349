"""`Production`: a registered producer, paused and resumed as a session's output fills and drains.

Rules: a push producer hears of changes only; a pull producer is asked once for each time there is
room. Owned by a session.
"""

from __future__ import annotations

from typing import Any


class Production:
    """A producer in the sense of Twisted's ``IConsumer.registerProducer``."""

    __slots__ = ("_paused", "_producer", "_streaming")

    def __init__(self, producer: Any, streaming: bool) -> None:
        self._producer = producer
        self._streaming = streaming
        self._paused = False

    def regulate(self, room: bool) -> None:
        """Let it produce if there is ``room``, else hold it."""
        if not self._streaming:
            if room:
                self._producer.resumeProducing()
        elif room is self._paused:
            self._paused = not room
            if room:
                self._producer.resumeProducing()
            else:
                self._producer.pauseProducing()

    def stop(self) -> None:
        """Tell it that nobody listens any more."""
        self._producer.stopProducing()
