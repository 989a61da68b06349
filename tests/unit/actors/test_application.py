"""The application's side: one callback at a time, supervision, and room in the mailbox."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import textwrap
from contextvars import Context
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import capturedLogs, formatEvent

from txsockjs.actors.awaiting import to_deferred
from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.states import RECEIVED
from txsockjs.errors import Refused

from ...support.fakes import FakeReceiver, FakeServer, make_session, open_session, settle
from ...support.running import ROOT


class Boom(Exception):
    """What a careless application raises."""


# -- one at a time


@pytest.mark.parametrize("style", ["deferred", "coroutine", "awaitable"])
def test_messages_wait_while_a_callback_awaits_and_the_rest_does_not(style: str) -> None:
    session, server, receiver = open_session(heartbeat_delay=25)
    gates: list[Deferred[None]] = []

    class Awaitable:
        def __await__(self) -> Any:
            return gates[-1].__await__()

    async def wait(connection: SockJSConnection) -> None:
        await gates[-1]
        connection.send("done")

    def react(connection: SockJSConnection, message: str) -> Any:
        gates.append(Deferred())
        if style == "deferred":
            return gates[-1].addCallback(lambda _: connection.send("done"))
        if style == "coroutine":
            return wait(connection)
        return Awaitable()

    server.on_message = react
    session.tell(RECEIVED, ["a", "b"])
    session.post("e")
    session.tell(RECEIVED, ["c"])
    assert server.recorder.calls == ["open", "a"]
    session.send("meanwhile")
    server.reactor.advance(25)
    assert receiver.heard == ["o", "ameanwhile", "h"]
    gates[0].callback(None)
    assert server.recorder.calls == ["open", "a", "b"]
    gates[1].callback(None)
    assert server.recorder.calls == ["open", "a", "b", ("event", "e"), "c"]
    gates[2].callback(None)
    settle(server)


def test_an_asyncio_future_is_awaited_too() -> None:
    session, server, _ = open_session()
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()
        server.on_message = lambda connection, message: future if message == "a" else None
        session.tell(RECEIVED, ["a", "b"])
        assert server.recorder.calls == ["open", "a"]
        future.set_result(None)
        loop.run_until_complete(asyncio.sleep(0))
        assert server.recorder.calls == ["open", "a", "b"]
    finally:
        loop.close()
    settle(server)


def test_a_coroutine_may_await_what_asyncio_has() -> None:
    session, server, receiver = open_session()

    async def react(connection: SockJSConnection, message: str) -> None:
        await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(Boom())
        try:
            await asyncio.gather(future)
        except Boom:
            connection.send(f"after {message}")
            await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.001, "x")))
            connection.send("the end")

    async def main() -> None:
        server.on_message = react
        session.tell(RECEIVED, ["a", "b"])
        assert server.recorder.calls == ["open", "a"]
        while len(receiver.heard) < 5:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert receiver.heard == ["o", "aafter a", "athe end", "aafter b", "athe end"]
    settle(server)


def test_what_asyncio_has_is_cancelled_too(logged: Any) -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    trace: list[str] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            trace.append("cleaned up")

    async def main() -> None:
        server.on_message = react
        session.tell(RECEIVED, ["a"])
        receiver.vanish()
        server.reactor.advance(0)
        server.reactor.advance(5)
        while not trace:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert server.recorder.calls == ["open", "a", "close"]
    assert logged == []
    settle(server)


def test_asyncio_sleeps_under_its_reactor() -> None:
    program = """
        from twisted.internet import asyncioreactor
        asyncioreactor.install()
        import asyncio
        from twisted.internet import reactor
        from tests.support.fakes import open_session
        from txsockjs.actors.states import RECEIVED

        async def react(connection, message):
            await asyncio.sleep(0.001)
            connection.send(message)
            reactor.callLater(0, reactor.stop)

        session, server, receiver = open_session()
        server.on_message = react
        reactor.callLater(0, session.tell, RECEIVED, ["slept"])  # once the loop runs
        reactor.callLater(10, reactor.stop)
        reactor.run()
        print(receiver.heard)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (done.stdout, done.stderr) == ("['o', 'aslept']\n", "")


