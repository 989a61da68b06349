"""The pages for whoever operates a server."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txsockjs.admin.health import AdminSite, Readiness, all_ready
from txsockjs.testing import Connection


def ask(readiness: Readiness, method: str, path: str) -> Connection:
    site = AdminSite(lambda: readiness)
    site.timeOut = None
    return Connection(site, Clock()).request(method, path)


READY = Readiness(True, "ready")


@pytest.mark.parametrize("readiness", [READY, Readiness(False, "draining")])
def test_health_says_that_the_reactor_turns(readiness: Readiness) -> None:
    answer = ask(readiness, "GET", "/health")
    assert (answer.status, answer.body) == (200, b"alive\n")


def test_ready_says_why() -> None:
    answer = ask(READY, "GET", "/ready")
    assert (answer.status, answer.body) == (200, b"ready\n")
    answer = ask(Readiness(False, "draining"), "GET", "/ready")
    assert (answer.status, answer.body) == (503, b"draining\n")
    assert b"Cache-Control: no-store" in answer.received
    assert b"Content-Type: text/plain; charset=UTF-8" in answer.received


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/ready", 200),
        ("POST", "/ready", 405),
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("GET", "/ready/more", 404),
    ],
)
def test_all_else_is_refused(method: str, path: str, status: int) -> None:
    answer = ask(READY, method, path)
    assert answer.status == status
    assert b"Cache-Control: no-store" in answer.received
    assert b"Content-Type: text/plain; charset=UTF-8" in answer.received
    assert (answer.received.split(b"\r\n\r\n")[1] == b"") == (method == "HEAD")
    assert (b"Allow: GET, HEAD" in answer.received) == (status == 405)


def test_several_are_ready_if_one_is() -> None:
    away = Readiness(False, "away")
    assert all_ready({"a": READY, "b": READY}) == (True, "2 ready")
    assert all_ready({"a": READY, "b": away}) == (True, "1 ready; b: away")
    assert all_ready({"a": away, "b": away}) == (False, "a: away; b: away")
    assert all_ready({}) == (False, "nobody serves")
