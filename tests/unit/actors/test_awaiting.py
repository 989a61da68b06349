"""What callbacks await, without a loop and with asyncio's: contexts, tasks, turns, the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import platform
import weakref
from contextvars import Context, ContextVar, copy_context
from typing import Any, Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks, succeed
from twisted.logger import capturedLogs

from txsockjs import SockJSConnection
from txsockjs.actors.awaiting import to_deferred
from txsockjs.actors.session import Session
from txsockjs.actors.states import RECEIVED

from ...support.fakes import FakeReceiver, FakeServer, make_session, open_session, settle

TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")


async def rounds() -> None:
    """Let the loop do what is due."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture(params=["twisted", "asyncio"])
def play(request: Any) -> Callable[[Any], None]:
    """Run a coroutine function: it is given what lets coroutines go on."""

    async def nothing() -> None:
        pass

    def without_loop(main: Any) -> None:
        with pytest.raises(StopIteration):
            main(nothing).send(None)

    def with_loop(main: Any) -> None:
        asyncio.run(asyncio.wait_for(main(rounds), 30))

    return without_loop if request.param == "twisted" else with_loop


def on_asyncio(main: Any) -> Any:
    """Run a test in a loop of asyncio."""

    def test() -> None:
        asyncio.run(asyncio.wait_for(main(), 30))

    test.__name__ = main.__name__
    return test


# -- one context for each connection


def test_what_on_open_sets_is_there_in_all_callbacks(play: Any) -> None:
    found: list[Any] = []
    gate: Deferred[None] = Deferred()

    class Tenant(SockJSConnection):
        async def on_open(self, info: Any) -> None:
            TENANT.set("ours")

        def on_message(self, message: Any) -> Any:
            found.append(("plain", TENANT.get()))
            TENANT.set("plain")
            return self.on_async() if message == "a" else self.on_generator()

        async def on_async(self) -> None:
            found.append(("async", TENANT.get()))
            await gate
            found.append(("after Deferred", TENANT.get()))
            TENANT.set("async")

        @inlineCallbacks
        def on_generator(self) -> Any:
            found.append(("generator", TENANT.get()))
            yield succeed(None)
            found.append(("after yield", TENANT.get()))

        def on_event(self, event: Any) -> None:
            found.append(("event", TENANT.get()))
            raise ValueError

        def on_error(self, failure: Any) -> bool:
            found.append(("error", TENANT.get()))
            return True

        def on_close(self) -> None:
            found.append(("close", TENANT.get()))

    server = FakeServer()
    session = Session(Tenant, server, expiry=server.settings.disconnect_delay)
    server.sessions.add(session)

    async def main(go_on: Any) -> None:
        FakeReceiver().attach(session)
        session.tell(RECEIVED, ["a", "b"])
        session.post("event")
        await go_on()
        other: Context = Context()
        other.run(TENANT.set, "whoever fires it")
        other.run(gate.callback, None)
        await go_on()
        session.close()
        server.reactor.advance(0)

    play(main)
    assert found == [
        *(("plain", "ours"), ("async", "plain"), ("after Deferred", "plain")),
        *(("plain", "async"), ("generator", "plain"), ("after yield", "plain")),
        *(("event", "plain"), ("error", "plain"), ("close", "plain")),
    ]
    assert TENANT.get() == "nobody"
    settle(server)


def test_a_context_is_its_own_whoever_opens_the_session() -> None:
    found: list[str] = []
    server = FakeServer()

    def open_another(connection: Any, event: Any) -> None:
        TENANT.set("the first one's")
        FakeReceiver().attach(make_session(server=server)[0])

    def look(connection: Any, info: Any) -> None:
        found.append(TENANT.get())

    session, _ = make_session(server=server)
    server.on_open, server.on_event = look, open_another  # type: ignore[attr-defined]
    FakeReceiver().attach(session)
    session.post("event")
    session.post("event")
    inside = copy_context()
    inside.run(TENANT.set, "a caller's")
    inside.run(FakeReceiver().attach, make_session(server=server)[0])
    assert found == ["nobody"] * 4
    settle(server)


def test_a_callback_that_was_given_up_goes_on_inside_on_close_with_its_context() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    gates: list[Deferred[None]] = []
    found: list[str] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        TENANT.set("ours")
        for _ in range(2):
            gates.append(Deferred())
            with contextlib.suppress(CancelledError):
                await gates[-1]
        found.append(TENANT.get())

    server.on_message = react
    server.on_close = lambda connection, _: gates[-1].callback(None)
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(5)
    assert server.recorder.calls == ["open", "a", "close"]
    assert found == ["ours"]
    settle(server)


def test_a_connection_in_its_own_context_is_freed_with_its_session() -> None:
    kept: ContextVar[Any] = ContextVar("kept")
    session, server, receiver = open_session()
    server.on_message = lambda connection, message: kept.set(connection) and None
    session.tell(RECEIVED, ["a"])
    gone = weakref.ref(server.recorder)
    del server.recorder
    gc.disable()
    try:
        receiver.vanish()
        server.reactor.advance(0)
        if platform.python_implementation() == "PyPy":
            gc.collect()
        assert gone() is None
    finally:
        gc.enable()
    settle(server)


