"""The bound on request bodies, over connections in memory."""

import io

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txsockjs.server.body_limit import MEMORY_LIMIT, REFUSAL, SockJSRequest
from txsockjs.server.web_channel import DISCARD_LIMIT
from txsockjs.site import SockJSSite

from ...support.resources import ADDRESS, LIMIT, Echo, length, post

CHUNKED = b"Transfer-Encoding: chunked"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def head_and_body(transport):
    head, _, body = transport.value().partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def assert_refused(transport):
    head, body = head_and_body(transport)
    assert head[0] == b"HTTP/1.1 413 Request Entity Too Large"
    assert body == REFUSAL
    lowered = [line.lower() for line in head]
    assert b"connection: close" in lowered
    assert b"content-length: %d" % len(REFUSAL) in lowered


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
def test_a_body_up_to_the_limit_is_served(connect, size):
    _, channel, transport = connect()
    channel.dataReceived(post(length(size), body=b"x" * size))
    assert transport.value().endswith(b"got %d" % size)
    transport.clear()
    channel.dataReceived(post(CHUNKED, body=(chunk(b"x" * size) if size else b"") + chunk(b"")))
    assert transport.value().endswith(b"got %d" % size)
    assert not transport.half_closed


def test_an_announced_body_over_the_limit_is_refused_before_any_of_it_comes(connect):
    site, channel, transport = connect()
    channel.dataReceived(post(length(LIMIT + 1)))
    assert_refused(transport)
    assert transport.half_closed
    assert site.refused == 1


@pytest.mark.parametrize("origin", [b"https://page.example", b"null", None])
def test_a_page_of_another_origin_can_read_the_refusal(connect, origin):
    _, channel, transport = connect()
    headers = [] if origin is None else [b"Origin: " + origin]
    channel.dataReceived(post(length(LIMIT + 1), *headers))
    head, _ = head_and_body(transport)
    cors = {line.lower() for line in head if b"ccess-" in line or b"ary:" in line}
    expected = {b"vary: origin", b"access-control-allow-origin: " + (origin or b"*")}
    if origin is not None:
        expected.add(b"access-control-allow-credentials: true")
    assert cors == expected


def test_a_chunked_body_is_refused_when_it_passes_the_limit(connect):
    site, channel, transport = connect()
    channel.dataReceived(post(CHUNKED, body=chunk(b"x" * LIMIT)))
    assert transport.value() == b""
    channel.dataReceived(chunk(b"x"))
    assert_refused(transport)
    assert transport.half_closed
    channel.dataReceived(chunk(b"x"))
    assert site.refused == 1


def test_one_chunk_over_the_limit_is_refused_before_it_is_complete(connect):
    _, channel, transport = connect()
    channel.dataReceived(post(CHUNKED, body=b"fffffff\r\n" + b"x" * (LIMIT + 1)))
    assert_refused(transport)


def test_a_client_that_waits_for_100_is_refused_and_not_invited(connect):
    _, channel, transport = connect()
    channel.dataReceived(post(length(LIMIT + 1), b"Expect: 100-continue"))
    assert_refused(transport)
    _, channel, transport = connect()
    channel.dataReceived(post(length(LIMIT), b"Expect: 100-continue"))
    assert transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_what_comes_after_a_refusal_is_thrown_away(connect):
    _, channel, transport = connect()
    channel.dataReceived(post(CHUNKED, body=chunk(b"x" * (LIMIT + 1))))
    answer = transport.value()
    for _ in range(3):
        channel.dataReceived(chunk(b"x" * LIMIT))
    assert transport.value() == answer
    assert transport.connected
    assert not transport.disconnecting


@pytest.mark.parametrize("ending", ["announced", "chunked"])
def test_the_connection_closes_when_the_refused_body_ends(connect, ending):
    _, channel, transport = connect()
    size = LIMIT + 1
    if ending == "announced":
        channel.dataReceived(post(length(size), body=b"x" * size))
    else:
        channel.dataReceived(post(CHUNKED, body=chunk(b"x" * size) + chunk(b"")))
    assert_refused(transport)
    assert transport.disconnecting


