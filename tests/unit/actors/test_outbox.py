"""What a session sends: together, in order, and no more than its client takes."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.session import BaseSession
from txsockjs.actors.states import RECEIVED

from ...support.fakes import (
    FakeReceiver,
    FakeServer,
    Producer,
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


def test_a_producer_is_paused_while_the_client_is_slow_and_stopped_at_the_end() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    server.recorder.register_producer(producer, True)
    receiver.stall()
    session.send("x" * 50000)
    assert producer.told == []
    session.send("x" * 50000)
    assert producer.told == ["pause"]
    receiver.drain()
    assert producer.told == ["pause", "resume"]
    session.close()
    server.reactor.advance(0)
    assert producer.told == ["pause", "resume", "stop"]
    settle(server)


def test_a_pull_producer_is_asked_whenever_there_is_room() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    left = ["a", "b", "c"]

    def produce() -> None:
        if left:
            session.send(left.pop(0))
        else:
            session.unregister_producer()

    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert receiver.heard == ["o", "aa", "ab", "ac"]
    settle(server)


def test_a_pull_producer_is_not_asked_while_there_is_no_room() -> None:
    session, server, receiver = open_session(room=2)
    asked: list[str] = []

    def produce() -> None:
        asked.append("more")
        session.send(f"chunk {len(asked)}")

    producer = Producer()
    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert receiver.heard == ["o", "achunk 1"]
    assert asked == ["more"]
    poll = FakeReceiver(1).attach(session)
    assert poll.heard == ["achunk 2"]
    assert len(asked) == 2
    session.unregister_producer()
    settle(server)


def test_a_pull_producer_for_a_client_that_takes_it_all_does_not_stop_the_reactor() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    left = list(range(10000))

    def produce() -> None:
        if left:
            session.send(str(left.pop(0)))
        else:
            session.unregister_producer()

    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert len(left) > 9000
    while left:
        server.reactor.advance(0)
    assert receiver.delivered == [str(number) for number in range(10000)]
    settle(server)


def test_a_second_producer_is_refused_and_one_for_a_closed_session_is_stopped() -> None:
    session, server, _ = open_session()
    session.register_producer(Producer(), True)
    with pytest.raises(RuntimeError, match="another producer"):
        session.register_producer(Producer(), True)
    session.close()
    late = Producer()
    session.register_producer(late, True)
    assert late.told == ["stop"]
    server.reactor.advance(0)
    settle(server)


@pytest.mark.parametrize("what", ["resumeProducing", "pauseProducing"])
def test_a_producer_that_fails_ends_its_own_session(what: str) -> None:
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    session, server, receiver = open_session()
    producer = Producer()
    setattr(producer, what, lambda: 1 / 0)
    session.register_producer(producer, True)
    receiver.stall()
    session.send("x" * 70000)
    receiver.drain()
    globalLogPublisher.removeObserver(events.append)
    assert receiver.heard == ["o", "a" + "x" * 70000, "c1011 Internal error"]
    assert sum("log_failure" in event for event in events) == 1
    server.reactor.advance(0)
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
