"""`Production`: a producer that a session pauses and resumes as its client reads.

Rules: the session handles the exceptions of its producer.
"""

from __future__ import annotations

from typing import Any, Callable


class Production:
    """A producer, as registered with Twisted's ``IConsumer.registerProducer``.

    A push producer is told of changes only; a pull producer is asked each time there is room.
    """

    __slots__ = ("_paused", "_producer", "_resumed", "_streaming")

    def __init__(
        self, producer: Any, streaming: bool, resumed: Callable[[], object] | None
    ) -> None:
        self._producer = producer
        self._streaming = streaming
        self._resumed = resumed
        self._paused = False

    @property
    def is_waiting(self) -> bool:
        """Whether it is a pull producer, or a push producer that is paused."""
        return self._paused or not self._streaming

    def pause_or_resume(self, room: bool) -> None:
        """Resume the producer if there is ``room`` for what it produces, else pause it."""
        if not self._streaming:
            if room:
                self._resume()
        elif room is self._paused:
            self._paused = not room
            if room:
                self._resume()
            else:
                self._producer.pauseProducing()

    def _resume(self) -> None:
        self._producer.resumeProducing()
        if self._resumed is not None:
            self._resumed()

    def stop(self) -> None:
        """Stop the producer, because its consumer is gone."""
        self._producer.stopProducing()
