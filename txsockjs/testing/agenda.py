"""`Agenda`: what a client in memory has to do, and does when the server has returned.

Rules: nothing is done inside a call of the server, or while something else is being done.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

Action = Callable[[], object]


class Agenda:
    """Actions in order; they are done when `do` is called, or in the clock's next iteration."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._actions: deque[Action] = deque()
        self._acting = False
        self._wake: IDelayedCall | None = None
        self._problem: Exception | None = None

    def do(self, action: Action | None = None) -> None:
        """Do all that is on it, and this; raise the error that `fail` was given meanwhile."""
        if action is not None:
            self._actions.append(action)
        self._run()
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def later(self, action: Action) -> None:
        """Do this soon."""
        self._actions.append(action)
        if not self._acting and self._wake is None:
            self._wake = self._clock.callLater(0, self._awake)

    def fail(self, problem: Exception) -> None:
        """Raise this in the test, when it next does or looks at something."""
        self._problem = problem

    def clear(self) -> None:
        """Do nothing more."""
        self._actions.clear()
        self._stop_waiting()

    def _awake(self) -> None:
        self._wake = None
        self._run()

    def _stop_waiting(self) -> None:
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.cancel()

    def _run(self) -> None:
        if self._acting:
            return
        self._stop_waiting()
        self._acting = True
        try:
            while self._actions:
                self._actions.popleft()()
        finally:
            self._acting = False


class Unread:
    """What came for a client; it is read at once, or kept while ``reading`` is false."""

    def __init__(self) -> None:
        self.reading = True
        self._kept: list[Action] = []

    def read(self, action: Action) -> None:
        """Do what reads it, or keep that."""
        if self.reading:
            action()
        else:
            self._kept.append(action)

    def read_on(self) -> None:
        """Read from now on, what was kept first."""
        self.reading = True
        kept, self._kept = self._kept, []
        for action in kept:
            action()

    def clear(self) -> None:
        """Forget what was kept."""
        self._kept.clear()
