"""`SockJSSite`: a `twisted.web` Site that bounds request bodies and knows its connections.

A body over the limit is refused with 413 as soon as that is known: from its Content-Length before
a byte of it is read, else when the bytes that came are over the limit. Nothing over the limit is
kept. twisted.web alone would store a body of any size before a resource sees the request.
Called by `txsockjs.service` and by programs that build their own Site.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import combinedLogFormatter, datetimeToLogString
from twisted.web.resource import IResource
from twisted.web.server import Site

from .actors.deadlines import Patience, Sweep
from .http.page import Page
from .server.body_limit import SockJSRequest
from .server.front import Front
from .server.timeouts import Timeouts
from .server.web import Nowhere, PageResource
from .server.web_channel import Channel, Negotiated
from .settings import Settings

_log = Logger()

_NO_PAGES: Mapping[str, Page] = {}
_NO_ROUTERS: Mapping[str, Routed] = {}


def _connected(transport: Any) -> bool:
    while isinstance(transport, ProtocolWrapper):  # most of which never say that they ended
        transport = transport.transport
    return bool(transport.connected)


def _on_the_wall_clock(formatter: Callable[[str, Any], str | None]) -> Any:
    """Give the formatter the time of day: the one that it is called with is the reactor's."""
    return lambda timestamp, request: formatter(datetimeToLogString(), request)


class Routed(Protocol):
    """What a site needs from a router."""

    @property
    def settings(self) -> Settings:
        """The settings of its sessions."""
        ...

    @property
    def pages(self) -> Mapping[str, Page]:
        """The pages below ``/<server>/<session>/``, by the last segment."""
        ...

    def find(self, below: Sequence[bytes]) -> PageResource | Nowhere | None:
        """Return what serves the path of these decoded segments under its own, if that is known."""
        ...


class SockJSSite(Site):
    """A Site that refuses bodies over ``max_body_size`` bytes, and ends who takes too long.

    ``routers`` maps paths such as ``/chat`` to the routers that ``resource`` has there: requests
    for their sessions are then served without most of twisted.web, several times as fast, if
    nothing forbids it (an access log, a ``requestFactory``). They do not pass what is wrapped
    around ``resource``, such as a guard: leave such paths out. Further arguments are those of
    `twisted.web.server.Site`; a ``requestFactory`` among them must be a subclass of
    `SockJSRequest`. Requests are logged only if there is a ``logPath``.

    ``timeOut`` (the argument ``timeout``) and ``request_timeout`` are the longest ``idle_timeout``
    and ``request_timeout`` of the routers, in seconds, or the default ones without routers; None
    is for ever. ``ended`` counts the connections that ended for one of these: for ``"idle"``, for
    a ``"request"`` that did not come, and for an ``"answer"`` that was not taken. ``refused``
    counts the requests that were too large, before any router saw them.
    """

    requestFactory = SockJSRequest
    noisy = False  # the ports say where they listen

    def __init__(
        self,
        resource: IResource,
        max_body_size: int,
        routers: Mapping[str, Routed] = _NO_ROUTERS,
        **options: Any,
    ) -> None:
        formatter = options.get("logFormatter") or combinedLogFormatter
        super().__init__(resource, **{**options, "logFormatter": _on_the_wall_clock(formatter)})
        self.max_body_size = max_body_size
        self.request_timeout: float | None = None
        self.ended = dict.fromkeys(("idle", "request", "answer"), 0)
        self.refused = 0
        self._keeps_time_out = "timeout" in options
        self._plain = self.logPath is None and self.requestFactory is SockJSRequest
        self._pages: dict[str, Mapping[str, Page]] = {}
        self._routers: dict[tuple[bytes, ...], Routed] = {}
        self.shorten(routers)
        self._open: set[Front | Channel] = set()
        self._sweep = Sweep(self.reactor, self._expire)
        self._transports: set[weakref.ref[Any]] = set()

    def connections(self) -> list[Any]:
        """Give the transports that are still connected, websockets included."""
        known = [reference() for reference in list(self._transports)]
        return [transport for transport in known if transport is not None and _connected(transport)]

    def log(self, request: Any) -> None:
        """Write a request to the access log, if there is one of its own.

        Clients that poll make a request for each message: too much for the program's log.
        """
        if self.logPath is not None:
            super().log(request)

    def shorten(self, routers: Mapping[str, Routed]) -> None:
        """Serve the sessions of these routers, and no others, without most of twisted.web.

        Not of one that has another one below its path: whose a request is, the resources tell.
        """
        known = [router.settings for router in routers.values()] or [Settings()]
        self.request_timeout = max(settings.request_timeout for settings in known)
        if not self._keeps_time_out:
            self.timeOut = max(settings.idle_timeout for settings in known)
        self._routers = {tuple(path.encode().split(b"/")[1:]): routers[path] for path in routers}
        self._depth = max(map(len, self._routers), default=0)
        self._pages = {
            path: router.pages
            for path, router in routers.items()
            if not any(other.startswith(path + "/") for other in routers)
        }

    def pages(self, path: str) -> Mapping[str, Page]:
        """Return the pages of the sessions at a path, by the last segments of their URLs."""
        return self._pages.get(path, _NO_PAGES)

    def resource_of(self, path: bytes) -> PageResource | Nowhere | None:
        """Return what a router has at a path, as it was sent; None if no router is known there."""
        parts = tuple(map(unquote_to_bytes, path[1:].split(b"/")))
        for depth in range(min(self._depth, len(parts)), -1, -1):
            router = self._routers.get(parts[:depth])
            if router is not None:
                return router.find(parts[depth:])
        return None

    def web_protocol(self, address: IAddress | None) -> Any:
        """Make the protocol of twisted.web for a connection."""
        channel: Any = super().buildProtocol(address)
        channel.callLater = Patience(self.reactor).callLater
        return channel

    def protocol(self) -> Any:
        """Make the protocol that lets TLS choose between HTTP/1.1 and HTTP/2."""
        return Negotiated(Channel())

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Build the protocol of a connection."""
        return Front(self, addr) if self._pages and self._plain else self.web_protocol(addr)

    def enter(self, connection: Front | Channel) -> None:
        """Note a new connection, and ask it from time to time whether its time is over."""
        self._transports.add(weakref.ref(connection.transport, self._transports.discard))
        self._open.add(connection)
        shortest = self._timeouts.shortest
        if shortest is not None and not self._sweep.running:
            self._sweep.start(shortest / 4)

    def leave(self, connection: Front | Channel) -> None:
        """Forget a connection that ended, or that has another protocol now."""
        self._open.discard(connection)
        if not self.numPorts:
            self._rest()

    def stopFactory(self) -> None:
        """Leave no timer behind."""
        super().stopFactory()
        self._rest()

    @property
    def _timeouts(self) -> Timeouts:
        return Timeouts(self.timeOut, self.request_timeout)

    def _rest(self) -> None:
        # While it listens, the next sweep is soon enough: connections come and go all the time.
        if not self._open:
            self._sweep.stop()

    def _expire(self, until: float) -> None:
        self._rest()
        timeouts = self._timeouts
        for connection in list(self._open):
            transport: Any = connection.transport
            reason = connection.expire(until, timeouts)
            if reason is not None:
                self.ended[reason] += 1
                peer = transport.getPeer()  # not the transport, which a log may keep
                _log.debug("ended {peer}: too long for {reason}", peer=peer, reason=reason)
