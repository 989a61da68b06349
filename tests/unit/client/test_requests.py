"""The HTTP requests of a session."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txsockjs import SettingsError
from txsockjs.client import requests as module
from txsockjs.client.address import Address
from txsockjs.client.requests import Reading, Requests, collect

from ...support.client_network import Network, response, stream

ADDRESS = Address.parse("http://server.example/echo")


class Bench:
    def __init__(self, answer: bytes, **options: Any) -> None:
        self.network = Network()
        self.asked: list[bytes] = []

        def reply(request: bytes) -> bytes:
            self.asked.append(request)
            return answer

        self.network.answer = reply
        self.requests = Requests(
            self.network.clock,
            self.network,
            ADDRESS,
            options.get("headers", {}),
            options.get("cookies", {}),
        )

    def request(self, *arguments: Any) -> Any:
        return self.now(self.requests.request(*(arguments or ("GET", ADDRESS))))

    def ask(self) -> Any:
        return self.now(self.requests.ask("GET", ADDRESS, None, 8))

    def now(self, deferred: Deferred[Any]) -> Any:
        got: list[Any] = []
        deferred.addBoth(got.append)
        self.run()
        return got[0]

    def run(self, seconds: float = 0.0) -> None:
        self.network.clock.advance(seconds)
        for _ in range(20):
            self.network.clock.advance(0)

    def settle(self, at_once: bool = False) -> None:
        self.requests.close(at_once)
        self.requests.close(at_once)
        self.run()
        assert self.network.ends == []
        assert self.network.clock.getDelayedCalls() == []


class Taking:
    def __init__(self) -> None:
        self.data = b""
        self.why: Any = "not yet"

    def received(self, data: bytes) -> None:
        self.data += data

    def finished(self, why: str | None) -> None:
        self.why = why


def test_a_body_is_sent_whole_and_read_whole() -> None:
    bench = Bench(response(b"one"))
    answer = bench.request("POST", ADDRESS, b'["x"]', "text/plain")
    (request,) = bench.asked
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b'["x"]'
    assert b"Content-Type: text/plain;charset=UTF-8" in head
    assert b"Accept: text/plain" in head
    taking = Taking()
    answer.deliverBody(Reading(taking))
    bench.run()
    assert (taking.data, taking.why) == (b"one", None)
    bench.settle()


def test_connections_are_used_again_and_soon_ended() -> None:
    bench = Bench(response(b"one"))
    for _ in range(3):
        assert bench.ask() == (200, b"one", "")
    assert bench.network.made == 1
    bench.run(3)
    assert bench.network.ends == []
    bench.settle()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", stream(b"one")])
def test_an_answer_has_a_time(answer: bytes) -> None:
    bench = Bench(answer)
    failures: list[Any] = []
    bench.requests.ask("GET", ADDRESS, None, 8).addErrback(failures.append)
    bench.run()
    bench.run(7)
    assert failures == []
    bench.run(1)
    assert str(failures[0].value) == "it was not answered within 8 s"
    bench.settle()


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"http://elsewhere.example/", "http://elsewhere.example/"), (b"/\xff", "/\ufffd")],
)
def test_a_redirect_is_not_followed(sent: bytes, read: str) -> None:
    bench = Bench(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + sent + b"\r\n\r\n")
    assert bench.ask() == (302, b"", read)
    assert len(bench.asked) == 1
    bench.settle()


def test_a_body_that_is_too_large_is_not_kept() -> None:
    bench = Bench(response(b"x" * 101))
    failure = bench.now(collect(bench.request(), 100))
    assert str(failure.value) == "a body of more than 100 bytes"
    bench.settle()


def test_of_a_refusal_only_the_status_is_wanted() -> None:
    bench = Bench(b"HTTP/1.1 404 No\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 70_000)
    assert bench.ask() == (404, b"", "")
    assert bench.network.ends == []
    bench.settle()


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("answer", [b"", response(b"one"), stream(b"one"), b"HTTP/1.1 2"])
def test_nothing_is_left_after_the_end(answer: bytes, at_once: bool) -> None:
    bench = Bench(answer)
    asking = bench.requests.ask("GET", ADDRESS, None, 8)
    asking.addErrback(lambda _: None)
    bench.run()
    bench.settle(at_once)
    bench.now(asking)


def test_a_body_that_is_left_ends_its_connection() -> None:
    bench = Bench(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
    taking = Taking()
    reading = Reading(taking)
    bench.request().deliverBody(reading)
    bench.run()
    reading.leave()
    bench.run()
    assert (taking.data, taking.why) == (b"x", "not yet")
    bench.settle()


def test_credentials_are_for_their_server() -> None:
    bench = Bench(b"", headers={"authorization": "x", "X-Y": "z"}, cookies={"a": "b"})
    assert bench.requests.headers_for(ADDRESS.below("x")) == {"authorization": "x", "X-Y": "z"}
    assert bench.requests.cookie(ADDRESS.below("x")) == "a=b"
    other = Address.parse("http://other.example/echo")
    assert bench.requests.headers_for(other) == {"X-Y": "z"}
    assert bench.requests.cookie(other) is None
    bench.settle()


def test_what_is_missing_is_said(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "HTTPClient", None)
    with pytest.raises(SettingsError, match=r"needs treq: pip install 'txsockjs\[client\]'"):
        module.check_installed()
