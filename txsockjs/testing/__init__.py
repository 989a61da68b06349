"""Test an application without sockets and without waiting: clients in memory, time on a `Clock`.

`connect` returns a client, of any transport, of a router whose reactor is a
`twisted.internet.task.Clock`. The whole server runs as it does behind a socket, HTTP and websocket
framing included. `Connection` is one level below: it sends and receives bytes.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..router import SockJSRouter
from ..stats import CLIENT_NAMES
from .client import BadAnswer, Client, advance
from .http import FRAMINGS, HTTPClient
from .network import Connection
from .websocket import RawWebSocketClient, WebSocketClient

__all__ = [
    "TRANSPORTS",
    "BadAnswer",
    "Client",
    "Connection",
    "advance",
    "connect",
    "settle",
    "start",
]

TRANSPORTS = ("websocket", "rawwebsocket", *FRAMINGS)


def connect(
    router: SockJSRouter,
    transport: str = "websocket",
    *,
    ip: str = "192.0.2.1",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    session_id: str | None = None,
    plain: bool = False,
) -> Client:
    """Connect a client to ``router``, whose reactor must be a `Clock`.

    ``transport`` is one of `TRANSPORTS`, or sockjs-client's name for it. ``query`` (such as
    ``token=abc``) and ``headers`` are sent with each request. ``session_id`` defaults to a new one.
    The client speaks to a `SockJSSite` that knows the router, as under ``twistd sockjs``, or, if
    ``plain`` is true, to a plain twisted.web site with the router's resource. Raises `BadAnswer` if
    the server refuses the client. The first client calls `start`.
    """
    transport = CLIENT_NAMES.get(transport, transport)
    if transport not in TRANSPORTS:
        raise ValueError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    if not callable(getattr(router.reactor, "advance", None)):
        raise TypeError(f"the router's reactor must be a Clock, not {router.reactor!r}")
    if not router.started:
        start(router)
    client: Client
    if transport == "websocket":
        client = WebSocketClient(router, transport, ip, query, headers, session_id, plain)
    elif transport == "rawwebsocket":
        client = RawWebSocketClient(router, transport, ip, query, headers, session_id, plain)
    else:
        client = HTTPClient(router, transport, ip, query, headers, session_id, plain)
    client.start()
    return client


def start(router: SockJSRouter) -> None:
    """Call ``on_start``, as a service does, and advance the router's clock until it is done.

    Raises what ``on_start`` raises, and `AssertionError` if it is not done within a minute.
    """
    _run(router, router.start(), "an on_start")


def settle(router: SockJSRouter) -> None:
    """Close the router, advance its clock, and raise `AssertionError` if anything is left.

    Sessions may be left, connections whose ``on_close`` is not done, or delayed calls on the clock,
    the application's own included. A client that has stopped reading keeps its session. ``on_stop``
    is called if ``on_start`` was.
    """
    settings = router.settings
    enough = 2 * (settings.disconnect_delay + settings.peer_timeout)
    gone: list[object] = []
    router.close(patience=2 * enough).addCallback(gone.append)
    advance(router.reactor, enough)
    sessions = list(router.sessions)
    assert gone, f"{router!r} is not closed: {sessions or 'an on_close that does not end'} is left"
    _run(router, router.stop(), "an on_stop")
    left = router.reactor.getDelayedCalls()
    assert not left, f"delayed calls are left: {', '.join(map(str, left))}"


def _run(router: SockJSRouter, coroutine: Coroutine[Any, Any, None], what: str) -> None:
    results: list[object] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    for _ in range(600):
        if results:
            break
        advance(router.reactor, 0.1)
    assert results, f"{what} of {router!r} does not end"
    if isinstance(results[0], Failure):
        results[0].raiseException()
