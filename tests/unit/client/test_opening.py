"""Which transport gets through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.client import ConnectionFailed
from txsockjs.client.address import Address
from txsockjs.client.opening import Info

from ...support.client_network import ClientLab, response, stream

URL = "http://server.example/echo"


def path_of(request: bytes) -> str:
    return request.split()[1].decode()


def info(**said: Any) -> bytes:
    return response(json.dumps({"websocket": True, **said}).encode())


def test_the_first_transport_that_gets_through_is_taken() -> None:
    lab = ClientLab()
    refused = response(b"no", "400 Bad Request")
    lab.network.answer = lambda request: refused if b"Upgrade: " in request else None
    client = lab.connect()
    assert client.transport.name == "xhr_streaming"
    client.send("one")
    lab.advance()
    assert client.messages == ["one"]
    client.close()
    lab.settle()


def test_a_websocket_is_the_only_connection() -> None:
    lab = ClientLab()
    client = lab.connect()
    assert client.transport.name == "websocket"
    (end,) = lab.network.ends
    assert b"Upgrade: " in end.value()
    client.close()
    lab.settle()


def test_a_proxy_that_swallows_the_handshake_costs_the_time_out() -> None:
    lab = ClientLab()
    lab.network.answer = lambda request: b"" if b"Upgrade: " in request else None
    clients: list[Any] = []
    lab.connecting(timeout=3).addCallback(clients.append)
    lab.advance(2.9)
    assert clients == []
    lab.advance(0.2)
    assert clients[0].transport.name == "xhr_streaming"
    clients[0].close()
    lab.settle()


def test_a_proxy_that_holds_streams_back_leaves_polling() -> None:
    lab = ClientLab()

    def answer(request: bytes) -> bytes | None:
        path = path_of(request)
        return b"" if path.endswith(("websocket", "xhr_streaming", "eventsource")) else None

    lab.network.answer = answer
    clients: list[Any] = []
    lab.connecting(timeout=1).addCallback(clients.append)
    lab.advance(4)
    assert clients[0].transport.name == "xhr_polling"
    clients[0].close()
    lab.settle()


def test_a_server_that_has_no_websocket_is_not_asked_for_one() -> None:
    lab = ClientLab(disabled_transports="websocket")
    client = lab.connect()
    assert client.transport.name == "xhr_streaming"
    assert all(b"websocket" not in uri for uri in lab.network.uris)
    client.close()
    error = lab.failure(transports="websocket")
    assert error.attempts == (("websocket", "the server says that it has none"),)
    lab.settle()


def test_every_attempt_is_told() -> None:
    lab = ClientLab(disabled_transports=("xhr_streaming", "xhr", "eventsource"))
    lab.network.answer = lambda r: response(b"", "502 Bad") if b"Upgrade: " in r else None
    error = lab.failure()
    assert isinstance(error, ConnectionFailed)
    assert [name for name, _ in error.attempts] == [
        *("websocket", "xhr_streaming", "eventsource", "xhr_polling")
    ]
    assert error.attempts[1:] == (
        ("xhr_streaming", "xhr_streaming was answered with 404"),
        ("eventsource", "eventsource was answered with 404"),
        ("xhr_polling", "xhr was answered with 404"),
    )
    assert "502" in error.attempts[0][1]
    lab.settle()


def test_a_server_that_refuses_the_client_is_not_asked_again() -> None:
    lab = ClientLab(served=False)

    def answer(request: bytes) -> bytes:
        return info() if b"/info" in request else response(b'c[3000,"Go away!"]\n')

    lab.network.answer = answer
    error = lab.failure(transports="xhr_streaming,xhr_polling")
    assert error.attempts == (("xhr_streaming", "the server closed with 3000 Go away!"),)
    lab.settle()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(b"no", "404 Not Found"), "it was answered with 404"),
        (
            response(b"", "301 Moved", "Location: https://elsewhere.example/echo/info"),
            "it was answered with 301, a redirect to https://elsewhere.example/echo/info",
        ),
        (response(b"<html>"), "the answer is no JSON: this is no SockJS server"),
        (response(b"[]"), "the answer is no JSON object: this is no SockJS server"),
        (response(b"x" * 70_000), "a body of more than 65536 bytes"),
        (info(base_url="ftp://x"), "its base_url leads nowhere: a URL must be http"),
        (b"nonsense\r\n\r\n", "nonsense"),
    ],
)
def test_what_answers_but_is_no_sockjs_server(answer: bytes, words: str) -> None:
    lab = ClientLab(served=False)
    lab.network.answer = lambda _: answer
    error = lab.failure()
    ((name, why),) = error.attempts
    assert name == "info"
    assert words in why
    lab.settle()


def test_an_info_that_breaks_off_or_does_not_come() -> None:
    lab = ClientLab(served=False)
    lab.network.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    failures: list[Any] = []
    lab.connecting().addErrback(failures.append)
    lab.advance(1)
    lab.network.ends[0].cut()
    lab.advance(0)
    assert "the body broke off" in str(failures[0].value)
    lab.network.answer = lambda _: b""
    error = lab.failure(8.1)
    assert error.attempts == (("info", "it was not answered within 8 s"),)
    lab.network.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    error = lab.failure(8.1)
    assert error.attempts == (("info", "it was not answered within 8 s"),)
    lab.settle()


def test_sessions_are_opened_where_info_says_and_credentials_stay() -> None:
    lab = ClientLab(served=False)
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        if b"/info" in request:
            return info(base_url="http://two.example/echo", websocket=False)
        return stream(b"o\n")

    lab.network.answer = answer
    client = lab.connect(
        url=URL + "?token=1",
        transports="xhr_streaming",
        headers={"Authorization": "Bearer x", "X-Tenant": "y"},
        cookies={"sticky": "z"},
    )
    first, second = asked
    assert first.startswith(b"GET /echo/info?token=1 ")
    assert b"Authorization: Bearer x" in first and b"sticky=z" in first
    assert path_of(second).startswith("/echo/") and path_of(second).endswith("?token=1")
    assert b"Host: two.example" in second and b"X-Tenant: y" in second.replace(b"tenant", b"Tenant")
    assert b"Authorization" not in second and b"sticky" not in second
    client.transport.abortConnection()
    lab.settle()


def test_nobody_is_led_from_tls_to_plain_http() -> None:
    lab = ClientLab(served=False)
    lab.network.answer = lambda _: info(base_url="http://server.example/echo")
    error = lab.failure(url="https://server.example/echo")
    assert error.attempts == (("info", "its base_url leads from https: to http:"),)
    lab.settle()


@pytest.mark.parametrize("transport", ["websocket", "xhr_polling"])
def test_headers_cookies_and_query_go_with_every_request(transport: str) -> None:
    lab = ClientLab(jsessionid=True)
    asked: list[bytes] = []
    lab.network.answer = asked.append
    client = lab.connect(
        url=URL + "?token=1",
        transports=transport,
        headers={"X-Tenant": "y", "Origin": "https://page.example"},
        cookies={"sticky": "z"},
    )
    client.send("x")
    lab.advance()
    assert len(asked) >= 2
    for request in asked:
        assert "?token=1" in path_of(request)
        head = request.lower()
        assert b"x-tenant: y\r\n" in head
        assert b"origin: https://page.example\r\n" in head
        assert b"sticky=z" in head
    client.close()
    lab.settle()


def test_a_cookie_of_the_server_comes_back_to_it() -> None:
    lab = ClientLab()
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes | None:
        asked.append(request)
        cookie = "Set-Cookie: node=7; path=/"
        return response(b'{"websocket":true}', "200 OK", cookie) if b"info" in request else None

    lab.network.answer = answer
    client = lab.connect(transports="websocket")
    assert b"Cookie: node=7\r\n" in asked[-1]
    client.close()
    lab.settle()


@pytest.mark.parametrize(("trip", "seconds"), [(0.0, 0.6), (0.05, 0.7), (0.5, 4.0)])
def test_the_round_trip_sets_the_time_out(trip: float, seconds: float) -> None:
    info = Info(True, Address("http://x"), trip)
    assert info.timeout == pytest.approx(seconds)


def test_a_slow_network_gives_transports_more_time() -> None:
    lab = ClientLab(served=False)
    end: list[Any] = []

    def answer(request: bytes) -> bytes:
        if b"/info" in request:
            end.append(lab.network.ends[-1])
            lab.clock.callLater(1.0, end[0].deliver, info())
        return b""

    lab.network.answer = answer
    failures: list[Any] = []
    lab.connecting(timeout=2, transports="xhr_polling").addErrback(failures.append)
    lab.advance(8.9)
    assert failures == []
    lab.advance(0.3)
    assert "it did not open within 8" in str(failures[0].value)
    lab.settle()


def test_the_clock_of_the_opening_is_the_reactor_s() -> None:
    lab = ClientLab()
    assert isinstance(lab.endpoint().opening.reactor, Clock)
