"""`WaitingRoom`: the senders that wait in front of a mailbox, with their messages.

Rules: waiters are served in order, each after the messages of the one before it were taken; their
number and their bytes are bounded.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Any, Callable

from twisted.internet.defer import Deferred

from ..errors import TooManySenders
from .scheduler import Scheduler

# How many senders may wait in front of one mailbox.
MOST_WAITING = 32


class Intake(enum.Enum):
    """What a mailbox still takes; changes only go down this list."""

    ANYTHING = "anything"
    NOTHING = "nothing"  # except the last call
    DROPPING = "dropping"  # the same, and what was taken before is dropped
    OVER = "over"  # the last call was taken


# Looked up once: access to enum members is slow before Python 3.12.
ANYTHING, NOTHING, DROPPING, OVER = Intake


class _Waiter(Deferred[None]):
    """A waiting sender, which holds ``size`` bytes."""

    def __init__(self, canceller: Callable[[Deferred[None]], None], size: int) -> None:
        super().__init__(canceller)
        self.size = size


class WaitingRoom:
    """The part of a mailbox that makes senders wait.

    ``size`` is how many bytes were taken and not handled yet; above ``limit``, senders wait.
    """

    __slots__ = ("_intake", "_limit", "_scheduler", "_waiters", "size")

    def __init__(self, scheduler: Scheduler, limit: int) -> None:
        self._scheduler = scheduler
        self._limit = limit
        self._intake = ANYTHING
        # Made when first needed: most mailboxes never make anybody wait.
        self._waiters: deque[_Waiter] | None = None
        self.size = 0

    def has_room(self, mark: int) -> bool:
        """Return whether there is room: no more than ``mark`` bytes.

        A subclass with another reason to wait overrides this, and calls `look` when that ends.
        """
        return self.size <= mark

    def room(self) -> Deferred[None] | None:
        """Return None if there is room, else a Deferred that fires when there is again.

        It is for a sender whose messages were taken, and is served before senders whose messages
        still wait. Cancel it to stop waiting.
        """
        if self._intake is not ANYTHING or self.has_room(self._limit):
            return None
        waiter = _Waiter(self._forget, 0)
        self._queue().appendleft(waiter)
        return waiter

    def bring(
        self, bring: Callable[[], Deferred[None] | None], size: int, most: int
    ) -> Deferred[None] | None:
        """Call ``bring()`` in a turn of its own, now or once there is room, and return its result.

        If it has to wait, a Deferred is returned that fires with the result; cancel it to stop
        waiting. Waiters are served in order, each after the messages of the one before it were
        taken. A waiter holds ``size`` bytes. Raises `TooManySenders` if `MOST_WAITING` wait
        already, or if they would hold more than ``most`` bytes together.
        """
        scheduler = self._scheduler
        free = self._intake is not ANYTHING or (not self._waiters and self.has_room(self._limit))
        if free and scheduler.begin():
            try:
                return bring()
            finally:
                scheduler.end()
        waiters = self._queue()
        held = sum([waiter.size for waiter in waiters])
        if len(waiters) >= MOST_WAITING or (held and held + size > most):
            raise TooManySenders()
        waiter = _Waiter(self._forget, size)
        waiter.addCallback(lambda _: bring())
        waiters.append(waiter)
        self.look()  # it may only wait for another turn
        return waiter

    def _queue(self) -> deque[_Waiter]:
        if self._waiters is None:
            self._waiters = deque()
        return self._waiters

    def _forget(self, waiter: Any) -> None:
        if self._waiters and waiter in self._waiters:
            self._waiters.remove(waiter)

    def look(self) -> None:
        """Serve the first waiter, if there is room for it."""
        if self._waiters and (self._intake is not ANYTHING or self.has_room(self._limit // 2)):
            # In a step of its own, because this may be called in the middle of others.
            self._scheduler.tell(self._release)

    def _release(self) -> None:
        if self._waiters and (self._intake is not ANYTHING or self.has_room(self._limit // 2)):
            waiter = self._waiters.popleft()
            if self._waiters:
                self._scheduler.tell(self._release)  # after the messages of this one
            waiter.callback(None)
