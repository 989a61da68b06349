"""The gate before the body: what the head of a request tells is answered before a body is kept."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.server.root import Root
from txsockjs.server.web_channel import DISCARD_LIMIT
from txsockjs.site import SockJSSite

from ...support.sites import Client, OwnRequest, SiteLab, request

BODY = b'["' + b"x" * 396 + b'"]'
SEND_PATH = "/chat/000/abc/xhr_send"
GUEST = "Origin: http://guest.example"
STRANGER = "Origin: http://stranger.example"

# The request line, a header, the settings, and what the answer is.
REFUSED: dict[str, tuple[str, str, str, dict[str, Any], int]] = {
    "an origin": ("POST", SEND_PATH, STRANGER, {}, 403),
    "an origin of a poll": ("POST", "/chat/000/new/xhr", STRANGER, {}, 403),
    "an origin of info": ("GET", "/chat/info", STRANGER, {}, 403),
    "no session": ("POST", "/chat/000/nobody/xhr_send", GUEST, {}, 404),
    "no session of a form": ("POST", "/chat/000/nobody/jsonp_send", GUEST, {}, 404),
    "too many sessions": ("POST", "/chat/000/new/xhr", GUEST, {"max_sessions": 1}, 503),
    "too many of one address": (
        "POST",
        "/chat/000/new/xhr",
        GUEST,
        {"max_sessions_per_ip": 1},
        429,
    ),
    "too fast from one address": (
        "POST",
        "/chat/000/new/xhr",
        GUEST,
        {"open_rate_per_ip": "1/h"},
        429,
    ),
    "a method": ("PUT", SEND_PATH, GUEST, {}, 405),
    "a method of info": ("POST", "/chat/info", GUEST, {}, 405),
    "a disabled transport": (
        "POST",
        "/chat/000/abc/xhr",
        GUEST,
        {"disabled_transports": ["xhr"]},
        404,
    ),
    "no such path": ("POST", "/chat/a/b/c/d", GUEST, {}, 404),
    "two slashes": ("POST", "/chat//abc/xhr_send", GUEST, {}, 404),
    "a length": (
        "POST",
        SEND_PATH,
        GUEST,
        {"max_message_size": 300, "max_body_size": 300},
        413,
    ),
}
KINDS = pytest.mark.parametrize("kind", REFUSED.values(), ids=list(REFUSED))


@pytest.fixture(params=[True, False], ids=["fast", "web"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether the front serves it, or twisted.web."""
    return bool(request.param)


def make_lab(fast: bool, **settings: Any) -> SiteLab:
    """A site with one session, whose pages are those of a guest."""
    lab = SiteLab(fast=fast, allowed_origins=["http://guest.example"], **settings)
    lab.site.timeOut = 8
    opened = "xhr_streaming" if "disabled_transports" in settings else "xhr"
    lab.connect().send(request("POST", f"/chat/000/abc/{opened}", b"", GUEST))
    return lab


def body_kept(lab: SiteLab, client: Any) -> int:
    """How many bytes of a request's body a connection holds."""
    if client.is_fast:
        return len(client.transport.protocol._held)
    requests = client.transport.protocol._channel.requests
    return sum(len(one.content.getvalue()) for one in requests if one.content is not None)


@KINDS
def test_what_the_head_tells_is_answered_before_the_body_comes(kind: Any, fast: bool) -> None:
    method, path, line, settings, code = kind
    whole = request(method, path, BODY, line)
    lab = make_lab(fast, **settings)
    patient = lab.connect()
    patient.send(whole)
    client = lab.connect()
    refusals = dict(lab.router.stats.refusals)
    client.send(whole[: -len(BODY)])
    assert client.answers == patient.answers
    assert [answer.code for answer in client.answers] == [code]
    assert all(answer.complete for answer in client.answers)
    for i in range(len(BODY)):
        assert body_kept(lab, client) == 0
        client.send(BODY[i : i + 1])
    assert client.answers == patient.answers
    assert lab.router.stats.refusals == {name: 2 * times for name, times in refusals.items()}
    client.send(request("POST", SEND_PATH, b'["hello"]', GUEST) * 2)
    assert [answer.code for answer in client.answers] == [code, 204, 204]
    assert lab.log == ["open", "hello", "hello"]
    lab.settle()


@KINDS
def test_a_body_in_chunks_is_refused_by_its_head(kind: Any) -> None:
    method, path, line, settings, code = kind
    if code == 413:  # which only a length would tell
        return
    lab = make_lab(False, **settings)
    client = lab.connect()
    client.send(request(method, path, b"", line, "Transfer-Encoding: chunked"))
    assert [answer.code for answer in client.answers] == [code]
    for _ in range(10):
        client.send(b"%x\r\n%b\r\n" % (len(BODY), BODY))
        assert body_kept(lab, client) == 0
    client.send(b"0\r\n\r\n" + request("POST", SEND_PATH, b'["hello"]', GUEST))
    assert [answer.code for answer in client.answers] == [code, 204]
    lab.settle()


def test_a_client_that_asks_before_it_sends_is_not_invited(fast: bool) -> None:
    for line, answer in ((STRANGER, b"HTTP/1.1 403"), (GUEST, b"HTTP/1.1 100")):
        lab = make_lab(fast)
        client = lab.connect()
        client.send(request("POST", SEND_PATH, BODY, line, "Expect: 100-continue")[: -len(BODY)])
        assert client.received.startswith(answer)
        lab.settle()


