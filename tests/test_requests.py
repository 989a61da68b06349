"""What HTTP allows in a request, and what it does not: alike on every way to a router."""

from __future__ import annotations

import re
from typing import Any

import pytest
from klein import Klein
from twisted.internet.task import Clock
from twisted.web.resource import IResource
from twisted.web.server import Site

from txsockjs import SockJSRouter
from txsockjs.site import SockJSSite

from .memory import Echo
from .sites import Answer, Client, read_answers, request

LIMIT = 5000


class Way:
    """A router at ``/chat`` on a site of one kind, and the connections to it."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.name = name
        self.clock = Clock()
        self.log: list[Any] = []
        connection = type("Echo", (Echo,), {"log": self.log})
        self.router = SockJSRouter(connection, "/chat", reactor=self.clock, **settings)
        resource: IResource = self.router.resource()
        if name == "klein":
            resource = self.router.apply_routes(Klein()).resource()
        self.site: Any = Site(resource, reactor=self.clock)
        if name in ("web", "front"):
            routers = {"/chat": self.router} if name == "front" else {}
            self.site = SockJSSite(resource, LIMIT, routers, reactor=self.clock)
        self.clients: list[Client] = []

    def connect(self) -> Client:
        client = Client(self.site, self.clock)
        self.clients.append(client)
        return client

    def ask(self, data: bytes) -> bytes:
        """Send bytes on a new connection, and return what it answered."""
        client = self.connect()
        client.send(data)
        return client.received

    def answer(self, data: bytes) -> Answer:
        return read_answers(self.ask(data))[0]

    def settle(self) -> None:
        for client in self.clients:
            client.vanish()
        self.router.close()
        for _ in range(60):
            self.clock.advance(1)
        assert self.clock.getDelayedCalls() == []


WAYS = ["plain", "klein", "web", "front"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    way = Way(request.param)
    yield way
    way.settle()


# -- HEAD

READ = ["/chat", "/chat/", "/chat/info", "/chat/iframe.html", "/chat/iframe-1.html?t=1"]


def head_of(data: bytes) -> list[bytes]:
    """The lines before the body, less what differs from one second, or number, to the next."""
    head, _, _ = data.partition(b"\r\n\r\n")
    head = re.sub(rb"\r\n(Date|Expires): [^\r]*", b"", head)
    return sorted(head.split(b"\r\n"))


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_the_body(way: Way, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 5)  # or info's length would differ
    got = way.ask(request("GET", path))
    head = way.ask(request("HEAD", path))
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head_of(head) == head_of(got)
    body = got.partition(b"\r\n\r\n")[2]
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1


def test_head_of_a_page_that_is_known_is_304(way: Way) -> None:
    etag = way.answer(request("GET", "/chat/iframe.html")).header("etag")
    known = f"If-None-Match: {etag}"
    got = way.ask(request("GET", "/chat/iframe.html", b"", known))
    head = way.ask(request("HEAD", "/chat/iframe.html", b"", known))
    assert head.startswith(b"HTTP/1.1 304 ")
    assert head_of(head) == head_of(got)


def test_a_request_behind_head_is_answered(way: Way) -> None:
    data = way.ask(request("HEAD", "/chat") + request("GET", "/chat"))
    first, second = re.findall(rb"HTTP/1\.1 (\d+)", data)
    assert (first, second) == (b"200", b"200")
    assert data.count(b"Welcome") == 1


@pytest.mark.parametrize("name", ["xhr", "xhr_send", "eventsource", "jsonp", "websocket"])
def test_head_of_a_session_is_405_and_opens_none(way: Way, name: str) -> None:
    answer = way.answer(request("HEAD", f"/chat/000/abc/{name}"))
    assert answer.code == 405
    assert "HEAD" not in (answer.header("allow") or "HEAD")
    assert len(way.router.sessions) == 0


def test_allow_names_head_and_what_scripts_may_do_does_not(way: Way) -> None:
    for path, allowed in (("/chat", "GET, HEAD"), ("/chat/info", "GET, HEAD, OPTIONS")):
        assert way.answer(request("PUT", path)).header("allow") == allowed
    options = way.answer(request("OPTIONS", "/chat/info"))
    assert options.header("access-control-allow-methods") == "OPTIONS, GET"


def test_head_passes_the_gate_as_get_does() -> None:
    for name in WAYS:
        way = Way(name, allowed_origins=["http://a.example"])
        for origin, status in (("http://a.example", 200), ("http://b.example", 403)):
            data = request("HEAD", "/chat/info", b"", f"Origin: {origin}")
            assert way.ask(data).startswith(b"HTTP/1.1 %d " % status)
        way.settle()
