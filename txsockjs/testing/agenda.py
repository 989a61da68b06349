"""`Agenda`: the actions of a client in memory, run once the server has returned.

Rules: no action runs inside a call of the server or inside another action.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

Action = Callable[[], object]


class Agenda:
    """Actions in order; they run when `do` is called, or in the clock's next iteration."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._actions: deque[Action] = deque()
        self._acting = False
        self._wake: IDelayedCall | None = None
        self._problem: Exception | None = None

    def do(self, action: Action | None = None) -> None:
        """Run all queued actions, then this one; raise the error passed to `fail` meanwhile."""
        if action is not None:
            self._actions.append(action)
        self._run()
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def later(self, action: Action) -> None:
        """Run this soon."""
        self._actions.append(action)
        if not self._acting and self._wake is None:
            self._wake = self._clock.callLater(0, self._awake)

    def fail(self, problem: Exception) -> None:
        """Raise this in the test the next time it uses the client."""
        self._problem = problem

    def clear(self) -> None:
        """Forget all actions."""
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
    """Data for a client; it is read at once, or kept while ``reading`` is false."""

    def __init__(self) -> None:
        self.reading = True
        self._kept: list[Action] = []

    def read(self, action: Action) -> None:
        """Run the action that reads, or keep it."""
        if self.reading:
            action()
        else:
            self._kept.append(action)

    def read_on(self) -> None:
        """Read what was kept, and everything from now on."""
        self.reading = True
        kept, self._kept = self._kept, []
        for action in kept:
            action()

    def clear(self) -> None:
        """Forget what was kept."""
        self._kept.clear()
