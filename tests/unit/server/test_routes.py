"""A router's URLs in a Klein application, and that as a resource anywhere in a tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from klein import Klein
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.web.resource import Resource

from ...support.memory import Connection, Lab


@pytest.mark.parametrize("prefix", ["", "/chat", "/a/b.c/d", "/(chat)+"])
def test_it_is_served_under_its_prefix_and_nowhere_else(prefix: str) -> None:
    lab = Lab(prefix=prefix)
    for path in (prefix or "/", prefix + "/", prefix + "?x=1"):
        assert lab.connect().request("GET", path).body == b"Welcome to SockJS!\n"
    assert lab.connect().request("GET", prefix + "/info").status == 200
    for path in (
        prefix + "//",
        prefix + "/info/",
        (prefix or "/") + "x/info",
        "/oth",
        prefix + "/%ff",
    ):
        assert lab.connect().request("GET", path).status == 404
    lab.settle()


def test_it_can_be_put_anywhere_in_a_tree() -> None:
    lab = Lab()
    root, inner = Resource(), Resource()
    root.putChild(b"a", inner)
    inner.putChild(b"b", lab.resource)
    assert Connection(root, lab.clock).request("GET", "/a/b").body == b"Welcome to SockJS!\n"
    poll = Connection(root, lab.clock).request("POST", "/a/b/000/s/xhr")
    assert poll.body == b"o\n"
    socket = Connection(root, lab.clock).upgrade("/a/b/000/s/websocket")
    assert socket.received.endswith(b"\x81\x01o")
    socket.vanish()
    lab.settle()


@contextmanager
def warnings() -> Iterator[list[str]]:
    """What the router logs meanwhile."""
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    logged: list[str] = []
    try:
        yield logged
    finally:
        globalLogPublisher.removeObserver(events.append)
        logged += [formatEvent(each) for each in events if each["log_level"] is LogLevel.warn]


@pytest.mark.parametrize("prefix", ["/chat", "/v1/chat"])
def test_a_prefix_that_stands_twice_in_the_path_is_told_once(prefix: str) -> None:
    lab = Lab(prefix=prefix)
    root = resource = Resource()
    for name in ("api" + prefix).split("/")[:-1]:
        child = Resource()
        resource.putChild(name.encode(), child)
        resource = child
    resource.putChild(b"chat", lab.resource)

    def status(path: str) -> int:
        return Connection(root, lab.clock).request("GET", path).status

    with warnings() as logged:
        assert status(f"/api{prefix}/nothing") == 404
        assert status(f"/api{prefix}/%ff") == 404
        assert status(f"/api{prefix}{prefix}/nothing") == 404
    assert logged == []
    with warnings() as logged:
        assert status(f"/api{prefix}/info") == 404
        assert status(f"/api{prefix}/000/a/websocket") == 404
    assert len(logged) == 1
    assert logged[0].startswith(
        f"nothing is served under /api{prefix}, but under /api{prefix}{prefix}: "
    )
    assert status(f"/api{prefix}{prefix}/info") == 200
    lab.settle()


def test_a_path_that_was_never_served_is_no_reason_to_warn() -> None:
    for lab in (Lab(), Lab(prefix="/game")):
        root = Resource()
        root.putChild(b"chat", lab.resource)
        with warnings() as logged:
            assert Connection(root, lab.clock).request("GET", "/chat/chat/info").status == 404
        assert logged == []
        lab.settle()


def test_it_lives_in_a_klein_application_beside_other_routes() -> None:
    app = Klein()

    @app.route("/hello")
    def hello(request: Any) -> bytes:
        return b"hello"

    chat, game = Lab(prefix="/chat"), Lab(prefix="/game")
    assert chat.router.apply_routes(app) is app
    game.router.apply_routes(app)
    for path, body in (("/hello", b"hello"), ("/chat", b"Welcome to SockJS!\n")):
        assert Connection(app.resource(), chat.clock).request("GET", path).body == body
    for lab, prefix in ((chat, "/chat"), (game, "/game")):
        connection = Connection(app.resource(), lab.clock)
        assert connection.request("POST", prefix + "/000/s/xhr").body == b"o\n"
        assert lab.log == ["open"]
        lab.settle()


def test_it_lives_in_a_klein_application_that_is_a_class() -> None:
    class Program:
        app = Klein()

    lab = Lab(prefix="/chat")
    lab.router.apply_routes(Program.app)
    connection = Connection(Program().app.resource(), lab.clock)
    assert connection.request("GET", "/chat/info").status == 200
    lab.settle()
