"""Sessions: each promise of the protocol's section 7."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import LEAVE, State
from txsockjs.errors import Refused, WrongThread

from ...support.fakes import (
    FakeReceiver,
    FakeServer,
    Recorder,
    make_session,
    open_session,
    settle,
)

# -- opening


def test_no_session_id_can_forge_a_line_of_the_log() -> None:
    server = FakeServer()
    session = Session(Recorder, server, "a\r\n\x1b[2Jb")
    assert repr(session).startswith("<Session 'a\\r\\n\\x1b[2Jb' ? new")
    assert repr(Session(Recorder, server, "a-é")).startswith("<Session a-é ? new")


# -- closing


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 5000, -1])
def test_codes_that_can_not_be_sent_are_refused(code: int) -> None:
    session, server, _ = open_session()
    with pytest.raises(ValueError, match="close code must be"):
        session.close(code)
    assert session.is_open
    settle(server)


@pytest.mark.parametrize("reason", [b"bytes", None, 3])
def test_reasons_that_can_not_be_sent_are_refused(reason: Any) -> None:
    session, server, _ = open_session()
    with pytest.raises(TypeError, match="a close reason must be str"):
        session.close(3000, reason)
    with pytest.raises(TypeError, match="a close reason must be str"):
        Refused(3000, reason)
    assert not session.is_closed
    settle(server)


def test_a_code_that_is_no_whole_number_is_refused() -> None:
    session, server, _ = open_session()
    with pytest.raises(ValueError, match="a close code must be in"):
        session.close(3000.5)
    settle(server)


def test_the_session_lets_go_of_its_connection_after_the_close() -> None:
    session, server, _ = open_session()
    assert session.connection is server.recorder
    session.close()
    server.reactor.advance(0)
    assert session.connection is None
    settle(server)


def test_a_websockets_session_is_over_when_its_socket_is() -> None:
    session, server, receiver = open_session(BaseSession)
    receiver.vanish()
    assert session.state is State.CLOSED
    assert len(server.sessions) == 0
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_a_closed_websocket_is_kept_until_its_socket_is_gone() -> None:
    session, server, receiver = open_session(BaseSession)
    session.close()
    assert session.state is State.LINGERING
    assert len(server.sessions) == 1
    receiver.vanish()
    assert len(server.sessions) == 0
    settle(server)


# -- time


def test_a_session_without_a_receiver_expires_and_the_application_hears_of_it() -> None:
    session, server, _ = open_session(room=1, disconnect_delay=5)
    server.reactor.advance(4.9)
    server.sessions.expire()
    assert session.is_open
    server.reactor.advance(0.2)
    server.sessions.expire()
    server.reactor.advance(0)
    assert session.state is State.CLOSED
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_each_poll_starts_the_wait_anew() -> None:
    session, server, _ = open_session(room=1, disconnect_delay=5)
    for _ in range(5):
        server.reactor.advance(4)
        server.sessions.expire()
        session.send("x")
        assert FakeReceiver(1).attach(session).heard == ["ax"]
    settle(server)


def test_a_session_with_a_receiver_never_expires() -> None:
    session, server, _ = open_session(disconnect_delay=5)
    for _ in range(50):
        server.reactor.advance(5)
        server.sessions.expire()
    assert session.is_open
    settle(server)


def test_a_session_that_never_opened_expires_silently() -> None:
    session, server = make_session(disconnect_delay=5)
    server.reactor.advance(6)
    server.sessions.expire()
    assert session.state is State.CLOSED
    assert not hasattr(server, "recorder")
    settle(server)


# -- turns


def test_another_thread_gets_an_error_and_breaks_nothing() -> None:
    session, server, receiver = open_session()
    errors: list[BaseException] = []

    def misuse() -> None:
        for use in (
            lambda: session.send("x"),
            session.close,
            lambda: session.post("x"),
            lambda: session.broadcast([session.connection], "x"),
        ):
            try:
                use()
            except WrongThread as error:
                errors.append(error)

    thread = threading.Thread(target=misuse)
    thread.start()
    thread.join()
    assert len(errors) == 4
    assert "callFromThread" in str(errors[0])
    assert receiver.heard == ["o"]
    settle(server)


# -- clients that do not read


def test_shutting_down_needs_no_lingering_once_the_close_frame_was_delivered() -> None:
    session, server, receiver = open_session()
    server.closing = True
    session.close()
    assert receiver.heard == ["o", "c3000 Go away!"]
    assert len(server.sessions) == 0
    server.reactor.advance(0)
    settle(server)


def test_shutting_down_waits_for_no_client_that_is_gone_or_was_told() -> None:
    _, server, receiver = open_session()
    receiver.vanish()
    told, _ = make_session(server=server)
    FakeReceiver().attach(told)
    told.close()
    waiting, _ = make_session(server=server)
    FakeReceiver(1).attach(waiting)
    waiting.close()
    server.reactor.advance(0)
    assert len(server.sessions) == 3
    server.closing = True
    for session in server.sessions:
        session.handle(LEAVE, (3000, "Go away!"))
    assert list(server.sessions) == [waiting]
    assert FakeReceiver().attach(waiting).heard == ["c3000 Go away!"]
    assert len(server.sessions) == 0
    settle(server)
