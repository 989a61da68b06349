"""Sessions bridged to a websocket server, and to a SockJS server, in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from txsockjs.client import SessionClosed, SessionLost
from txsockjs.protocols.web_bridge import as_text, told_of
from txsockjs.testing import TRANSPORTS

from ...support.bridges import SOCKJS, WEBSOCKET, Bridges
from ...support.client_network import Flood, response

EACH = pytest.mark.parametrize("transport", TRANSPORTS)
BOTH = pytest.mark.parametrize("url", [WEBSOCKET, SOCKJS])


@EACH
@BOTH
def test_text_goes_both_ways(url: str, transport: str) -> None:
    bridges = Bridges(url)
    client = bridges.connect(transport)
    texts = ["one", "grüße \u2028", "", "x" * 50_000]
    for text in texts:
        client.send(text)
    bridges.advance()
    assert client.messages == texts
    client.close()
    bridges.settle()
    assert bridges.log[-1][0] == "close"


def test_binary_goes_both_ways_where_both_have_it() -> None:
    bridges = Bridges()
    client = bridges.connect("rawwebsocket")
    client.send(b"\x00\xff", "text", b"text")
    bridges.advance()
    assert client.messages == [b"\x00\xff", "text", b"text"]
    client.close()
    bridges.settle()


def test_binary_that_is_text_is_text_where_there_is_no_binary() -> None:
    bridges = Bridges()
    client = bridges.connect("xhr_streaming")
    client.send("bytes:c3bc")
    bridges.advance()
    assert client.messages == ["ü"]
    client.send("bytes:ff")
    bridges.advance()
    assert client.close_reason == (1003, "Bytes that are not UTF-8 need a raw websocket")
    bridges.settle()
    bridges = Bridges(SOCKJS)
    client = bridges.connect("rawwebsocket")
    client.send("ü".encode())
    bridges.advance()
    assert client.messages == ["ü"]
    client.send(b"\xff")
    bridges.advance()
    assert client.close_reason == (1003, "Bytes that are not UTF-8 need a raw websocket")
    bridges.settle()


def test_or_it_is_read_in_the_fallback_encoding() -> None:
    bridges = Bridges(fallback_encoding="latin-1")
    client = bridges.connect("xhr")
    client.send("bytes:fc")
    bridges.advance()
    assert client.messages == ["ü"]
    client.close()
    bridges.settle()
    assert as_text(b"\xff", "replace") == "\ufffd"


@EACH
@BOTH
def test_the_upstream_s_close_is_the_browser_s(url: str, transport: str) -> None:
    bridges = Bridges(url)
    client = bridges.connect(transport)
    client.send("one", "close")
    bridges.advance()
    assert client.messages == ["one"]
    assert client.close_reason == (3001, "as told")
    client = bridges.connect(transport)
    client.send("fail")
    bridges.advance()
    assert client.close_reason == (1011, "broken")
    bridges.settle()


@BOTH
def test_an_upstream_that_breaks_off_is_told_in_fixed_words(url: str) -> None:
    bridges = Bridges(url)
    client = bridges.connect()
    with capturedLogs() as logged:
        for end in list(bridges.network.ends):
            end.cut()
        bridges.advance()
    assert client.close_reason == (1014, "Upstream connection lost")
    (event,) = map(formatEvent, logged)
    assert event.startswith(f"{url} lost the session of 192.0.2.1: lost with 1006 ")
    bridges.settle()


def test_the_browser_s_close_is_the_upstream_s() -> None:
    bridges = Bridges()
    client = bridges.connect("rawwebsocket")
    client.send("last")
    client._agenda.do(lambda: client._say(8, b"\x0f\xa1bye"))
    bridges.advance()
    assert bridges.log[-2:] == ["last", ("close", (4001, "bye"))]
    bridges.settle()


def test_a_browser_that_vanishes_leaves() -> None:
    bridges = Bridges()
    client = bridges.connect()
    client.drop()
    bridges.advance()
    assert bridges.log[-1] == ("close", (1001, "The client has left"))
    bridges.settle()


def test_what_comes_before_the_upstream_is_connected_waits() -> None:
    bridges = Bridges()
    held: list[Any] = []
    bridges.network.answer = lambda request: held.append(request) or b""
    client = bridges.connect("xhr")
    client.send("one", "two")
    bridges.advance(1)
    (end,) = bridges.network.ends
    bridges.network.answer = None
    end.serve(held[0])
    bridges.advance()
    assert bridges.log[1:] == ["one", "two"]
    assert client.messages == ["one", "two"]
    client.close()
    bridges.settle()


def test_what_a_browser_that_left_had_sent_is_passed_on() -> None:
    bridges = Bridges()
    held: list[Any] = []
    bridges.network.answer = lambda request: held.append(request) or b""
    client = bridges.connect()
    client.send("one")
    client.drop()
    bridges.advance(1)
    bridges.network.answer = None
    bridges.network.ends[0].serve(held[0])
    bridges.advance()
    assert bridges.log[1] == "one"
    assert bridges.log[-1][0] == "close"
    bridges.settle()


def test_a_browser_that_leaves_before_ends_the_attempt() -> None:
    bridges = Bridges()
    bridges.network.answer = lambda _: b""
    client = bridges.connect()
    with capturedLogs() as logged:
        client.drop()
        bridges.advance()
    assert bridges.network.ends == []
    assert logged == []
    bridges.settle()


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        (response(b"", "403 Forbidden"), WEBSOCKET),
        (response(b"", "403 Forbidden"), SOCKJS),
        (response(b"<html>"), SOCKJS),
    ],
)
def test_an_upstream_that_refuses_is_told_without_details(answer: bytes, url: str) -> None:
    bridges = Bridges(url)
    bridges.network.answer = lambda _: answer
    with capturedLogs() as logged:
        client = bridges.connect("xhr")
    assert client.close_reason == (1014, "Cannot connect upstream")
    events = [formatEvent(event) for event in logged]
    assert any(event.startswith(f"cannot connect 192.0.2.1 to {url}: ") for event in events)
    bridges.settle()


@BOTH
def test_an_upstream_that_does_not_answer_is_given_up(url: str) -> None:
    bridges = Bridges(url, connect_timeout=4)
    bridges.network.answer = lambda _: b""
    client = bridges.connect("rawwebsocket")
    bridges.advance(3.5)
    assert client.close_reason is None
    bridges.advance(0.5)
    assert client.close_reason == (1014, "Upstream did not answer in time")
    bridges.settle()


@EACH
def test_a_slow_browser_pauses_the_upstream(transport: str) -> None:
    bridges = Bridges(base=Flood)
    client = bridges.connect(transport)
    client.send("go")
    bridges.advance(0.05)
    client.stop_reading()
    bridges.advance(2)
    (behind,) = [each.connection for each in bridges.lab.router.sessions]
    before = behind.written
    bridges.advance(2)
    assert behind.written == before < 4_000_000
    client.read_on()
    bridges.advance(1)
    assert behind.written > before
    client.close()
    bridges.settle()


@BOTH
def test_a_slow_upstream_pauses_the_browser(url: str) -> None:
    bridges = Bridges(url, front={"mailbox_limit": 1000})
    client = bridges.connect()
    bridges.network.jammed = True
    for number in range(10):
        client.send(json.dumps(number) + "x" * 50_000)
        bridges.advance(0.01)
    assert client.is_held
    bridges.network.drain()
    bridges.advance(1)
    assert not client.is_held
    assert [message[0] for message in client.messages] == list("0123456789")
    client.close()
    bridges.settle()


def test_an_end_from_this_side_is_told_upstream() -> None:
    bridges = Bridges()
    bridges.connect()
    bridges.settle()
    assert bridges.log[-1] == ("close", (3000, "Go away!"))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SessionClosed(3000, "x"), (3000, "x")),
        (SessionClosed(1005, ""), (1000, "")),
        (SessionLost(1011, "y"), (1011, "y")),
        (SessionLost(1006, "details"), (1014, "Upstream connection lost")),
        (SessionLost(999, "z"), (1014, "Upstream connection lost")),
        (ValueError(), (1014, "Upstream connection lost")),
    ],
)
def test_what_a_browser_is_told(error: Exception, told: tuple[int, str]) -> None:
    assert told_of(error) == told
