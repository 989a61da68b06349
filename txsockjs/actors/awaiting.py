"""Awaits the result of a callback, in turns and in the context of its connection.

Rules: a coroutine starts at once, and each stretch between two awaits is a turn. Where an asyncio
loop runs, as it does under Twisted's asyncio reactor, a coroutine is an asyncio Task and may await
asyncio's awaitables; it may await Deferreds anywhere.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")

#: Makes a call in a turn: `Scheduler.turn`.
Turn = Callable[..., Any]

_NOTHING = object()


def to_deferred(result: object, turn: Turn, context: Context) -> Deferred[Any] | None:
    """Return a Deferred that fires when ``result`` is done; None if there is nothing to wait for.

    A coroutine runs to its first await within the current turn; an exception up to there is raised.
    """
    if isinstance(result, Deferred):
        return result
    if not inspect.iscoroutine(result):
        if asyncio.isfuture(result):
            return Deferred.fromFuture(result)
        if not inspect.isawaitable(result):
            return None
        result = _awaiting(result)
    loop = asyncio._get_running_loop()
    if loop is not None:
        return _as_task(_Stretches(result, turn, context, loop), loop)
    try:
        awaited = context.run(result.send, None)
    except StopIteration as end:
        _check(end.value)
        return None
    return Deferred.fromCoroutine(_Stretches(result, turn, context, None, awaited))


async def finished(call: Callable[[Any], object], router: Any) -> None:
    """Call an application's class method with its router, and wait until it is done."""
    scheduler = router.scheduler
    awaited = to_deferred(call(router), scheduler.turn, scheduler.context)
    if awaited is not None:
        await awaited


def in_context(context: Context, call: Callable[..., _T], *arguments: object) -> _T:
    """Return ``call(*arguments)``, called in ``context``.

    A context can't be entered twice: if it was entered further up in the stack, this enters a copy.
    """
    try:
        context.run(_do_nothing)
    except RuntimeError:
        context = context.copy()
    return context.run(call, *arguments)


def unless_false(answer: Any, refuse: Callable[[], object]) -> object:
    """Call ``refuse`` if ``answer``, or its awaited result, is False; return what to await."""
    if answer is None:
        return None

    def judge(answer: object) -> None:
        if answer is False:
            refuse()

    async def judge_later() -> None:
        judge(await answer)

    if isinstance(answer, Deferred):
        return answer.addCallback(judge)
    if hasattr(answer, "__await__"):
        return judge_later()
    judge(answer)
    return None


def is_asyncio() -> bool:
    """Return whether an asyncio loop runs in this thread, as under Twisted's asyncio reactor."""
    return asyncio._get_running_loop() is not None


def _do_nothing() -> None:
    pass


def _check(result: object) -> None:
    """Raise a Failure that a coroutine returned, as a Deferred would fail with it."""
    if isinstance(result, Failure):
        result.raiseException()


async def _awaiting(result: Awaitable[Any]) -> object:
    return await result


class _Stretches(Coroutine[Any, Any, Any]):
    """Drive ``coroutine``; each stretch between two awaits runs as one turn, in ``context``.

    A Deferred, or a Task of ``loop``, drives this object. ``awaited`` is what the coroutine awaits
    if its first stretch has run already.
    """

    __slots__ = ("_awaited", "_context", "_coroutine", "_loop", "_over", "_turn")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        turn: Turn,
        context: Context,
        loop: AbstractEventLoop | None,
        awaited: object = _NOTHING,
    ) -> None:
        self._coroutine = coroutine
        self._turn = turn
        self._context = context
        self._loop = loop
        self._awaited = awaited
        self._over = False

    def __await__(self) -> Any:
        return self

    def begin(self) -> bool:
        """Run the first stretch now, before the Task would; return whether it was the last."""
        try:
            self._awaited = self.send(None)
        except StopIteration as end:
            self._over = True
            _check(end.value)
        except BaseException:
            self._over = True
            raise
        return self._over

    def send(self, value: object) -> object:
        """Go on to the next await, and return what is awaited there."""
        if self._over:
            raise StopIteration
        awaited, self._awaited = self._awaited, _NOTHING
        if awaited is _NOTHING:
            awaited = self._go_on(self._coroutine.send, value)
        return self._awaitable(awaited)

    def throw(self, error: object, value: object = None, traceback: object = None) -> object:
        """Go on with an exception."""
        if self._over:
            raise StopIteration
        awaited, self._awaited = self._awaited, _NOTHING
        if asyncio.isfuture(awaited):  # the Task was cancelled before it could wait for it
            awaited.cancel()
        error = error if value is None else value
        return self._awaitable(self._go_on(self._coroutine.throw, error))

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()

    def _go_on(self, go_on: Callable[[Any], object], value: object) -> object:
        if self._loop is None:
            return self._turn(in_context, self._context, go_on, value)
        try:
            return self._turn(in_context, self._context, go_on, value)
        except (KeyboardInterrupt, SystemExit):
            # A Task would let these end the loop and the reactor, so they are returned instead.
            raise StopIteration(Failure()) from None

    def _awaitable(self, awaited: Any) -> object:
        """Return ``awaited`` as something that a Deferred, or a Task, can wait for."""
        if self._loop is not None:
            if isinstance(awaited, Deferred):
                return next(_to_future(awaited, self._loop).__await__())
        elif asyncio.isfuture(awaited):
            return Deferred.fromFuture(awaited)
        return awaited


def _to_future(deferred: Deferred[Any], loop: AbstractEventLoop) -> asyncio.Future[None]:
    """Return a future that is done when ``deferred`` is.

    The result stays in ``deferred``, where the awaiting coroutine takes it.
    """
    future: asyncio.Future[None] = loop.create_future()

    def fired(result: object) -> object:
        if future.done():
            return None  # nobody waits for it any more
        future.set_result(None)
        return result

    def cancelled(future: asyncio.Future[None]) -> None:
        if future.cancelled():
            deferred.cancel()

    deferred.addBoth(fired)
    future.add_done_callback(cancelled)
    return future


def _as_task(stretches: _Stretches, loop: AbstractEventLoop) -> Deferred[Any] | None:
    """Run the first stretch of a coroutine now, and the others in an asyncio Task."""
    if sys.version_info >= (3, 12):
        task = asyncio.Task(stretches, loop=loop, eager_start=True)
        if not task.done():
            return Deferred.fromFuture(task)
        _check(task.result())
        return None
    task = asyncio.Task(stretches, loop=loop)
    # As a Task does around each stretch (see "Extending" in asyncio's documentation).
    around = asyncio.current_task(loop)
    if around is not None:
        asyncio.tasks._leave_task(loop, around)
    asyncio.tasks._enter_task(loop, task)
    try:
        over = stretches.begin()
    finally:
        asyncio.tasks._leave_task(loop, task)
        if around is not None:
            asyncio.tasks._enter_task(loop, around)
    return None if over else Deferred.fromFuture(task)
