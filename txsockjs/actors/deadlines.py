"""`Deadline`, `Sweep`: time-outs that a stall of the program does not trigger.

Rules: timers run before sockets are read, so after a stall (a callback that blocked, a stopped
process, a suspended machine) data that arrived in time may still be unread. A deadline or a sweep
that runs more than `STALL` seconds late is therefore put off, once, by `GRACE` seconds. Every
time-out that ends a session or a connection is one of these; timers that only send need not be.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Both in seconds.
STALL = 1.0
GRACE = 1.0


class Deadline:
    """Call ``over``, once, ``seconds`` from now, unless it is cancelled before.

    Has the part of `IDelayedCall` that Twisted's time-outs use.
    """

    __slots__ = ("_call", "_over", "_put_off", "_reactor")

    def __init__(self, reactor: IReactorTime, seconds: float, over: Callable[[], object]) -> None:
        self._reactor = reactor
        self._over = over
        self._put_off = False
        self._call: Any = reactor.callLater(seconds, self._check)

    def active(self) -> bool:
        """Return whether it is still to come."""
        return self._call is not None and bool(self._call.active())

    def cancel(self) -> None:
        """Cancel it; does nothing if it is over."""
        if self.active():
            self._call.cancel()
        self._call = None

    def reset(self, seconds: float) -> None:
        """Start again: it comes ``seconds`` from now."""
        self._put_off = False
        self._call.reset(seconds)

    def _check(self) -> None:
        call, self._call = self._call, None
        if not self._put_off and _is_late(self._reactor, call):
            self._put_off = True
            self._call = self._reactor.callLater(GRACE, self._check)
        else:
            self._over()


class Patience:
    """A clock for Twisted's own time-outs, whose ``callLater`` makes deadlines."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor

    def callLater(self, seconds: float, over: Callable[[], object]) -> Deadline:
        """Make a `Deadline`."""
        return Deadline(self._reactor, seconds, over)


class Sweep:
    """Call ``sweep(until)`` periodically, to end what was due by then.

    ``until`` is the present, on the reactor's clock. In a late sweep it is the time of the previous
    one, because nothing may have been read since; the next sweep follows after `GRACE` seconds. If
    ``sweep`` returns true, it had more to do than fits into a turn, and goes on in the next
    iteration.
    """

    __slots__ = ("_call", "_interval", "_last", "_reactor", "_sweep")

    def __init__(self, reactor: IReactorTime, sweep: Callable[[float], bool | None]) -> None:
        self._reactor = reactor
        self._sweep = sweep
        self._interval = 0.0
        self._last = 0.0
        self._call: IDelayedCall | None = None

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._call is not None

    def start(self, interval: float) -> None:
        """Call every ``interval`` seconds from now on."""
        if self._call is None:
            self._interval = interval
            self._last = self._reactor.seconds()
            self._call = self._reactor.callLater(interval, self._run)

    def stop(self) -> None:
        """Stop, leaving no timer behind; does nothing if it is not running."""
        if self._call is not None:
            call, self._call = self._call, None
            call.cancel()

    def _run(self) -> None:
        now = self._reactor.seconds()
        late = _is_late(self._reactor, self._call)
        until = self._last if late else now
        self._last = now
        # Before the call, so that a failure does not end the sweeps.
        self._call = self._reactor.callLater(GRACE if late else self._interval, self._run)
        if self._sweep(until) and self._call is not None and not late:
            self._call.reset(0)


# `Any`: a sweep that runs has a call, though its type says it may be None.
def _is_late(reactor: IReactorTime, call: Any) -> bool:
    return bool(reactor.seconds() - call.getTime() > STALL)
