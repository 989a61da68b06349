"""What a session sends: together, in order, and no more than its client takes."""

from __future__ import annotations

import pytest

from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.session import BaseSession
from txsockjs.actors.states import RECEIVED

from ...support.fakes import (
    FakeReceiver,
    FakeServer,
    make_session,
    open_session,
    settle,
)


def test_sending_after_the_end_is_dropped_and_counted() -> None:
    session, server, receiver = open_session()
    session.close()
    session.send("late")
    session.tell(RECEIVED, ["late", "too"])
    session.post("late")
    server.reactor.advance(0)
    assert receiver.heard == ["o", "c3000 Go away!"]
    assert server.stats.messages_dropped == 4
    settle(server)


def test_all_that_a_turn_sends_is_one_frame() -> None:
    session, server, receiver = open_session()
    server.on_message = lambda connection, message: connection.send(message * 2)
    session.tell(RECEIVED, ["a", "b", "c"])
    assert receiver.heard == ["o", "aaa,bb,cc"]
    settle(server)


def test_a_turn_that_sends_much_is_flushed_as_it_goes() -> None:
    session, server, receiver = open_session()
    server.on_message = lambda connection, message: (
        [connection.send("x" * 10000) for _ in range(20)] and None
    )
    session.tell(RECEIVED, ["go"])
    assert len(receiver.heard) > 2
    assert len(receiver.delivered) == 20
    settle(server)


def test_without_immediate_flush_a_frame_waits_for_the_reactors_next_iteration() -> None:
    session, server, receiver = open_session(immediate_flush=False)
    server.on_message = lambda connection, message: connection.send(message)
    session.tell(RECEIVED, ["a"])
    session.tell(RECEIVED, ["b"])
    session.send("c")
    assert receiver.heard == ["o"]
    server.reactor.advance(0)
    assert receiver.heard == ["o", "aa,b,c"]
    settle(server)


def test_broadcast_reaches_all_with_one_encoding() -> None:
    server = FakeServer()
    receivers = []
    people = []
    for _ in range(3):
        session, _ = make_session(server=server)
        receivers.append(FakeReceiver().attach(session))
        people.append(session.connection)
    people[0].broadcast(people, "hi")
    assert [receiver.heard for receiver in receivers] == [["o", "ahi"]] * 3
    frames = {id(receiver.delivered[0].frame) for receiver in receivers}
    assert len(frames) == 1
    settle(server)


def test_broadcast_survives_sessions_that_close_and_open_meanwhile() -> None:
    server = FakeServer()
    people: set[SockJSConnection] = set()
    receivers = []
    for _ in range(5):
        session, _ = make_session(server=server)
        receivers.append(FakeReceiver().attach(session))
        people.add(session.connection)
    server.on_close = lambda connection, _: people.discard(connection)  # type: ignore[attr-defined]
    for person in people:
        person.close()
    next(iter(people)).broadcast(people, "bye")
    server.reactor.advance(0)
    assert people == set()
    settle(server)


def test_bytes_are_refused_where_there_is_no_raw_websocket() -> None:
    session, server, receiver = open_session()
    with pytest.raises(TypeError, match="raw websocket"):
        session.send(b"x")
    with pytest.raises(TypeError, match="raw websocket"):
        session.broadcast([session.connection], b"x")
    with pytest.raises(TypeError, match="must be str or bytes, not 5"):
        session.send(5)
    for structure in ({"type": "chat"}, ["a"], ("a",)):
        said = rf"str or bytes, not a {type(structure).__name__}; send json\.dumps\(message\)"
        with pytest.raises(TypeError, match=said):
            session.send(structure)
        with pytest.raises(TypeError, match=said):
            session.broadcast([session.connection], structure)
    assert receiver.heard == ["o"]
    settle(server)


def test_bytes_go_over_a_raw_websocket() -> None:
    session, server = make_session(BaseSession)
    receiver = FakeReceiver()
    receiver.transport_name = "rawwebsocket"
    receiver.attach(session)
    session.send(b"\xff")
    assert receiver.delivered == [b"\xff"]
    settle(server)


def test_a_slow_consumer_is_closed_at_the_limit_and_told_when_it_returns() -> None:
    session, server, receiver = open_session(send_limit=100000)
    receiver.stall()
    for _ in range(200):
        session.send("x" * 1000)
    server.reactor.advance(0)
    assert session.close_reason == (1008, "Slow consumer")
    assert receiver.aborted
    assert server.stats.slow_consumers == 1
    assert session._pending == []
    assert FakeReceiver().attach(session).heard == ["c1008 Slow consumer"]
    assert server.recorder.calls == ["open", "close"]
    settle(server)


def test_one_message_over_the_limit_is_sent() -> None:
    session, server, _ = open_session(room=1, send_limit=100000)
    session.send("x" * 200000)
    assert session.is_open
    settle(server)


def test_text_is_sent_as_bytes_if_told_where_there_are_bytes() -> None:
    session, server = make_session(BaseSession)
    receiver = FakeReceiver()
    receiver.transport_name = "rawwebsocket"
    receiver.attach(session)
    session.connection.send("é", binary=True)
    session.connection.send(b"\xff", True)
    session.connection.send("é", False)
    session.connection.send("\ud800", binary=True)
    assert receiver.delivered == ["é".encode(), b"\xff", "é", b"?"]
    settle(server)

    session, server, receiver = open_session()
    with pytest.raises(TypeError, match="raw websocket"):
        session.connection.send("é", binary=True)
    assert receiver.heard == ["o"]
    settle(server)