def test_an_awaitable_that_is_done_already_costs_no_wait() -> None:
    session, server, _ = open_session()
    server.on_message = lambda connection, message: succeed(None)
    session.tell(RECEIVED, ["a", "b"])
    assert server.recorder.calls == ["open", "a", "b"]
    settle(server)


def test_what_a_callback_returns_otherwise_means_nothing() -> None:
    session, server, _ = open_session()
    server.on_message = lambda connection, message: message
    session.tell(RECEIVED, ["a", "b"])
    assert server.recorder.calls == ["open", "a", "b"]
    settle(server)


def test_one_stuck_session_delays_no_other() -> None:
    server = FakeServer()
    stuck, _ = make_session(server=server)
    other, _ = make_session(server=server)
    FakeReceiver().attach(stuck)
    receiver = FakeReceiver().attach(other)
    gate: Deferred[None] = Deferred()
    server.on_message = lambda connection, message: (  # type: ignore[attr-defined]
        gate if connection.session is stuck else connection.send(message)
    )
    stuck.tell(RECEIVED, ["x"])
    other.tell(RECEIVED, ["x"])
    assert receiver.heard == ["o", "ax"]
    gate.callback(None)
    settle(server)


# -- the end


def test_what_the_peer_sent_before_it_went_is_handled_before_on_close() -> None:
    session, server, receiver = open_session()
    gate: Deferred[None] = Deferred()
    server.on_message = lambda connection, message: gate if message == "a" else None
    session.tell(RECEIVED, ["a", "b"])
    receiver.vanish()
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "a"]
    gate.callback(None)
    assert server.recorder.calls == ["open", "a", "b", "close"]
    settle(server)


def test_what_waits_is_dropped_when_the_application_itself_closes() -> None:
    session, server, _ = open_session()
    server.on_message = lambda connection, message: connection.close()
    session.tell(RECEIVED, ["a", "b", "c"])
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "a", "close"]
    assert server.stats.messages_dropped == 2
    settle(server)


def test_a_callback_that_never_ends_is_cancelled_so_that_on_close_is_called() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    cancelled: list[str] = []
    server.on_message = lambda connection, message: Deferred(lambda _: cancelled.append(message))
    session.tell(RECEIVED, ["a", "b"])
    receiver.vanish()
    server.reactor.advance(4)
    assert server.recorder.calls == ["open", "a"]
    assert len(server.leaving) == 1
    server.reactor.advance(2)
    assert cancelled == ["a"]
    assert server.recorder.calls == ["open", "a", "close"]
    assert server.leaving == set()
    settle(server)


