"""`sockjs.tornado.periodic`: periodic calls that can be put off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from .loop import reactor_of

__all__ = ["Callback"]

_log = Logger()


class Callback:
    """Call ``callback`` every ``callback_time`` milliseconds, counted from the last `delay`.

    ``io_loop`` may be a reactor; otherwise the global one is used. An exception of ``callback`` is
    logged, and the next call comes as usual.
    """

    def __init__(
        self, callback: Callable[[], object], callback_time: float, io_loop: Any = None
    ) -> None:
        if not callback_time > 0:
            raise ValueError(f"callback_time must be > 0 milliseconds, not {callback_time!r}")
        self.callback = callback
        self.callback_time = callback_time
        self._reactor = reactor_of(io_loop)
        self._next_run = 0.0
        self._timer: IDelayedCall | None = None

    def calculate_next_run(self) -> float:
        """Return the time ``callback_time`` from now, in seconds on the reactor's clock."""
        now: float = self._reactor.seconds()
        return now + self.callback_time / 1000

    def start(self, timeout: float | timedelta | None = None) -> None:
        """Start, if it is not running.

        ``timeout`` is when the first call comes, as for Tornado's ``add_timeout``: a time in
        seconds on the reactor's clock, or a `timedelta` from now. It defaults to one
        ``callback_time`` from now.
        """
        if self._timer is not None:
            return
        if timeout is None:
            self._next_run = self.calculate_next_run()
        elif isinstance(timeout, timedelta):
            self._next_run = self._reactor.seconds() + timeout.total_seconds()
        else:
            self._next_run = timeout
        self._wait()

    def stop(self) -> None:
        """Stop; does nothing if it is not running."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.cancel()

    def delay(self) -> None:
        """Put the next call off to one ``callback_time`` from now."""
        # The timer is left alone; when it fires, it checks this time.
        self._next_run = self.calculate_next_run()

    def _wait(self) -> None:
        left = max(0.0, self._next_run - self._reactor.seconds())
        self._timer = self._reactor.callLater(left, self._fired)

    def _fired(self) -> None:
        self._timer = None
        if self._reactor.seconds() >= self._next_run:
            self._next_run = self.calculate_next_run()
            # Before the call, so that the callback may stop it.
            self._wait()
            self._call()
        else:
            self._wait()

    def _call(self) -> None:
        try:
            self.callback()
        except Exception:  # noqa: BLE001
            _log.failure("{callback!r} failed", callback=self.callback)
