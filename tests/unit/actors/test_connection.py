"""What an application subclasses."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SettingsError, SockJSRouter
from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.session import BaseSession
from txsockjs.actors.states import RECEIVED

from ...support.fakes import FakeReceiver, FakeServer, make_session, open_session, settle
from ...support.memory import Echo


def test_an_application_may_keep_its_own_info_in_the_place_of_ours() -> None:
    session, server, _ = open_session()
    other, _ = make_session(server=server)
    mine = FakeServer()
    server.on_open = lambda connection, info: setattr(connection, "info", mine)
    FakeReceiver().attach(other)
    assert session.connection.info is session.info
    assert other.connection.info is mine
    settle(server)


def test_a_callback_that_posts_is_done_before_its_event_comes() -> None:
    session, server, _ = open_session()
    trace: list[str] = []

    def react(connection: SockJSConnection, message: str) -> None:
        trace.append("message starts")
        connection.post("x")
        trace.append("message ends")

    server.on_message = react
    server.on_event = lambda connection, event: trace.append("event")
    session.tell(RECEIVED, ["a"])
    assert trace == ["message starts", "message ends", "event"]
    settle(server)


def test_a_connection_class_that_can_not_be_made_ends_its_session(logged: Any) -> None:
    class Broken(SockJSConnection):
        def __init__(self, session: Any) -> None:
            raise ValueError

    server = FakeServer()
    session = BaseSession(Broken, server)
    server.sessions.add(session)
    receiver = FakeReceiver().attach(session)
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert len(logged) == 1
    receiver.vanish()
    settle(server)


def test_what_is_no_connection_class_is_refused() -> None:
    with pytest.raises(SettingsError, match="a connection must be a class, not 5"):
        SockJSRouter(5)  # type: ignore[arg-type]

    class Careless(Echo):
        def on_message(self) -> None:  # type: ignore[override]
            pass

    problem = r"Careless.on_message must take \(self, message\), not \(self\)"
    with pytest.raises(SettingsError, match=problem):
        SockJSRouter(Careless)


def test_callbacks_may_be_anything_that_can_be_called() -> None:
    def needing(call: Any) -> Any:
        return functools.wraps(call)(lambda self, message: call(self, message, None))

    class Loose(Echo):
        on_open = on_close = print  # type: ignore[assignment]

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)

        @needing
        async def on_message(self, message: Any, database: Any) -> None:
            pass

    SockJSRouter(Loose, reactor=Clock())
