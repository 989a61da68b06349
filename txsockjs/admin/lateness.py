"""`Lateness`: how late a reactor's timers fire, which is how long its loop is blocked.

Rules: it costs nothing while nobody asks; while somebody does, it runs a timer.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .histogram import Histogram

#: The seconds between two measurements.
INTERVAL = 0.25
#: The longest delay is that of so many last measurements, which are two seconds of them.
RECENT = 8
#: Upper bounds in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# How many seconds measuring goes on after the last question.
_KEEP = 300.0


class Lateness:
    """A histogram of delays, measured from the first `ask` until minutes after the last."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._histogram = Histogram(BOUNDS)
        self._recent: deque[float] = deque([0.0], RECENT)
        self._asked = 0.0
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def ask(self) -> dict[str, object]:
        """Return the histogram, with the ``longest`` recent delay."""
        self._asked = self._reactor.seconds()
        if self._call is None:
            self._wait()
        # Not the longest since the last call, because several may ask.
        return {**self._histogram.dump(), "longest": max(self._recent)}

    def stop(self) -> None:
        """Leave no timer behind."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wait(self) -> None:
        self._due = self._reactor.seconds() + INTERVAL
        self._call = self._reactor.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        self._call = None
        now = self._reactor.seconds()
        late = max(now - self._due, 0.0)  # the clock may be set back
        self._histogram.add(late)
        self._recent.append(late)
        if now - self._asked < _KEEP:
            self._wait()
