"""Receivers whose client is connected to another node, and what its edge says for them."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.actors.states import LINGERING, OPEN, UNTOLD
from txsockjs.cluster.remote import RemoteExchange
from txsockjs.transports import eventsource, xhr
from txsockjs.transports.relayed import LastWord, RelayedReceiver
from txsockjs.wire import relay as wire

from ...support.fakes import make_session, settle

DESCRIBED = wire.Described(
    name="xhr",
    session_id="abc",
    method=b"POST",
    path="/000/abc/xhr",
    query=b"",
    headers={},
    is_http_1_0=False,
    is_secure=False,
    peer=("192.0.2.1", 1),
    server=("127.0.0.1", 80),
)


def attach(session: Any, server: Any, framing: Any = xhr.POLLING) -> Any:
    """Attach a receiver to a session; return its exchange."""
    exchange = RemoteExchange(1, DESCRIBED, 0, lambda frame, urgent=False: None, lambda: None)
    RelayedReceiver(exchange, framing, server.settings, session.info is None).attach(session)
    return exchange


def test_an_answer_is_leaving_until_the_client_took_it() -> None:
    session, server = make_session()
    exchange = attach(session, server)
    assert session.relayed_receiver.is_leaving
    left: list[str] = []
    session.relayed_receiver.when_left(lambda: left.append("left"))
    exchange.done()
    assert left == ["left"]
    assert session.relayed_receiver is None
    settle(server)


def test_an_open_frame_that_nobody_took_is_said_again() -> None:
    session, server = make_session()
    attach(session, server).untaken(0, False)
    assert session.state is UNTOLD
    session.send("early")
    exchange = attach(session, server)
    assert session.state is OPEN
    exchange.done()
    assert exchange.written == len(b"o\n")
    again = attach(session, server)
    assert again.written == len(b'a["early"]\n')
    again.done()
    settle(server)


@pytest.mark.parametrize("in_order", [True, False])
def test_messages_that_nobody_took_go_back_to_the_head_of_the_queue(in_order: bool) -> None:
    session, server = make_session()
    attach(session, server).done()
    session.send("one")
    exchange = attach(session, server)
    session.send("two")
    exchange.untaken(0, in_order)
    again = attach(session, server)
    assert again.written == len(b'a["one","two"]\n')
    again.done()
    settle(server)


def test_a_stream_that_ends_in_order_keeps_what_follows() -> None:
    session, server = make_session()
    attach(session, server).done()
    exchange = attach(session, server, xhr.STREAMING)
    session.send("one")
    taken = exchange.written
    session.send("two")
    session.send("three")
    exchange.untaken(taken, True)
    assert session.state is OPEN
    again = attach(session, server)
    assert again.written == len(b'a["two","three"]\n')
    again.done()
    settle(server)


def test_a_stream_that_is_cut_ends_the_session() -> None:
    session, server = make_session()
    attach(session, server).done()
    exchange = attach(session, server, xhr.STREAMING)
    session.send("one")
    left: list[str] = []
    session.relayed_receiver.when_left(lambda: left.append("left"))
    exchange.untaken(3, False)
    assert session.state is LINGERING
    assert session.close_reason == (1002, "Connection interrupted")
    assert left == ["left"]
    settle(server)


class Exchange:
    """An exchange that keeps what is said."""

    headers: dict[str, str] = {}

    def __init__(self) -> None:
        self.said: list[Any] = []

    def start(self, head: Any) -> None:
        self.said.append(head.status)

    def write(self, data: bytes) -> None:
        self.said.append(data)

    def end(self) -> None:
        self.said.append("end")

    def answer(self, head: Any, body: bytes) -> None:
        self.said.append((head.status, body))


def last_word(framing: Any) -> tuple[LastWord, Any]:
    _, server = make_session()
    exchange: Any = Exchange()
    return LastWord(exchange, framing, server.settings), exchange


def test_a_poll_hears_one_frame() -> None:
    word, exchange = last_word(xhr.POLLING)
    word.heartbeat(started=False)
    assert exchange.said == [(200, b"h\n")]


def test_a_stream_hears_it_after_what_it_began_with() -> None:
    word, exchange = last_word(eventsource.FRAMING)
    word.close((1001, "Node gone"), started=False)
    prelude = eventsource.FRAMING.prelude
    assert exchange.said == [200, prelude, b'data: c[1001,"Node gone"]\r\n\r\n', "end"]


def test_one_that_has_begun_hears_only_it() -> None:
    word, exchange = last_word(xhr.STREAMING)
    word.heartbeat(started=True)
    assert exchange.said == [b"h\n", "end"]
