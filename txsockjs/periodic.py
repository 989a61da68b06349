"""`Callback`: a `LoopingCall` whose next run can be put off at no cost.

Rules: one timer, one job, one owner that stops it; putting it off stores a time and touches no
timer, because it happens with every frame. Used for heartbeats.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


class Callback:
    """Call ``callback`` whenever ``callback_time`` seconds went by without a `delay`."""

    __slots__ = ("_callback", "_last", "_loop", "callback_time")

    def __init__(self, callback: Callable[[], object], callback_time: float, reactor: Any) -> None:
        self._callback = callback
        self.callback_time = callback_time
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor
        self._last = 0.0

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._loop.running

    def start(self, timeout: float | None = None) -> None:
        """Start; the first run is ``timeout`` (default ``callback_time``) seconds from now."""
        if self._loop.running:
            return
        first = self.callback_time if timeout is None else timeout
        self._last = self._loop.clock.seconds() + first - self.callback_time
        self._loop.start(first, now=False).addErrback(_failed)

    def stop(self) -> None:
        """Stop; harmless if it is not running."""
        if self._loop.running:
            self._loop.stop()

    def delay(self) -> None:
        """Count ``callback_time`` from now, instead of from the last run."""
        self._last = self._loop.clock.seconds()

    def calculate_next_run(self) -> float:
        """Return when the next run is due, on the reactor's clock."""
        return self._last + self.callback_time

    def _tick(self) -> None:
        loop = self._loop
        now = loop.clock.seconds()
        # A float's rounding must not turn a due run into a wait of nothing.
        if self._last + self.callback_time - now < 1e-6:
            self._last = now
            self._callback()
        # LoopingCall counts its next run from these two.
        loop.starttime = now
        loop.interval = max(self._last + self.callback_time - now, 1e-6)


def _failed(failure: Failure) -> None:
    _log.failure("a periodic callback failed and stopped", failure)
