"""`use_monotonic_time`: a reactor whose time does not jump when the wall clock is set.

Rules: only a program may call it, before anything is scheduled; in this package ``twistd sockjs``
does. Code that needs the time of day calls `time.time`, never the reactor.
"""

from __future__ import annotations

import time
from typing import Any

from twisted.python.runtime import seconds as wall_clock


def use_monotonic_time(reactor: Any = None) -> None:
    """Make a reactor use `time.monotonic` instead of the wall clock.

    Twisted's reactors use the wall clock: setting it forward by an hour ends every time-out at
    once, and setting it back stops all timers, heartbeats included, for an hour. ``reactor``
    defaults to the global one; a reactor with a time of its own, such as a `Clock`, is not changed.

    Call it before anything else. Raises `RuntimeError` if calls are pending, because they would run
    at the wrong time. Afterwards ``reactor.seconds()`` is not the time of day.
    """
    if reactor is None:
        from twisted.internet import reactor  # noqa: PLC0415
    if reactor.seconds is not wall_clock:
        return
    pending = reactor.getDelayedCalls()
    if pending:
        calls = ", ".join(map(str, pending))
        raise RuntimeError(
            f"a reactor's time must be set before anything is scheduled, not after {calls}"
        )
    reactor.seconds = time.monotonic
