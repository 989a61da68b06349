"""Requests of twisted.web as exchanges and resources."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.web.http_headers import Headers
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from txsockjs.errors import HeadTooLarge, TargetTooLong
from txsockjs.http.exchange import Head
from txsockjs.server.web import Nowhere, WebExchange, accept_absolute, check_head
from txsockjs.wire.request_head import LONGEST_HEAD, MOST_HEADERS


def make_request(
    path: bytes = b"/a?b=c", body: bytes = b"", version: bytes = b"HTTP/1.1", **headers: Any
) -> Any:
    request: Any = Request(DummyChannel(), False)
    request.connection = request.channel.transport
    request.method, request.uri, request.clientproto = b"POST", path, version
    request.path = path.partition(b"?")[0]
    request.prepath, request.postpath = [], request.path[1:].split(b"/")
    request.requestHeaders = Headers()
    for name, values in headers.items():
        request.requestHeaders.setRawHeaders(name.replace("_", "-"), values)
    request.gotLength(len(body))
    request.content.write(body)
    return request


def written(request: Any) -> bytes:
    return bytes(request.connection.written.getvalue())


def test_it_tells_what_the_request_says() -> None:
    exchange = WebExchange(make_request(X_A=["b", "c"]))
    assert (exchange.method, exchange.path, exchange.query) == (b"POST", "/a", b"b=c")
    assert exchange.headers == {"x-a": "b, c"}
    assert exchange.headers is exchange.headers
    assert (exchange.is_secure, exchange.is_http_1_0) == (False, False)
    assert WebExchange(make_request(version=b"HTTP/1.0")).is_http_1_0


def test_the_body_is_taken_once() -> None:
    exchange = WebExchange(make_request(body=b"hello"))
    assert exchange.body_size() == 5
    assert exchange.take_body() == b"hello"
    assert exchange.take_body() == b""


def test_a_body_that_is_still_to_come_has_the_size_that_was_announced() -> None:
    request = make_request(Content_Length=["7"])
    request.content = None
    assert WebExchange(request).body_size() == 7
    request = make_request()
    request.content = None
    assert WebExchange(request).body_size() == 0


@pytest.mark.parametrize(("status", "length"), [(200, True), (204, False), (304, False)])
def test_an_answer_has_its_length_where_it_has_a_body(status: int, length: bool) -> None:
    request = make_request()
    exchange = WebExchange(request)
    exchange.answer(Head(status, [(b"X", b"y")]), b"hello" if length else b"")
    assert exchange.ended and request.finished
    assert request.code == status
    assert request.responseHeaders.getRawHeaders("x") == ["y"]
    assert request.responseHeaders.hasHeader("content-length") is length
    assert (b"hello" in written(request)) is length


def test_nothing_is_written_after_the_end() -> None:
    request = make_request()
    exchange = WebExchange(request)
    exchange.answer(Head(200), b"hello")
    before = written(request)
    exchange.start(Head(500))
    exchange.write(b"more")
    exchange.end()
    exchange.abort()
    assert (request.code, written(request)) == (200, before)


def test_a_peer_that_vanishes_is_told_of_once() -> None:
    request = make_request()
    exchange = WebExchange(request)
    heard: list[str] = []
    exchange.watch(lambda: heard.append("lost"))
    exchange.when_ended(lambda: heard.append("ended"))
    request.connectionLost(ConnectionError())
    assert heard == ["lost", "ended"]
    assert exchange.ended


def test_a_peer_that_reads_again_is_told_of() -> None:
    request = make_request()
    exchange = WebExchange(request)
    heard: list[str] = []
    registered: list[Any] = []
    request.channel.registerProducer = lambda *arguments: registered.append(arguments)
    exchange.watch(lambda: None, lambda: heard.append("drained"))
    exchange.watch(lambda: None, lambda: heard.append("drained"))
    ((producer, streaming),) = registered
    assert streaming
    producer.pauseProducing()
    assert not exchange.ready
    producer.resumeProducing()
    assert exchange.ready and heard == ["drained"]
    exchange.answer(Head(204))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"X": ["y"] * MOST_HEADERS}, None),
        ({"X": ["y"] * (MOST_HEADERS + 1)}, HeadTooLarge),
        ({"X": ["y" * (LONGEST_HEAD - 1)]}, None),
        ({"X": ["y" * LONGEST_HEAD]}, HeadTooLarge),
    ],
)
def test_a_head_has_bounds(headers: Any, error: type[Exception] | None) -> None:
    request = make_request(**headers)
    if error is None:
        check_head(request)
        return
    with pytest.raises(error):
        check_head(request)


def test_a_target_has_a_bound() -> None:
    check_head(make_request(b"/" + b"x" * (LONGEST_HEAD - 1)))
    with pytest.raises(TargetTooLong):
        check_head(make_request(b"/" + b"x" * LONGEST_HEAD))


def test_a_target_in_absolute_form_becomes_its_path_and_its_host() -> None:
    request = make_request(b"http://b.example:81/c%20d/e?f", Host=["a"])
    accept_absolute(request)
    assert (request.uri, request.path) == (b"/c%20d/e?f", b"/c%20d/e")
    assert request.postpath == [b"c d", b"e"]
    assert request.requestHeaders.getRawHeaders("host") == ["b.example:81"]


def test_it_stays_where_a_resource_above_has_taken_some_of_it() -> None:
    request = make_request(b"http://b.example/c")
    request.prepath = [b"http:"]
    accept_absolute(request)
    assert request.uri == b"http://b.example/c"


def test_nowhere_is_404_whatever_comes() -> None:
    request = make_request()
    nowhere = Nowhere()
    assert nowhere.refuses(request)
    nowhere.render(request)
    assert request.code == 404
    assert written(request).endswith(b"Not Found")