def test_a_request_behind_a_refused_one_is_not_served(connect):
    _, channel, transport = connect()
    size = LIMIT + 1
    channel.dataReceived(post(length(size), body=b"x" * size) + post(length(1), body=b"x"))
    assert_refused(transport)
    assert transport.value().count(b"HTTP/1.1") == 1


def test_a_request_before_a_refused_one_is_served(connect):
    _, channel, transport = connect()
    channel.dataReceived(post(length(3), body=b"abc") + post(length(LIMIT + 1)))
    served, refused = transport.value().split(b"got 3")
    assert served.startswith(b"HTTP/1.1 200 OK\r\n")
    assert refused.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_never_stops_sending_is_cut_off(connect):
    _, channel, transport = connect()
    size = 10 * DISCARD_LIMIT
    channel.dataReceived(post(length(size)))
    for _ in range(DISCARD_LIMIT // LIMIT):
        channel.dataReceived(b"x" * LIMIT)
    assert not transport.disconnected
    channel.dataReceived(b"x" * 2 * LIMIT)
    assert transport.disconnected


def test_over_tls_a_refusal_ends_with_an_orderly_close(connect):
    _, channel, transport = connect(secure=True)
    channel.dataReceived(post(length(LIMIT + 1)))
    assert_refused(transport)
    assert transport.producer is None  # or a TLS transport would wait for it
    assert transport.disconnecting
    assert not transport.half_closed


def test_a_small_limit_keeps_bodies_in_memory_and_a_large_one_lets_them_be_files(connect):
    class Keep(Echo):
        def render_POST(self, request):
            self.kept = type(request.content)
            return b""

    kept = []
    for limit in (MEMORY_LIMIT, MEMORY_LIMIT + 1):
        site, channel, _ = connect(limit)
        site.resource = Keep()
        channel.dataReceived(post(CHUNKED, body=chunk(b"x" * 200000) + chunk(b"")))
        kept.append(site.resource.kept)
    assert kept[0] is io.BytesIO
    assert kept[1] is not io.BytesIO


class Stream:
    """Stand in for the channel of one HTTP/2 stream."""

    transport = None
    factory = None

    def __init__(self, site):
        self.site = site
        self.said = []

    def getPeer(self):
        return ADDRESS

    getHost = getPeer

    def writeHeaders(self, version, code, reason, headers):
        self.said.append(int(code))

    def write(self, data):
        self.said.append(data)

    def requestDone(self, request):
        self.said.append("done")

    def abortConnection(self):
        self.said.append("aborted")


def make_stream_request(announced):
    stream = Stream(SockJSSite(Echo(), (), LIMIT, reactor=Clock()))
    request = SockJSRequest(stream)
    request.gotLength(announced)
    return stream, request


@pytest.mark.parametrize("announced", [None, LIMIT + 1])
def test_an_http2_stream_is_answered_when_it_ends(announced):
    stream, request = make_stream_request(announced)
    request.handleContentChunk(b"x" * (LIMIT + 1))
    assert stream.said == []
    request.requestReceived(b"POST", b"/", b"HTTP/2")
    assert stream.said == [413, REFUSAL, "done"]


def test_an_http2_stream_that_never_stops_is_reset():
    stream, request = make_stream_request(None)
    request.handleContentChunk(b"x" * (LIMIT + 1))
    request.handleContentChunk(b"x" * DISCARD_LIMIT)
    request.handleContentChunk(b"x")
    assert stream.said == ["aborted"]


def test_what_comes_for_a_stream_that_is_lost_is_ignored():
    stream, request = make_stream_request(LIMIT + 1)
    request.connectionLost(Failure(ConnectionDone()))
    request.handleContentChunk(b"x" * (LIMIT + DISCARD_LIMIT + 1))
    assert stream.said == []
