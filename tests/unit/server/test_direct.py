"""Responses over a request that the front read: their bytes, and when they leave."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport

from txsockjs.http.exchange import Head
from txsockjs.server.direct import DirectExchange
from txsockjs.wire.request_head import read_request

from ...support.sites import read_answers, request

BODY = b'["x"]'


class FakeConnection:
    """Notes what its exchange asks for."""

    peer_timeout: float | None = None
    address = IPv4Address("TCP", "192.0.2.1", 4711)

    def __init__(self) -> None:
        self.transport = StringTransport(hostAddress=IPv4Address("TCP", "192.0.2.80", 80))
        self.asked: list[Any] = []

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def set_peer_timeout(self, seconds: float) -> None:
        self.peer_timeout = seconds
        self.asked.append(("peer timeout", seconds))

    def done(self, exchange: Any, close: bool) -> None:
        self.asked.append(("done", close))

    def hand_over(self, protocol: Any) -> None:
        self.asked.append(("hand over", protocol))


def make_exchange() -> tuple[DirectExchange, FakeConnection]:
    data = request("POST", "/chat/000/abc/xhr_send", BODY, "X-A: b")
    read = read_request(data)
    assert read is not None
    connection = FakeConnection()
    return DirectExchange(connection, read, data[read.start : read.end], True), connection


def test_it_tells_what_the_request_says() -> None:
    exchange, connection = make_exchange()
    assert (exchange.method, exchange.path) == (b"POST", "/chat/000/abc/xhr_send")
    assert exchange.headers["x-a"] == "b"
    assert (exchange.peer, exchange.is_secure, exchange.is_http_1_0) == ("192.0.2.1", False, False)
    assert exchange.server_address == connection.transport.getHost()


def test_the_body_is_taken_once_and_its_size_stays_known() -> None:
    exchange, _ = make_exchange()
    assert exchange.body_size() == len(BODY)
    assert exchange.take_body() == BODY
    assert exchange.take_body() == b""
    assert exchange.body_size() == len(BODY)


def test_a_whole_answer_has_its_length_and_ends() -> None:
    exchange, connection = make_exchange()
    exchange.answer(Head(200, [(b"X", b"y")]), b"hello")
    (answer,) = read_answers(connection.transport.value())
    assert (answer.code, answer.header("x"), answer.body) == (200, "y", [b"hello"])
    assert answer.header("content-length") == "5"
    assert exchange.ended and connection.asked == [("done", False)]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_no_length(status: int) -> None:
    exchange, connection = make_exchange()
    exchange.answer(Head(status))
    assert b"ontent-" not in connection.transport.value()
    assert connection.transport.value().endswith(b"\r\n\r\n")


def test_there_is_one_answer() -> None:
    exchange, connection = make_exchange()
    exchange.answer(Head(204))
    before = connection.transport.value()
    exchange.answer(Head(200), b"again")
    exchange.write(b"again")
    exchange.end()
    assert connection.transport.value() == before
    assert connection.asked == [("done", False)]


def test_the_head_of_a_stream_leaves_with_its_first_part() -> None:
    exchange, connection = make_exchange()
    exchange.start(Head(200))
    exchange.write(b"")
    assert connection.transport.value() == b""
    exchange.write(b"one")
    exchange.write(b"two")
    exchange.end()
    (answer,) = read_answers(connection.transport.value())
    assert (answer.body, answer.complete) == ([b"one", b"two"], True)


def test_a_stream_without_a_part_is_complete() -> None:
    exchange, connection = make_exchange()
    exchange.start(Head(200))
    exchange.end()
    (answer,) = read_answers(connection.transport.value())
    assert (answer.body, answer.complete) == ([], True)


@pytest.mark.parametrize("whole", [True, False])
def test_it_ends_when_its_bytes_have_left(whole: bool) -> None:
    exchange, connection = make_exchange()
    last: list[str] = []
    exchange.pauseProducing()
    if whole:
        exchange.answer(Head(200), b"x", lambda: last.append("last"))
    else:
        exchange.start(Head(200))
        exchange.write(b"x")
        exchange.end(lambda: last.append("last"))
    assert not exchange.ended and not last and not connection.asked
    exchange.resumeProducing()
    assert exchange.ended and last == ["last"] and connection.asked == [("done", False)]
    exchange.resumeProducing()
    assert last == ["last"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_connection_that_is_to_be_closed_is_told_so(whole: bool) -> None:
    exchange, connection = make_exchange()
    exchange.close_connection()
    if whole:
        exchange.answer(Head(200), b"x")
    else:
        exchange.start(Head(200))
        exchange.end()
    (answer,) = read_answers(connection.transport.value())
    assert answer.header("connection") == "close"
    assert connection.asked == [("done", True)]


def test_an_abort_drops_the_connection_and_calls_nobody() -> None:
    exchange, connection = make_exchange()
    heard: list[str] = []
    exchange.watch(lambda: heard.append("lost"))
    exchange.abort()
    assert connection.transport.disconnected
    exchange.lost()
    assert heard == []


def test_the_options_of_a_socket_are_set_once_for_a_time() -> None:
    exchange, connection = make_exchange()
    for seconds in (20, 20, 30, 30):
        exchange.set_peer_timeout(seconds)
    assert connection.asked == [("peer timeout", 20), ("peer timeout", 30)]


def test_who_takes_the_connection_over_ends_no_exchange() -> None:
    exchange, connection = make_exchange()
    ended: list[str] = []
    exchange.when_ended(lambda: ended.append("ended"))
    protocol = Protocol()
    exchange.take_over(protocol, 30)  # type: ignore[arg-type]
    assert connection.asked == [("hand over", protocol)]
    exchange.lost()
    assert ended == []
