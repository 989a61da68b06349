"""The interfaces between actors and their neighbours: who has what the other side asks for."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.actors import interfaces
from txsockjs.actors.application import Application
from txsockjs.actors.interfaces import Ending, RouterForSessions, SessionForConnection
from txsockjs.actors.session import BaseSession, Session

from ...support.fakes import FakeServer


def asked(protocol: Any) -> set[str]:
    own = {*vars(protocol), *vars(protocol).get("__annotations__", ())}
    return {name for name in own if not name.startswith("_")}


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        (SessionForConnection, BaseSession),
        (SessionForConnection, Session),
        (Ending, Application),
    ],
)
def test_a_class_has_all_that_is_asked_of_it(protocol: Any, kind: Any) -> None:
    assert asked(protocol)
    assert [name for name in asked(protocol) if not hasattr(kind, name)] == []


@pytest.mark.parametrize("kind", ["router", "fake"])
def test_a_server_has_all_that_is_asked_of_it(kind: str) -> None:
    server: Any = FakeServer()
    if kind == "router":
        server = SockJSRouter(SockJSConnection, reactor=Clock())
    assert [name for name in asked(RouterForSessions) if not hasattr(server, name)] == []


def test_reasons_are_what_clients_are_told() -> None:
    reasons = {name: each for name, each in vars(interfaces).items() if name.isupper()}
    assert reasons == {
        "GO_AWAY": (3000, "Go away!"),
        "INTERRUPTED": (1002, "Connection interrupted"),
        "ANOTHER_RECEIVER": (2010, "Another connection still open"),
        "SLOW_CONSUMER": (1008, "Slow consumer"),
        "INTERNAL_ERROR": (1011, "Internal error"),
        "TIMED_OUT": (1006, "Session timed out"),
        "NODE_GONE": (1001, "Node gone"),
    }