def test_a_coroutine_that_awaits_nothing_is_nothing_to_wait_for(play: Any) -> None:
    ran: list[str] = []

    async def quick() -> None:
        ran.append(TENANT.get())
        await succeed(None)

    async def main(go_on: Any) -> None:
        context = Context()
        context.run(TENANT.set, "ours")
        turn = make_session()[1].scheduler.turn
        assert to_deferred(quick(), turn, context) is None
        await go_on()

    play(main)
    assert ran == ["ours"]


# -- tasks


@on_asyncio
async def test_each_stretch_is_a_turn_and_its_task_is_the_current_one() -> None:
    session, server, receiver = open_session()
    outside = asyncio.current_task()
    tasks: list[Any] = []
    gate: Deferred[str] = Deferred()

    async def react(connection: SockJSConnection, message: str) -> None:
        for awaited in (asyncio.sleep(0), gate, succeed("b"), asyncio.sleep(0, "c")):
            tasks.append(asyncio.current_task())
            connection.send("one")
            connection.send("two")
            connection.send(str(await awaited))
        tasks.append(asyncio.current_task())

    server.on_message = react
    session.tell(RECEIVED, ["x", "y"])
    assert len(tasks) == 1  # the first stretch ran at once
    assert asyncio.current_task() is outside
    assert receiver.heard == ["o", "aone,two"]
    await rounds()
    assert receiver.heard == ["o", "aone,two", "aNone,one,two"]
    gate.callback("a")
    assert len(tasks) == 2
    await rounds()
    assert receiver.heard[3:5] == ["aa,one,two,b,one,two", "ac"]
    await rounds()
    first, second = set(tasks[:5]), set(tasks[5:])
    assert len(first) == len(second) == 1
    assert first.isdisjoint(second)
    assert None not in first
    settle(server)


@on_asyncio
async def test_what_is_awaited_fails_where_it_is_awaited() -> None:
    session, server, receiver = open_session()
    gate: Deferred[None] = Deferred()

    async def react(connection: SockJSConnection, message: str) -> None:
        for awaited in (gate, asyncio.wait_for(asyncio.sleep(9), 0.001)):
            try:
                await awaited
            except (ValueError, asyncio.TimeoutError) as error:
                connection.send(type(error).__name__)

    server.on_message = react
    session.tell(RECEIVED, ["x"])
    gate.errback(ValueError())
    while len(receiver.heard) < 3:
        await asyncio.sleep(0.001)
    assert receiver.heard[1] == "aValueError"
    assert receiver.heard[2].endswith("TimeoutError")
    settle(server)


@on_asyncio
async def test_a_task_that_is_cancelled_cancels_the_deferred_it_awaits() -> None:
    session, server, receiver = open_session()
    cancelled: list[object] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        if message == "soon":
            asyncio.get_running_loop().call_later(0.001, task.cancel)
        else:
            task.cancel()
        try:
            await Deferred(cancelled.append)
        except asyncio.CancelledError:
            connection.send(f"cancelled {message}")

    server.on_message = react
    session.tell(RECEIVED, ["soon", "at once"])
    while len(receiver.heard) < 3:
        await asyncio.sleep(0.001)
    assert receiver.heard[1:] == ["acancelled soon", "acancelled at once"]
    assert len(cancelled) == 2
    settle(server)


@on_asyncio
async def test_a_callback_that_is_cancelled_has_time_to_end_before_on_close() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    trace: list[str] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            trace.append(f"ended before on_close: {'close' not in server.recorder.calls}")

    server.on_message = react
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(5)
    await rounds()
    assert trace == ["ended before on_close: True"]
    assert server.recorder.calls == ["open", "a", "close"]
    assert server.leaving == set()
    settle(server)


@on_asyncio
async def test_a_callback_that_ignores_being_cancelled_has_no_more_time_than_that() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    gates: list[Any] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        while len(gates) < 2:
            gates.append(asyncio.get_running_loop().create_future())
            with contextlib.suppress(asyncio.CancelledError):
                await gates[-1]

    server.on_message = react
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(5)
    await rounds()
    assert server.recorder.calls == ["open", "a"]
    server.reactor.advance(5)
    assert server.recorder.calls == ["open", "a", "close"]
    assert server.leaving == set()
    gates[-1].set_result(None)
    await rounds()
    settle(server)


@pytest.mark.parametrize("stretch", [0, 1])
@pytest.mark.parametrize("what", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_whatever_a_task_raises_ends_its_session_and_not_the_loop(what: Any, stretch: int) -> None:
    session, server, receiver = open_session()

    async def react(connection: SockJSConnection, message: str) -> None:
        for _ in range(stretch):
            await asyncio.sleep(0)
        raise what()

    async def main() -> None:
        server.on_message = react
        session.tell(RECEIVED, ["a", "b"])
        await rounds()

    with capturedLogs() as logged:
        asyncio.run(main())
        server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert [each["log_failure"].type for each in logged] == [what]
    assert server.recorder.calls == ["open", "a", "close"]
    settle(server)