def test_a_callback_that_ignores_being_cancelled_does_not_hold_up_on_close() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    gates: list[Deferred[None]] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        while len(gates) < 3:
            gates.append(Deferred())
            try:
                await gates[-1]
            except CancelledError:
                continue

    def close(connection: SockJSConnection, _: None) -> Deferred[None]:
        return last

    last: Deferred[None] = Deferred()
    server.on_message, server.on_close = react, close
    session.tell(RECEIVED, ["a", "b"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(5)
    assert server.recorder.calls == ["open", "a", "close"]
    gates[1].callback(None)
    gates[2].callback(None)  # its end is not the end of on_close
    assert server.leaving
    last.callback(None)
    assert not server.leaving
    settle(server)


def test_a_callback_that_fails_after_the_end_is_logged_with_its_session() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    gates: list[Deferred[None]] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        for _ in range(2):
            gates.append(Deferred())
            with contextlib.suppress(CancelledError):
                await gates[-1]
        raise ValueError("late")

    server.on_message = react
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(5)
    assert server.recorder.calls == ["open", "a", "close"]
    assert server.leaving == set()
    with capturedLogs() as logged:
        gates[1].callback(None)
    assert [event["log_failure"].type for event in logged] == [ValueError]
    assert repr(session) in formatEvent(logged[0])
    settle(server)


def test_the_shutdown_waits_for_an_on_close_that_awaits() -> None:
    session, server, _ = open_session()
    gate: Deferred[None] = Deferred()
    server.on_close = lambda connection, _: gate
    session.close()
    server.reactor.advance(0)
    assert len(server.leaving) == 1
    gate.callback(None)
    assert server.leaving == set()
    settle(server)


# -- supervision


def raiser(connection: SockJSConnection, argument: Any) -> None:
    raise Boom("secret")


def failing(connection: SockJSConnection, argument: Any) -> Any:
    return fail(Boom("secret"))


async def crashing(connection: SockJSConnection, argument: Any) -> None:
    raise Boom("secret")


@pytest.mark.parametrize("react", [raiser, failing, crashing])
@pytest.mark.parametrize("where", ["open", "message", "event"])
def test_an_exception_ends_its_own_session_alone(where: str, react: Any, logged: Any) -> None:
    server = FakeServer()
    bystander, _ = make_session(server=server)
    other = FakeReceiver().attach(bystander)
    session, _ = make_session(server=server)
    setattr(server, "on_" + where, react)
    receiver = FakeReceiver().attach(session)
    recorder = server.recorder  # type: ignore[attr-defined]
    if where == "message":
        session.tell(RECEIVED, ["m", "n"])
    elif where == "event":
        session.post("e")
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert other.heard == ["o"]
    assert bystander.is_open
    assert recorder.calls[0] == "open"
    assert recorder.calls[-1] == "close"
    assert recorder.calls.count("close") == 1
    assert len(logged) == 1
    assert "<Session " in logged[0]["log_format"].format(**logged[0])
    assert logged[0]["log_failure"].check(Boom)
    settle(server)


@pytest.mark.parametrize(
    ("what", "times"),
    # A callback that is cancelled after the end is nothing to report.
    [(SystemExit, 3), (KeyboardInterrupt, 3), (asyncio.CancelledError, 2)],
)
def test_what_is_no_exception_ends_a_session_as_an_exception_does(
    what: Any, times: int, logged: Any
) -> None:
    session, server, receiver = open_session()

    def react(connection: SockJSConnection, message: str) -> None:
        raise what()

    server.on_message = react
    server.on_close = react
    server.recorder.on_error = lambda failure: react(server.recorder, "error")
    session.tell(RECEIVED, ["x"])
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert server.recorder.calls == ["open", "x", "close"]
    assert len(logged) == times
    settle(server)


def test_an_exception_in_on_close_is_logged_and_that_is_all(logged: Any) -> None:
    session, server, _ = open_session()
    server.on_close = raiser
    session.close()
    server.reactor.advance(0)
    assert len(logged) == 1
    settle(server)


def test_on_error_can_decide_otherwise(logged: Any) -> None:
    session, server, _ = open_session()
    seen: list[Any] = []
    server.recorder.on_error = lambda failure: seen.append(failure.type) or True
    server.on_message = raiser
    session.tell(RECEIVED, ["a", "b"])
    assert seen == [Boom, Boom]
    assert session.is_open
    assert logged == []
    settle(server)


def test_an_on_error_that_fails_itself_ends_the_session(logged: Any) -> None:
    session, server, receiver = open_session()
    server.recorder.on_error = lambda failure: 1 / 0
    server.on_message = raiser
    session.tell(RECEIVED, ["a"])
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert [event["log_failure"].type for event in logged] == [ZeroDivisionError, Boom]
    settle(server)


def test_refused_works_in_any_callback_and_is_not_logged(logged: Any) -> None:
    session, server, receiver = open_session()

    async def refuse(connection: SockJSConnection, message: str) -> None:
        raise Refused(4003, "no")

    server.on_message = refuse
    session.tell(RECEIVED, ["a"])
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c4003 no"]
    assert logged == []
    settle(server)


# -- turns of coroutines


def test_what_a_coroutine_sends_between_two_awaits_is_one_frame() -> None:
    session, server, receiver = open_session()
    gates: list[Deferred[str]] = [Deferred(), Deferred()]

    async def react(connection: SockJSConnection, message: str) -> None:
        connection.send("1")
        connection.send("2")
        connection.send(await gates[0])
        connection.send("4")
        try:
            await gates[1]
        except Boom:
            connection.send("5")
            connection.send("6")

    server.on_message = react
    session.tell(RECEIVED, ["a"])
    assert receiver.heard == ["o", "a1,2"]
    gates[0].callback("3")
    assert receiver.heard == ["o", "a1,2", "a3,4"]
    gates[1].errback(Boom())
    assert receiver.heard == ["o", "a1,2", "a3,4", "a5,6"]
    settle(server)


def test_a_cancelled_coroutine_can_clean_up() -> None:
    session, server, receiver = open_session(disconnect_delay=5)
    trace: list[str] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        try:
            await Deferred()
        finally:
            trace.append("cleaned up")

    server.on_message = react
    session.tell(RECEIVED, ["a"])
    receiver.vanish()
    server.reactor.advance(0)
    server.reactor.advance(6)
    assert trace == ["cleaned up"]
    assert server.recorder.calls == ["open", "a", "close"]
    settle(server)


# -- many small messages


def test_a_frame_full_of_messages_does_not_stop_the_reactor() -> None:
    session, server, receiver = open_session()
    server.on_message = lambda connection, message: connection.send(message)
    messages = [str(number) for number in range(5000)]
    session.tell(RECEIVED, messages)
    session.tell(RECEIVED, ["last"])
    assert 0 < len(server.recorder.calls) < 3000
    while len(server.recorder.calls) < 5002:
        server.reactor.advance(0)
    assert server.recorder.calls == ["open", *messages, "last"]
    assert receiver.delivered == [*messages, "last"]
    settle(server)


def test_what_is_left_of_a_large_frame_comes_before_on_close() -> None:
    session, server, receiver = open_session()
    session.tell(RECEIVED, ["x"] * 5000)
    receiver.vanish()
    for _ in range(10):
        server.reactor.advance(0)
    assert server.recorder.calls == ["open", *["x"] * 5000, "close"]
    settle(server)


def test_a_close_in_the_middle_of_a_large_frame_drops_and_counts_the_rest() -> None:
    session, server, _ = open_session()
    server.on_message = lambda connection, message: connection.close() if message == "2000" else 0
    session.tell(RECEIVED, [str(number) for number in range(5000)])
    for _ in range(10):
        server.reactor.advance(0)
    assert server.recorder.calls[-2:] == ["2000", "close"]
    assert server.stats.messages_dropped == 2999
    settle(server)


def test_messages_that_wait_together_take_one_place_in_the_mailbox() -> None:
    session, server, _ = open_session(mailbox_limit=10000)
    gate: Deferred[None] = Deferred()
    server.on_message = lambda connection, message: gate if message == "first" else None
    session.tell(RECEIVED, ["first"])
    session.tell(RECEIVED, [""] * 1000)
    mailbox = session._application
    assert len(mailbox._calls) == 1
    assert mailbox.size == 64000
    assert session.room() is not None
    gate.callback(None)
    assert server.recorder.calls == ["open", "first", *[""] * 1000]
    assert mailbox.size == 0
    settle(server)


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy does not close a coroutine that it collects"
)
def test_a_coroutine_that_is_forgotten_while_it_waits_is_closed_quietly(logged: Any) -> None:
    _, server, _ = open_session(disconnect_delay=5)
    trace: list[str] = []

    async def react(connection: SockJSConnection, message: str) -> None:
        try:
            await Deferred()
        finally:
            trace.append("closed")

    waiting = to_deferred(react(server.recorder, "a"), server.scheduler.turn, Context())
    assert waiting is not None
    del waiting
    gc.collect()
    assert trace == ["closed"]
    assert logged == []
    settle(server)
