"""`Mailbox`: makes the calls to one application object, one after the other.

Rules: the application gets one message at a time; only messages wait while its callback awaits.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextvars import Context
from itertools import islice
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from . import pace
from .awaiting import to_deferred
from .scheduler import Scheduler
from .waiting import ANYTHING, DROPPING, NOTHING, OVER, WaitingRoom

_Call = tuple[Callable[[Any], Any], Any, int]

# The most calls in one turn: a mailbox full of small messages must not hold up the others.
_CALLS_PER_STEP = 1024
# How many calls are made before the first look at the clock: most batches are smaller.
_FIRST_LOOK = 4


class Activity(enum.Enum):
    """What a mailbox is doing.

    ========  ==============================================================  ========
    state     what happens                                                    leads to
    ========  ==============================================================  ========
    IDLE      something to call comes                                         RUNNING
    RUNNING   nothing is left to call                                         IDLE
    RUNNING   a call returned what has to be awaited                          AWAITING
    RUNNING   the time of a turn is over and something is left to call        YIELDED
    AWAITING  what was awaited fired, or was given up                         RUNNING
    YIELDED   the reactor's next iteration came, or the mailbox was given up  RUNNING
    ========  ==============================================================  ========

    What comes meanwhile queues in all of them but IDLE.
    """

    IDLE = "idle"
    RUNNING = "running"
    AWAITING = "awaiting"
    YIELDED = "yielded"


# Looked up once: access to enum members is slow before Python 3.12.
IDLE, RUNNING, AWAITING, YIELDED = Activity

# Returned by `Mailbox._call_each` when the time of a turn is over.
_LATER = object()


class _Batch:
    """Messages that came and wait together: one entry in a mailbox, for any number."""

    __slots__ = ("cost", "size", "waiting")

    def __init__(self, messages: list[Any], cost: int) -> None:
        self.size = sum(map(len, messages)) + cost * len(messages)
        self.cost = cost
        self.waiting = messages[::-1]  # the next one is the last


class Mailbox(WaitingRoom, ABC):
    """Calls to one application object, one at a time, in order, in one `contextvars.Context`.

    Above ``limit`` bytes, senders have to wait.
    """

    __slots__ = ("_awaited", "_calls", "_context", "activity")

    def __init__(self, scheduler: Scheduler, limit: int) -> None:
        super().__init__(scheduler, limit)
        self._context: Context = scheduler.context.copy()
        self.activity = IDLE
        self._awaited: Deferred[Any] | None = None  # awaited now, or once the present call returns
        # Made when first needed: most mailboxes never hold anything.
        self._calls: deque[_Call] | None = None

    @abstractmethod
    def failed(self, failure: Failure) -> None:
        """Handle the failure of a call."""

    @abstractmethod
    def done(self) -> None:
        """Handle the end of the last call."""

    @abstractmethod
    def cancelled(self, awaited: Deferred[object]) -> None:
        """Handle a call that was cancelled and is not over: `abandon` it, now or later."""

    def put(self, call: Callable[[Any], object], argument: object, size: int = 0) -> bool:
        """Call ``call(argument)``, now or after the others; return False if `shut` forbids it."""
        if self._intake is not ANYTHING:
            return False
        self._take(call, argument, size)
        return True

    def shut(self, drop: bool) -> int:
        """Take nothing more; with ``drop``, drop what waits and return how many that were."""
        self._intake = DROPPING if drop else NOTHING
        if self._waiters:
            self.look()
        return self._drop() if drop else 0

    def put_all(self, call: Callable[[Any], object], arguments: list[Any], cost: int) -> int:
        """`put` all ``arguments``, of size ``len(argument) + cost``; return how many were taken."""
        if self._intake is not ANYTHING:
            return 0
        taken = len(arguments)
        if self.activity is not IDLE:
            self._append_all(call, arguments, cost)
            return taken
        self.activity = RUNNING
        if taken == 1:  # same as `_invoke`, inlined: most messages come one by one
            try:
                result = self._context.run(call, arguments[0])
                if result is not None:
                    self._await(result)
            except BaseException:  # noqa: BLE001
                self.failed(Failure())
        else:
            taken = self._invoke_all(call, arguments, cost)
        if self._calls or self._waiters or self.activity is not RUNNING or self._intake is OVER:
            self._work()
        else:
            self.activity = IDLE
        return taken

    def _invoke_all(self, call: Callable[[Any], object], arguments: list[Any], cost: int) -> int:
        """`put_all` more than one while nothing is running; what does not fit into a turn waits."""
        each = iter(arguments)
        result = None
        try:
            # Entering the context once for all of them saves 20 ns for each.
            result = self._context.run(self._call_each, call, each, len(arguments))
            if result is not None and result is not _LATER:
                self._await(result)
        except BaseException:  # noqa: BLE001
            self.failed(Failure())
        rest = list(each)
        if self._intake is DROPPING:
            return len(arguments) - len(rest)
        if rest:
            self._append_all(call, rest, cost)
            if result is _LATER:
                self._yield()
        return len(arguments)

    def _call_each(self, call: Callable[[Any], object], each: Iterator[Any], count: int) -> object:
        """Call until a call returns something, and return it, or until the turn is over."""
        done, look, began = 0, _FIRST_LOOK, pace.clock()
        while look:
            for argument in islice(each, look - done):
                result = call(argument)
                if result is not None or self._intake is DROPPING:
                    return result
            if look >= count:
                return None
            done = look
            look = pace.next_look(done, _CALLS_PER_STEP, began)
        return _LATER

    def close(self, call: Callable[[Any], object]) -> None:
        """Make ``call(None)`` the last call, after what still waits; then `done` is called."""
        self._intake = OVER
        self._take(call, None, 0)

    def give_up(self) -> int:
        """Cancel the callback that still awaits and drop all but the last; return how many.

        Does nothing if the last one has begun.
        """
        over = self._intake is OVER
        if self.activity not in (AWAITING, YIELDED) or (over and not self._calls):
            return 0
        last = self._calls.pop() if self._calls and over else None
        dropped = self._drop()
        if last is not None:
            self._append(*last)
        awaited = self._awaited
        if awaited is None:  # it goes on in the next iteration, or is running now
            self._scheduler.tell(self._go_on)
        else:
            awaited.cancel()
            if awaited is self._awaited:
                self.cancelled(awaited)
        return dropped

    def abandon(self, awaited: Deferred[object]) -> None:
        """Stop waiting for a call that ignores its cancellation."""
        self._fired(None, awaited)

    # -- the calls that wait

    def _drop(self) -> int:
        waiting = [argument for _, argument, _ in self._calls or ()]
        dropped = sum([len(each.waiting) if type(each) is _Batch else 1 for each in waiting])
        if self._calls:
            self._calls.clear()
        self.size = 0
        return dropped

    def _append(self, call: Callable[[Any], object], argument: object, size: int) -> None:
        if self._calls is None:
            self._calls = deque()
        self._calls.append((call, argument, size))
        self.size += size

    def _append_all(self, call: Callable[[Any], object], arguments: list[Any], cost: int) -> None:
        batch = _Batch(arguments, cost)
        self._append(call, batch, batch.size)

    def _take(self, call: Callable[[Any], object], argument: object, size: int) -> None:
        if self.activity is not IDLE:
            self._append(call, argument, size)
        else:
            self.activity = RUNNING
            self._invoke(call, argument)
            self._work()

    def _work(self) -> None:
        done, look, began = 0, 1, 0.0
        while self._calls and self.activity is RUNNING:
            if done == look:
                began = began or pace.clock()  # most mailboxes are empty after one call
                look = pace.next_look(done, _CALLS_PER_STEP, began)
                if not look:
                    self._yield()
                    break
            done += 1
            call, argument, size = self._calls[0]
            if type(argument) is _Batch:
                message = argument.waiting.pop()
                if not argument.waiting:
                    self._calls.popleft()
                self.size -= len(message) + argument.cost
                self._invoke(call, message)
            else:
                self._calls.popleft()
                self.size -= size
                self._invoke(call, argument)
        if self._waiters:
            self.look()
        if self.activity is RUNNING:
            self.activity = IDLE
            if self._intake is OVER:
                self._context = self._scheduler.context  # this object's own context may refer to it
                self.done()

    def _yield(self) -> None:
        """Go on in the reactor's next iteration, after the turns of other connections."""
        self.activity = YIELDED
        self._scheduler.tell_next(self._go_on)

    def _go_on(self) -> None:
        if self.activity is YIELDED:
            self.activity = RUNNING
            self._work()

    def _invoke(self, call: Callable[[Any], object], argument: object) -> None:
        try:
            result = self._context.run(call, argument)
            if result is not None:
                self._await(result)
        except BaseException:  # noqa: BLE001
            # SystemExit and its like, too, as in Deferreds; otherwise the mailbox would stay
            # RUNNING.
            self.failed(Failure())

    def _await(self, result: object) -> None:
        awaited = to_deferred(result, self._scheduler.turn, self._context)
        if awaited is not None:
            self._awaited = awaited
            awaited.addErrback(self.failed)
            awaited.addCallback(self._fired, awaited)
            if self._awaited is not None:  # it may have fired already
                self.activity = AWAITING

    def _fired(self, result: object, awaited: Deferred[object]) -> None:
        if awaited is not self._awaited:
            return  # given up meanwhile
        self._awaited = None
        if self.activity is AWAITING:
            self.activity = RUNNING
            self._scheduler.tell(self._work)
