"""`use_monotonic_time`: a reactor whose time goes by evenly, whatever is done to the wall clock.

Rules: it is the program's to decide, before anything is scheduled; ``twistd sockjs`` does, nothing
else here. What needs the time of day asks `time.time` for it, and never the reactor.
"""

from __future__ import annotations

import time
from typing import Any

from twisted.python.runtime import seconds as wall_clock


def use_monotonic_time(reactor: Any = None) -> None:
    """Let a reactor count by `time.monotonic`, where Twisted's count by the wall clock.

    Else a clock that is set forward by an hour ends every time-out at once, and one that is set
    back stops all timers, heartbeats among them, for that hour. ``reactor`` is the global one
    unless given; one that has a time of its own, such as a `Clock`, is left alone.

    Call it first of all. Raises `RuntimeError` if calls are pending: they would come at the wrong
    time. Afterwards ``reactor.seconds()`` is no time of day.
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
