"""`Callback`: a `LoopingCall` whose next run can be put off cheaply; `Starter` starts many.

Rules: one timer, one job, one owner that stops it. Putting it off stores a time and touches no
timer, because it happens with every receiver that attaches. `Seldom` has no timer: it limits how
often something is logged.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .pace import Pace

_log = Logger()

# The shortest wait, in seconds.
_AT_ONCE = 1e-6


class Callback:
    """Call ``callback`` whenever ``callback_time`` seconds have passed without a `delay`.

    With a ``starter``, no timer is made if this is stopped within the starter's patience.
    """

    __slots__ = ("_callback", "_last", "_loop", "_reactor", "_starter", "callback_time")

    def __init__(
        self,
        callback: Callable[[], object],
        callback_time: float,
        reactor: IReactorTime,
        starter: Starter | None = None,
    ) -> None:
        self._callback = callback
        self.callback_time = callback_time
        self._reactor = reactor
        self._starter = starter
        self._loop: LoopingCall | None = None
        self._last = 0.0

    @property
    def running(self) -> bool:
        """Whether it is started."""
        if self._loop is not None:
            return self._loop.running
        return self._starter is not None and self in self._starter.waiting

    def start(self, timeout: float | None = None) -> None:
        """Start; the first run is ``timeout`` (default ``callback_time``) seconds from now."""
        if self.running:
            return
        self._loop = None  # one that failed
        first = self.callback_time if timeout is None else timeout
        now = self._reactor.seconds()
        self._last = now + first - self.callback_time
        if self._starter is None or first <= self._starter.longest:
            self._start_timer(now=False)
        else:
            self._starter.waiting[self] = now

    def start_late(self) -> None:
        """Make the timer that `start` put off; run now if a run is due."""
        self._start_timer(now=self._left(self._reactor.seconds()) == _AT_ONCE)

    def _start_timer(self, now: bool) -> None:
        loop = self._loop = LoopingCall(self._tick)
        loop.clock = self._reactor
        loop.start(self._left(self._reactor.seconds()), now=now).addErrback(_failed)

    def stop(self) -> None:
        """Stop; does nothing if it is not running."""
        loop, self._loop = self._loop, None
        if loop is not None:
            if loop.running:
                loop.stop()
        elif self._starter is not None:
            self._starter.waiting.pop(self, None)

    def delay(self) -> None:
        """Count ``callback_time`` from now instead of from the last run."""
        self._last = self._reactor.seconds()

    def _left(self, now: float) -> float:
        # Rounding must not turn a due run into a wait of zero.
        return max(self._last + self.callback_time - now, _AT_ONCE)

    def _tick(self) -> None:
        loop: Any = self._loop
        now = self._reactor.seconds()
        if self._left(now) == _AT_ONCE:
            self._last = now
            self._callback()
        # LoopingCall computes its next run from these two.
        loop.starttime = now
        loop.interval = self._left(now)


class Starter:
    """Starts callbacks late: most clients of a busy server leave before they need a timer.

    Its owner calls `sweep` every ``interval`` seconds while any are ``waiting``. A callback waits
    for ``patience`` seconds, so it has its timer at most ``longest`` seconds after its start.
    """

    __slots__ = ("_patience", "longest", "waiting")

    def __init__(self, interval: float, patience: float = 0.0) -> None:
        self._patience = patience
        self.longest = interval + patience
        #: When each was started, in order. Not a plain dict, which finds its first key slowly after
        #: many deletions.
        self.waiting: OrderedDict[Callback, float] = OrderedDict()

    def sweep(self, until: float, pace: Pace) -> bool:
        """Start the timers of those that have waited long enough; return whether some are left."""
        while self.waiting:
            callback = next(iter(self.waiting))
            if self.waiting[callback] + self._patience > until:
                break
            if not pace.may_go_on():
                return True
            del self.waiting[callback]
            callback.start_late()
        if not self.waiting:
            self.waiting = OrderedDict()  # PyPy's still refers to some of those that were deleted
        return False


def _failed(failure: Failure) -> None:
    _log.failure("a periodic callback failed and stopped", failure)


class Seldom:
    """Call ``tell(count)`` at most once a second, with the number of events since the last call.

    The first event is reported at once. Call `flush` now and then, so that the last ones are, too.
    """

    INTERVAL = 1.0  # seconds

    __slots__ = ("_clock", "_count", "_tell", "_told")

    def __init__(self, clock: Callable[[], float], tell: Callable[[int], object]) -> None:
        self._clock = clock
        self._tell = tell
        self._count = 0
        self._told: float | None = None

    def happened(self) -> None:
        """Count an event, and report it unless one was reported within the last second."""
        self._count += 1
        self.flush()

    def flush(self, last: bool = False) -> None:
        """Report the events not reported yet, after a second or if this is the ``last`` time."""
        now = self._clock()
        # A clock set back must not silence it.
        is_time = self._told is None or abs(now - self._told) >= self.INTERVAL
        if self._count and (last or is_time):
            count, self._count, self._told = self._count, 0, now
            self._tell(count)
