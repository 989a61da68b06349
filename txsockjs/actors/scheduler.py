"""`Scheduler`: the run queue shared by the actors of one router.

Rules: nothing runs inside something else; steps told meanwhile are queued in order. A turn starts
with the first `tell`, runs until the queue is empty and then flushes what it changed, all in the
caller's stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextvars import copy_context
from threading import get_ident
from typing import Any, Callable, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import WrongThread
from .pace import Pace

_log = Logger()

_T = TypeVar("_T")
_Step = tuple[Callable[..., None], tuple[Any, ...]]

# Actors that keep telling each other must not starve the reactor: after so many steps the turn
# is flushed and goes on in the reactor's next iteration.
_STEPS_PER_TURN = 2048
# The same goes for an actor that has more to send after each flush.
_FLUSHES_PER_TURN = 256


class Scheduler:
    """The run queue shared by the actors of one router, in one thread.

    ``thread`` is the identity of that thread, or None before the first turn. ``context`` is the
    program's; each connection's context is a copy of it, and not of the one in which its session
    happens to open.
    """

    __slots__ = (
        "_clock",
        "_flushes",
        "_immediate",
        "_next",
        "_running",
        "_steps",
        "_wake",
        "context",
        "thread",
    )

    def __init__(self, clock: IReactorTime, immediate_flush: bool = True) -> None:
        self._clock = clock
        self._immediate = immediate_flush
        self._steps: deque[_Step] = deque()
        self._next: list[_Step] = []
        self._flushes: list[Callable[[], None]] = []
        self._running = False
        self._wake: IDelayedCall | None = None
        self.context = copy_context()
        self.thread: int | None = None

    def check_thread(self) -> None:
        """Raise `WrongThread` outside the thread in which the first turn ran."""
        if self.thread != get_ident():
            if self.thread is not None:
                raise WrongThread(
                    "a session may be used in the reactor's thread only; "
                    "use reactor.callFromThread to get there"
                )
            self.thread = get_ident()

    def begin(self) -> bool:
        """Begin a turn, to be ended by `end`, if none is running and nothing waits for one."""
        if self.thread != get_ident():
            self.check_thread()
        if self._running or self._steps:
            return False
        self._running = True
        return True

    def end(self) -> None:
        """Run the steps told since `begin`, flush, and end the turn."""
        try:
            if self._flushes and self._immediate and not self._steps:
                self._flush()  # most turns have nothing else to do
        finally:
            self._running = False
        if self._steps or self._flushes:
            self._run(self._immediate)

    def tell(self, step: Callable[..., None], *arguments: object) -> None:
        """Run ``step`` after the steps told before it: now, if no turn is running."""
        if self.begin():
            try:
                step(*arguments)
            except BaseException:  # noqa: BLE001
                _report(step)
            finally:
                self.end()
        else:
            self._steps.append((step, arguments))
            if not self._running:
                self._run(self._immediate)

    def tell_later(self, step: Callable[..., None], *arguments: object) -> None:
        """Run ``step`` later in this turn, or in the reactor's next iteration; never now."""
        if self.thread != get_ident():
            self.check_thread()
        if self._running:
            self._steps.append((step, arguments))
        else:
            self.tell_next(step, *arguments)

    def tell_next(self, step: Callable[..., None], *arguments: object) -> None:
        """Run ``step`` in the reactor's next iteration."""
        self._next.append((step, arguments))
        self._wake_up()

    def tell_each(self, act: Callable[[_T], object], things: Iterator[_T], most: int) -> None:
        """Call ``act`` for each of ``things``, at most ``most`` of them in one turn.

        The rest follow in the reactor's next iterations; a turn is also bounded in time.
        """
        self.tell(self._each, act, things, most)

    def _each(self, act: Callable[[_T], object], things: Iterator[_T], most: int) -> None:
        pace = Pace(most)
        for thing in things:
            act(thing)
            if not pace.may_go_on():
                self.tell_next(self._each, act, things, most)
                return

    def turn(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Return ``call(*arguments)``, called in the current turn or in its own."""
        self.check_thread()
        if self._running:
            return call(*arguments)
        self._running = True
        try:
            return call(*arguments)
        finally:
            self.end()

    def flush(self, flush: Callable[[], None]) -> None:
        """Call ``flush`` when the turn has no more steps: now, if no turn is running."""
        self._flushes.append(flush)
        if not self._running:
            self._run(self._immediate)

    def _run(self, flushing: bool) -> None:
        steps = self._steps
        budget = _STEPS_PER_TURN
        rounds = _FLUSHES_PER_TURN if flushing else 0
        self._running = True
        try:
            while True:
                while steps and budget:
                    budget -= 1
                    step, arguments = steps.popleft()
                    try:
                        step(*arguments)
                    except BaseException:  # noqa: BLE001
                        _report(step)
                if not (rounds and self._flushes):
                    break
                rounds -= 1
                self._flush()
        finally:
            self._running = False
            if steps or self._flushes:
                self._wake_up()

    def _flush(self) -> None:
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            try:
                flush()
            except BaseException:  # noqa: BLE001
                _report(flush)

    def _wake_up(self) -> None:
        if self._wake is None:
            self._wake = self._clock.callLater(0, self._awake)

    def _awake(self) -> None:
        self._wake = None
        self._steps.extend(self._next)
        self._next.clear()
        self._run(True)


def _report(step: Callable[..., None]) -> None:
    # An application's exceptions end in its mailbox. An exception here is a defect of a producer, a
    # transport or this package, and must not end the other sessions. That includes SystemExit and
    # KeyboardInterrupt: the reactor handles SIGINT, so it was the code that raised them.
    _log.failure("a step of {step} failed", step=step)
