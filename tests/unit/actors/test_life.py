"""What happens to a session: receivers come and go, it is closed, its peer vanishes."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.interfaces import INTERRUPTED
from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import FULL, RECEIVED, State
from txsockjs.errors import Refused

from ...support.fakes import (
    FakeReceiver,
    make_session,
    open_session,
    settle,
)


def test_the_first_receiver_opens_a_session_and_a_poll_ends_with_it() -> None:
    session, server, poll = open_session(room=1)
    assert poll.heard == ["o"]
    assert repr(session).startswith("<Session ")
    assert "open detached from 192.0.2.1 to Recorder, 0 messages to send, " in repr(session)
    assert repr(session.connection) == f"<Recorder on {session!r}>"
    settle(server)


def test_what_on_open_sends_comes_after_the_open_frame_in_one_frame() -> None:
    session, server = make_session()
    server.on_open = lambda connection, info: (connection.send("a"), connection.send("b"))[0]
    receiver = FakeReceiver().attach(session)
    assert receiver.heard == ["o", "aa,b"]
    settle(server)


def test_on_open_that_returns_false_rejects() -> None:
    session, server = make_session()
    server.on_open = lambda connection, info: False
    receiver = FakeReceiver().attach(session)
    assert receiver.heard == ["o", "c3000 Go away!"]
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_on_open_that_awaits_false_rejects() -> None:
    session, server = make_session()
    answer: Deferred[bool] = Deferred()
    server.on_open = lambda connection, info: answer
    receiver = FakeReceiver().attach(session)
    session.tell(RECEIVED, ["early"])
    assert server.recorder.calls == ["open"]
    answer.callback(False)
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c3000 Go away!"]
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_refused_ends_the_session_with_its_words_and_no_log() -> None:
    session, server = make_session()

    def refuse(connection: SockJSConnection, info: Any) -> None:
        raise Refused(4001, "not you")

    server.on_open = refuse
    receiver = FakeReceiver().attach(session)
    assert receiver.heard == ["o", "c4001 not you"]
    assert session.close_reason == (4001, "not you")
    settle(server)


def test_messages_wait_for_the_next_receiver_and_come_in_one_frame() -> None:
    session, server, poll = open_session(room=1)
    for number in range(5):
        session.send(str(number))
    assert poll.heard == ["o"]
    assert FakeReceiver(1).attach(session).heard == ["a0,1,2,3,4"]
    settle(server)


def test_a_second_receiver_is_refused_and_the_first_lives_on() -> None:
    session, server, first = open_session()
    second = FakeReceiver().attach(session)
    session.send("x")
    assert second.heard == ["c2010 Another connection still open"]
    assert first.heard == ["o", "ax"]
    settle(server)


def test_a_receiver_that_vanishes_ends_the_session_at_once() -> None:
    session, server, receiver = open_session()
    receiver.vanish()
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "close"]
    assert session.close_reason == INTERRUPTED
    assert FakeReceiver().attach(session).heard == ["c1002 Connection interrupted"]
    settle(server)


def test_a_receiver_that_vanished_before_counts_for_nothing() -> None:
    session, server, first = open_session(room=1)
    second = FakeReceiver().attach(session)
    first.vanish()
    session.send("x")
    assert second.heard == ["ax"]
    settle(server)


def test_nothing_is_given_to_a_receiver_that_is_not_ready() -> None:
    session, server, receiver = open_session()
    receiver.stall()
    session.send("a")
    session.send("b")
    assert receiver.heard == ["o"]
    receiver.drain()
    assert receiver.heard == ["o", "aa,b"]
    settle(server)


def test_close_flushes_first() -> None:
    session, server, receiver = open_session()
    server.on_message = lambda connection, message: (
        connection.send("last"),
        connection.close(3001, "done"),
        connection.send("too late"),
    )[1]
    session.tell(RECEIVED, ["go"])
    assert receiver.heard == ["o", "alast", "c3001 done"]
    assert server.recorder.calls == ["open", "go", "close"]
    settle(server)


def test_close_without_a_receiver_lets_the_next_poll_have_what_was_queued() -> None:
    session, server, _ = open_session(room=1)
    session.send("queued")
    session.close()
    assert FakeReceiver(1).attach(session).heard == ["aqueued"]
    for _ in range(3):
        assert FakeReceiver(1).attach(session).heard == ["c3000 Go away!"]
    settle(server)


def test_a_receiver_that_comes_in_the_instant_of_the_close_gets_it() -> None:
    session, server, first = open_session()
    second = FakeReceiver()

    def react(connection: SockJSConnection, message: str) -> None:
        connection.close()
        second.attach(session)

    server.on_message = react
    session.tell(RECEIVED, ["go"])
    assert first.heard == ["o", "c3000 Go away!"]
    assert second.heard == ["c3000 Go away!"]
    settle(server)


def test_a_slow_receiver_gets_everything_before_the_close_frame() -> None:
    session, server, receiver = open_session()
    receiver.stall()
    session.send("x")
    session.close()
    server.reactor.advance(0)
    assert receiver.heard == ["o"]
    receiver.drain()
    assert receiver.heard == ["o", "ax", "c3000 Go away!"]
    settle(server)


def test_a_receiver_that_comes_while_a_slow_one_is_served_its_end_is_refused() -> None:
    session, server, first = open_session()
    first.stall()
    session.send("x")
    session.close()
    second = FakeReceiver().attach(session)
    assert second.heard == ["c2010 Another connection still open"]
    first.drain()
    assert first.heard == ["o", "ax", "c3000 Go away!"]
    settle(server)


def test_close_in_on_close_does_nothing() -> None:
    session, server, receiver = open_session()
    server.on_close = lambda connection, _: connection.close(3002, "again")
    session.close(3001, "once")
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c3001 once"]
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_on_close_is_never_called_inside_close() -> None:
    session, server, _ = open_session()
    session.close()
    assert server.recorder.calls == ["open"]
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_heartbeats_come_while_a_receiver_is_attached_and_do_not_pile_up() -> None:
    session, server, receiver = open_session(heartbeat_delay=25, disconnect_delay=1000)
    for _ in range(3):
        server.reactor.advance(25)
    assert receiver.heard == ["o", "h", "h", "h"]
    session.tell(FULL, receiver)
    for _ in range(5):
        server.reactor.advance(25)
    poll = FakeReceiver(1).attach(session)
    assert poll.heard == []
    server.reactor.advance(24.9)
    assert poll.heard == []
    server.reactor.advance(0.2)
    assert poll.heard == ["h"]
    settle(server)


def test_no_heartbeat_comes_after_the_end() -> None:
    session, server, receiver = open_session(heartbeat_delay=25)
    session.close()
    server.reactor.advance(100)
    assert receiver.heard == ["o", "c3000 Go away!"]
    settle(server)


def test_closing_inside_a_heartbeat_stops_them() -> None:
    session, server, receiver = open_session(heartbeat_delay=25)
    receiver.heartbeat = session.close  # type: ignore[method-assign]
    server.reactor.advance(25)
    server.reactor.advance(100)
    assert receiver.heard == ["o", "c3000 Go away!"]
    settle(server)


def test_abort_drops_everything_at_once() -> None:
    for kind in (BaseSession, Session):
        session, server, receiver = open_session(kind)
        session.send("x")
        session.abort()
        assert receiver.aborted
        assert session.state is State.CLOSED
        server.reactor.advance(0)
        assert server.recorder.calls == ["open", "close"]
        settle(server)
