"""The resumable sessions of a router: tokens, and what carries a message."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.transports.resuming.server import ResumeServer
from txsockjs.transports.resuming.session import ResumableSession
from txsockjs.wire.proto import Message


@pytest.fixture
def server() -> ResumeServer:
    return ResumeServer(SockJSRouter(SockJSConnection, reactor=Clock()))


def make(server: ResumeServer) -> ResumableSession:
    return ResumableSession(SockJSConnection, server, 60.0)


def test_a_session_is_found_by_its_token_and_no_other(server: ResumeServer) -> None:
    session, other = make(server), make(server)
    text = session.token.text
    assert server.find(text) is session
    assert server.find(other.token.text) is other
    mixed = text[:16] + other.token.text[16:]
    for token in ("", text[:16], text[:-1], text + "x", mixed):
        assert server.find(token) is None
    server.forget(session)
    assert server.find(text) is None
    assert not server.knows(session)


def test_the_token_before_holds_until_the_new_one_is_confirmed(server: ResumeServer) -> None:
    session = make(server)
    first = session.token.text
    session.token.renew()
    second = session.token.text
    assert second != first
    assert server.find(first) is server.find(second) is session
    session.token.confirm()
    assert server.find(first) is None
    assert server.find(second) is session


def test_what_the_client_has_holds_however_many_answers_are_lost(server: ResumeServer) -> None:
    session = make(server)
    told = [session.token.text]
    for _ in range(20):
        assert server.find(told[0]) is session
        session.token.renew()
        told.append(session.token.text)
        assert server.find(told[0]) is session
    # One arrived, but the word that it did is lost: it holds from now on.
    assert server.find(told[-3]) is session
    assert server.find(told[0]) is None
    assert server.find(told[-3]) is session
    assert server.find(told[-1]) is session
    session.token.renew()
    session.token.confirm()
    assert not any(server.find(text) for text in told)


def test_no_more_than_some_tokens_hold(server: ResumeServer) -> None:
    session = make(server)
    told = [session.token.text]
    for _ in range(20):
        session.token.renew()
        told.append(session.token.text)
    # The first of these makes those before it hold no longer, so the newest come last.
    assert [n for n, text in enumerate(told) if server.find(text)] == [0, *range(13, 21)]


def test_a_broadcast_is_wrapped_once(server: ResumeServer) -> None:
    message: Any = Message("hello")
    wrapped = server.wrap(message)
    assert wrapped == "mhello"
    assert type(wrapped) is Message
    assert server.wrap(message) is wrapped
    assert server.wrap("other") == "mother"
    assert server.wrap(message) is wrapped