def test_a_body_that_may_be_taken_is_waited_for(fast: bool) -> None:
    lab = make_lab(fast)
    client = lab.connect()
    data = request("POST", SEND_PATH, b'["hello"]', GUEST)
    client.send(data[:-1])
    assert client.answers == []
    client.send(data[-1:])
    assert [answer.code for answer in client.answers] == [204]
    lab.settle()


def test_a_path_that_is_no_routers_is_nobodys_to_refuse(fast: bool) -> None:
    lab = make_lab(fast)
    for path in ("/elsewhere", "/", "/chatter/000/abc/xhr_send", "/chat%2F000/abc/xhr"):
        client = lab.connect()
        data = request("POST", path, BODY, STRANGER)
        client.send(data[:-1])
        assert client.answers == []
        client.send(data[-1:])
        assert [answer.code for answer in client.answers] == [404]
    lab.settle()


def test_a_body_that_is_long_ends_its_connection(fast: bool) -> None:
    lab = make_lab(fast)
    lab.site.max_body_size = 4 * DISCARD_LIMIT
    client = lab.connect()
    size = DISCARD_LIMIT + 1
    head = request("POST", SEND_PATH, b"", STRANGER, f"Content-Length: {size}")
    client.send(head)
    assert [answer.code for answer in client.answers] == [403]
    assert client.answers[0].header("connection") == "close"
    assert client.transport.half_closed
    for _ in range(64):
        client.send(b"x" * (DISCARD_LIMIT // 64))
    assert not client.transport.disconnecting
    client.send(b"x")
    assert client.transport.aborted or client.transport.disconnecting
    lab.settle()


def test_chunks_without_end_are_cut_off() -> None:
    lab = make_lab(False)
    lab.site.max_body_size = 4 * DISCARD_LIMIT
    client = lab.connect()
    client.send(request("POST", SEND_PATH, b"", STRANGER, "Transfer-Encoding: chunked"))
    sent = 0
    while client.is_open:
        client.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        sent += 0x10000
    assert DISCARD_LIMIT < sent <= DISCARD_LIMIT + 0x10000
    assert client.transport.aborted
    lab.settle()


def test_a_refused_body_that_does_not_come_ends_in_time(fast: bool) -> None:
    lab = make_lab(fast)
    lab.site.request_timeout = 20
    client = lab.connect()
    client.send(request("POST", SEND_PATH, BODY, STRANGER)[: -len(BODY)])
    seconds = 0
    while client.is_open:
        lab.clock.advance(1)
        client.send(b"x")
        seconds += 1
    assert 20 <= seconds <= 24
    assert lab.site.ended["request"] == 1
    lab.settle()


def test_requests_behind_a_refused_body_wait_for_its_end(fast: bool) -> None:
    lab = make_lab(fast)
    client = lab.connect()
    refused = request("POST", SEND_PATH, BODY, STRANGER)
    data = refused + request("POST", SEND_PATH, b'["hello"]', GUEST)
    client.send(data[: len(refused) - 5])
    client.send(data[len(refused) - 5 :])
    client.send(request("GET", "/chat/info", b"", GUEST))
    assert [answer.code for answer in client.answers] == [403, 204, 200]
    lab.settle()


def test_a_function_that_fails_is_answered_before_the_body(fast: bool) -> None:
    def raising(origin: str) -> bool:
        raise SystemExit

    lab = SiteLab(fast=fast, allowed_origins=raising)
    client = lab.connect()
    client.send(request("POST", SEND_PATH, BODY, STRANGER)[: -len(BODY)])
    assert [answer.code for answer in client.answers] == [500]
    client.send(BODY)
    assert [answer.code for answer in client.answers] == [500]
    lab.settle()


def test_three_hundred_refused_connections_hold_no_body(fast: bool) -> None:
    lab = make_lab(fast)
    clients = [lab.connect() for _ in range(300)]
    for client in clients:
        client.send(request("POST", SEND_PATH, b"x" * 4000, STRANGER)[:-100])
    assert sum(body_kept(lab, client) for client in clients) == 0
    lab.settle()


def test_a_router_that_is_a_child_of_the_same_or_no_name_is_found(fast: bool) -> None:
    for above, prefix in (("", "/chat"), ("/chat", ""), ("/a", "/b"), ("/a/b", "")):
        clock, path = Clock(), above + prefix
        router = SockJSRouter(SockJSConnection, prefix, reactor=clock)
        top: Any = Root()
        top.mount(above, router.resource())
        if above:
            top = Resource()
            child = top
            for name in above.split("/")[1:]:
                parent, child = child, Resource()
                parent.putChild(name.encode(), child)
            parent.putChild(name.encode(), router.resource())
        site = SockJSSite(top, [router], 5000, reactor=clock)
        if not fast:
            site.requestFactory = OwnRequest
        for below, code in (
            ("", 405),
            ("/", 405),
            ("/info", 405),
            ("/0/s/xhr_send", 404),
            ("/x", 404),
        ):
            client = Client(site, clock)
            client.send(request("POST", path + below, BODY)[:-1])
            assert [answer.code for answer in client.answers] == [code], (path, below)
            client.vanish()
        client = Client(site, clock)
        client.send(request("POST", path + "/0/s/xhr", BODY)[:-1])
        assert client.answers == []
        client.send(BODY[-1:])
        assert [answer.code for answer in client.answers] == [200]
        client.vanish()
        router.close()
        clock.advance(60)
