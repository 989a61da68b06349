"""Sessions of clients by the names of sockjs-tornado."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from txsockjs import SockJSConnection
from txsockjs.actors.states import State
from txsockjs.errors import BrokenJSON, WrongThread
from txsockjs.tornado.session import BaseSession, Session, SocketSession
from txsockjs.tornado.sessioncontainer import SessionMixin

from .handlers import INFO, Handler, make_session, open_session, settle


def test_a_session_is_what_the_reference_says_it_is() -> None:
    session, server = make_session()
    assert isinstance(session, BaseSession)
    assert isinstance(session, SessionMixin)
    assert session.session_id == "abc"
    assert session.expiry == 5
    assert session.is_alive()
    assert session.stats is server.stats
    assert session.conn is None
    assert session.conn_info is None
    settle(session, server)


def test_a_handler_opens_a_session_when_its_state_is_verified() -> None:
    session, server = make_session()
    session.verify_state()
    handler = Handler()
    assert session.set_handler(handler) is True
    assert handler.heard == []
    session.verify_state()
    session.verify_state()
    assert handler.heard == ["o"]
    assert server.recorder.calls == ["open"]
    assert session.conn is server.recorder
    assert session.conn_info is INFO
    assert server.stats.dump()["transp_xhr_streaming"] == 1
    settle(session, server)


def test_a_session_waits_for_its_next_handler_and_takes_one_at_a_time() -> None:
    session, server, first = open_session()
    second, third = Handler(), Handler()
    assert session.set_handler(second) is False
    session.remove_handler(second)
    session.send_message("a")
    session.remove_handler(first)
    session.send_message("b")
    assert session.set_handler(third) is True
    assert first.heard == ["o", 'a["a"]']
    assert second.heard == ['c[2010,"Another connection still open"]', "closed"]
    assert third.heard == ['a["b"]']
    settle(session, server)
    assert third.heard[1:] == ['c[3000,"Go away!"]', "closed"]


def test_a_new_session_takes_one_handler_too() -> None:
    session, server = make_session()
    first, second = Handler(), Handler()
    assert session.set_handler(first)
    assert not session.set_handler(second)
    assert second.heard == ['c[2010,"Another connection still open"]', "closed"]
    session.verify_state()
    assert first.heard == ["o"]
    settle(session, server)


def test_a_handler_that_comes_after_the_end_hears_of_it() -> None:
    session, server, handler = open_session()
    session.remove_handler(handler)
    session.close(3001, "as told")
    late = Handler()
    assert session.set_handler(late) is False
    assert late.heard == ['c[3001,"as told"]', "closed"]
    settle(session, server)


def test_a_handler_that_is_not_active_is_sent_nothing() -> None:
    session, server = make_session()
    poll = Handler(room=1)
    session.set_handler(poll)
    session.verify_state()
    session.send_message("a")
    session.remove_handler(poll)
    following = Handler(room=1)
    session.set_handler(following)
    assert poll.heard == ["o"]
    assert following.heard == ['a["a"]']
    session.remove_handler(following)
    settle(session, server)


def test_a_websockets_session_ends_with_its_handler() -> None:
    session, server, handler = open_session(SocketSession)
    session.remove_handler(Handler())
    assert session.state is State.OPEN
    session.remove_handler(handler)
    server.reactor.advance(0)
    assert session.state is State.CLOSED
    assert session.get_close_reason() == (1002, "Connection interrupted")
    assert server.recorder.calls == ["open", "close"]
    settle(session, server)


def test_an_abort_lets_the_handler_know() -> None:
    session, server, handler = open_session()
    session.abort()
    assert handler.heard == ["o", "closed"]
    settle(session, server)


# -- heartbeats


def test_a_handler_can_do_without_heartbeats_until_they_are_started() -> None:
    session, server = make_session(heartbeat_delay=10)
    handler = Handler()
    session.set_handler(handler, start_heartbeat=False)
    session.verify_state()
    session.set_handler(Handler())  # refused: it changes nothing for the first
    server.reactor.pump([1] * 30)
    assert handler.heard == ["o"]
    session.start_heartbeat()
    server.reactor.pump([1] * 10)
    assert handler.heard == ["o", "h"]
    session.stop_heartbeat()
    session.remove_handler(handler)
    following = Handler()
    session.set_handler(following)
    server.reactor.pump([1] * 10)
    assert following.heard == ["h"]
    settle(session, server)


def test_heartbeats_are_put_off_and_started_anew_and_stopped() -> None:
    session, server, handler = open_session(heartbeat_delay=10)
    for put_off in (session.delay_heartbeat, session.start_heartbeat):
        server.reactor.pump([1] * 9)
        put_off()
    server.reactor.pump([1] * 9)
    assert handler.heard == ["o"]
    server.reactor.advance(1)
    assert handler.heard == ["o", "h"]
    session.stop_heartbeat()
    server.reactor.pump([1] * 30)
    assert handler.heard == ["o", "h"]
    settle(session, server)


@pytest.mark.parametrize("name", ["start_heartbeat", "stop_heartbeat", "delay_heartbeat"])
def test_there_are_no_heartbeats_but_in_an_open_session(name: str) -> None:
    session, server = make_session()
    getattr(session, name)()
    assert server.reactor.getDelayedCalls() == []
    session.close()
    server.reactor.advance(0)
    getattr(session, name)()
    assert server.reactor.getDelayedCalls() == []
    settle(session, server)


# -- messages


def test_a_message_is_sent_by_every_name_in_order_and_counted() -> None:
    session, server, handler = open_session()

    def react(connection: Any, message: str) -> None:
        connection.send("a")
        session.send_message("b", False)
        session.send_jsonified('"c\\u0064"', False)
        session.send_jsonified(b'{"e": [1]}')
        session.send_message({"f": None})
        session.send_message(b"g")

    server.on_message = react  # type: ignore[attr-defined]
    session.on_messages(["go"])
    assert handler.heard == ["o", 'a["a","b","cd",{"e":[1]},{"f":null},"g"]']
    assert server.stats.packets_sent_ps.accumulator == 6
    settle(session, server)


def test_what_is_no_json_is_refused_and_not_sent() -> None:
    session, server, handler = open_session()
    with pytest.raises(BrokenJSON):
        session.send_jsonified("{")
    with pytest.raises(TypeError):
        session.send_message(object())
    assert handler.heard == ["o"]
    settle(session, server)


def test_what_the_client_sent_reaches_the_application_in_order() -> None:
    session, server, _ = open_session()
    session.on_messages(iter(["a", "b"]))
    with pytest.raises(TypeError, match="must come in a list, not as 'ab'"):
        session.on_messages("ab")
    assert server.recorder.calls == ["open", "a", "b"]
    settle(session, server)


def test_a_flush_does_not_wait_for_the_end_of_the_turn() -> None:
    session, server, handler = open_session()

    def react(connection: SockJSConnection, message: str) -> None:
        connection.send("a")
        session.flush()
        assert handler.heard == ["o", 'a["a"]']
        session.flush()
        connection.send("b")

    server.on_message = react  # type: ignore[attr-defined]
    session.on_messages(["go"])
    assert handler.heard == ["o", 'a["a"]', 'a["b"]']
    settle(session, server)


def test_a_flush_does_not_wait_for_the_reactor_and_needs_a_handler() -> None:
    session, server, handler = open_session(immediate_flush=False)
    session.send_message("a")
    session.flush()
    assert handler.heard == ["o", 'a["a"]']
    session.remove_handler(handler)
    session.send_message("b")
    session.flush()
    following = Handler()
    session.set_handler(following)
    session.flush()
    assert handler.heard == ["o", 'a["a"]']
    assert following.heard == ['a["b"]']
    settle(session, server)


# -- the end


def test_a_delayed_close_comes_after_what_goes_on() -> None:
    session, server, handler = open_session()

    def react(connection: SockJSConnection, message: str) -> None:
        session.delayed_close()
        assert not connection.is_closed
        connection.send(message)

    server.on_message = react  # type: ignore[attr-defined]
    session.on_messages(["bye"])
    server.reactor.advance(0)
    assert handler.heard == ["o", 'a["bye"]', 'c[3000,"Go away!"]', "closed"]
    assert server.recorder.calls == ["open", "bye", "close"]
    settle(session, server)


def test_outside_of_a_turn_a_delayed_close_comes_with_the_next_iteration() -> None:
    session, server, handler = open_session()
    session.delayed_close()
    assert not session.is_closed
    assert handler.heard == ["o"]
    server.reactor.advance(0)
    assert handler.heard == ["o", 'c[3000,"Go away!"]', "closed"]
    settle(session, server)


def test_the_reason_of_an_end_that_has_not_come_is_the_usual_one() -> None:
    session, server, _ = open_session()
    assert session.get_close_reason() == (3000, "Go away!")
    session.close(4001, "x")
    assert session.get_close_reason() == (4001, "x")
    settle(session, server)


@pytest.mark.parametrize(
    "call",
    [
        Session.start_heartbeat,
        Session.stop_heartbeat,
        Session.delay_heartbeat,
        Session.flush,
        Session.delayed_close,
        lambda session: session.on_messages(["a"]),
        lambda session: session.set_handler(Handler()),
        lambda session: session.remove_handler(session.server.handler),
        lambda session: session.send_message("a"),
        lambda session: session.send_jsonified('"a"'),
    ],
)
def test_none_of_them_may_be_called_from_another_thread(call: Any) -> None:
    session, server, handler = open_session()
    server.handler = handler  # type: ignore[attr-defined]
    caught: list[BaseException] = []

    def run() -> None:
        try:
            call(session)
        except WrongThread as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert handler.heard == ["o"]
    settle(session, server)
