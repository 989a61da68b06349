"""Sessions: each promise of the protocol's section 7."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from txsockjs.actors.connection import SockJSConnection
from txsockjs.actors.interfaces import INTERRUPTED
from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import FULL, LEAVE, RECEIVED, State
from txsockjs.errors import Refused, WrongThread

from ...support.fakes import (
    FakeReceiver,
    FakeServer,
    Producer,
    Recorder,
    make_session,
    open_session,
    settle,
)

# -- opening


def test_the_first_receiver_opens_a_session_and_a_poll_ends_with_it() -> None:
    session, server, poll = open_session(room=1)
    assert poll.heard == ["o"]
    assert repr(session).startswith("<Session ")
    assert "open detached from 192.0.2.1 to Recorder, 0 messages to send, " in repr(session)
    assert repr(session.connection) == f"<Recorder on {session!r}>"
    settle(server)


def test_no_session_id_can_forge_a_line_of_the_log() -> None:
    server = FakeServer()
    session = Session(Recorder, server, "a\r\n\x1b[2Jb")
    assert repr(session).startswith("<Session 'a\\r\\n\\x1b[2Jb' ? new")
    assert repr(Session(Recorder, server, "a-é")).startswith("<Session a-é ? new")


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


# -- receivers


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


# -- closing


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


# -- turns


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
