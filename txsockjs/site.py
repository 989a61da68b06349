"""`SockJSSite`: a `twisted.web` Site that serves sessions fast, and tracks its connections.

Rules: whatever wraps a router in the tree of resources sees every request for it, and so does
`twisted.web` where it must. A connection ends when its time is over (`server.timeouts`).
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import combinedLogFormatter, datetimeToLogString
from twisted.web.resource import IResource
from twisted.web.server import Site

from .actors.deadlines import Patience, Sweep
from .actors.pace import Pace
from .errors import SettingsError
from .http.page import Page
from .http.refusals import PeerLog
from .server.body_limit import SockJSRequest
from .server.front import Front
from .server.root import segments
from .server.timeouts import Timeouts
from .server.tree import follow, resources_in
from .server.web import Nowhere, PageResource
from .server.web_channel import Channel, Negotiated
from .settings import Settings

_log = Logger()

# Why connections were ended for taking too long.
_TOO_LONG = {
    "idle": "a connection that was idle for too long",
    "request": "a request that took too long",
    "answer": "an answer that was not taken in time",
}
# How many of them one turn ends.
_MOST_ENDS = 256

_NO_PAGES: Mapping[str, Page] = {}
# How many paths are remembered.
_MOST_PATHS = 64


class _Remembered(dict[str, Mapping[str, Page]]):
    """The pages at the paths of routers; a dict, so that a hit is quick.

    Only those at fixed paths are in it: what chooses among resources is asked for each request.
    """

    def __init__(self, look_up: Callable[[str], tuple[Mapping[str, Page], bool]]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, path: str) -> Mapping[str, Page]:
        pages, is_fixed = self._look_up(path)
        if is_fixed:  # otherwise it may lead elsewhere at the next request, or to a router then
            if len(self) >= _MOST_PATHS:  # a tree may lead to a router on any number of paths
                self.clear()
            self[path] = pages
        return pages


def _connected(transport: Any) -> bool:
    while isinstance(transport, ProtocolWrapper):  # most of these never say that they ended
        transport = transport.transport
    return bool(transport.connected)


def _on_the_wall_clock(formatter: Callable[[str, Any], str | None]) -> Any:
    """Call ``formatter`` with the time of day, not the reactor's time."""
    return lambda timestamp, request: formatter(datetimeToLogString(), request)


class RouterForSites(Protocol):
    """What a site needs from a router."""

    prefix: str

    @property
    def settings(self) -> Settings:
        """The settings of its sessions."""
        ...

    @property
    def pages(self) -> Mapping[str, Page]:
        """The pages below ``/<server>/<session>/``, by the last segment."""
        ...


class SockJSSite(Site):
    """A Site that serves sessions fast, bounds bodies, and ends connections that take too long.

    ``routers`` are routers whose resources are somewhere in the tree under ``resource``. Requests
    for their sessions bypass most of `twisted.web`, which makes them several times as fast. This
    works where the names in a path alone lead to a router's resource; a wrapper around it, such as
    an `HTTPAuthSessionWrapper`, still sees all requests. The tree is searched when a path first
    brings a session's request, and the result is remembered: after putting other children into it,
    call `set_routers` again. A resource that chooses its children by itself, in a ``getChild`` of
    its own, is asked for each request. With an access log, a ``requestFactory`` or a guard,
    `twisted.web` serves these requests; the log says so at the start.

    ``max_body_size`` is in bytes, by default the largest of the routers'. Further arguments are
    those of `twisted.web.server.Site`; a ``requestFactory`` among them must be a subclass of
    `SockJSRequest`. Requests are logged only if there is a ``logPath``.

    ``timeOut`` (the argument ``timeout``) and ``request_timeout`` are the longest ``idle_timeout``
    and ``request_timeout`` of the routers, in seconds, or their defaults without routers; None
    means no limit. ``ended`` counts the connections ended by these: ``"idle"`` ones, those whose
    ``"request"`` did not come, and those whose ``"answer"`` was not taken. ``refused`` counts the
    requests that were too large, before any router saw them.
    """

    requestFactory = SockJSRequest
    noisy = False  # the ports log where they listen

    def __init__(
        self,
        resource: IResource,
        routers: Iterable[RouterForSites] = (),
        max_body_size: int | None = None,
        **options: Any,
    ) -> None:
        formatter = options.get("logFormatter") or combinedLogFormatter
        super().__init__(resource, **{**options, "logFormatter": _on_the_wall_clock(formatter)})
        self.max_body_size = 0
        self.request_timeout: float | None = None
        self.ended = dict.fromkeys(_TOO_LONG, 0)
        self.refused = 0
        self._peer_log = PeerLog()
        self._body_limit = max_body_size
        self._keeps_time_out = "timeout" in options
        self._routers: list[RouterForSites] = []
        self.set_routers(routers)
        self._open: set[Front | Channel] = set()
        self._sweep = Sweep(self.reactor, self._expire)
        self._transports: set[weakref.ref[Any]] = set()

    def connections(self) -> list[Any]:
        """Return the transports that are still connected, websockets included."""
        known = [reference() for reference in list(self._transports)]
        return [transport for transport in known if transport is not None and _connected(transport)]

    def log(self, request: Any) -> None:
        """Write a request to the site's own access log, if it has one.

        Clients that poll make a request for each message, which is too much for the program's log.
        """
        if self.logPath is not None:
            super().log(request)

    def set_routers(self, routers: Iterable[RouterForSites]) -> None:
        """Serve the sessions of these routers, and no others, without most of `twisted.web`.

        The tree of resources is searched for them again.
        """
        self._routers = list(routers)
        for router in self._routers:
            if not hasattr(router, "pages"):
                raise SettingsError(f"a site serves routers, not {router!r}")
        known = [router.settings for router in self._routers] or [Settings()]
        self.request_timeout = max(settings.request_timeout for settings in known)
        if not self._keeps_time_out:
            self.timeOut = max(settings.idle_timeout for settings in known)
        # A body is read before its router is known; each router checks its own limit later.
        largest = max(settings.max_body_size for settings in known)
        self.max_body_size = largest if self._body_limit is None else self._body_limit
        self.pages: Mapping[str, Mapping[str, Page]] = _Remembered(self._look_up)

    def _look_up(self, path: str) -> tuple[Mapping[str, Page], bool]:
        below = tuple(path.encode().split(b"/")[1:])
        found = follow(self.resource, below, more=True)
        router = found and found.resource.serves
        if found is None or router not in self._routers or segments(router.prefix) != found.path:
            return _NO_PAGES, False
        return router.pages, found.is_fixed

    def resource_of(self, path: bytes) -> PageResource | Nowhere | None:
        """Return the resource at a path as it was sent; None if no router is known there."""
        if not self._goes_by_tree:
            return None
        found = follow(self.resource, tuple(map(unquote_to_bytes, path[1:].split(b"/"))))
        if found is None or found.resource.serves not in self._routers:
            return None
        resource: PageResource | Nowhere | None = found.resource.find(b"/" + b"/".join(found.path))
        return resource

    @property
    def _detour(self) -> str | None:
        """The part of this site that must see every request, if there is one."""
        if self.logPath is not None:
            return "an access log (logPath)"
        if self.requestFactory is not SockJSRequest:
            return "a requestFactory"
        return None if self._goes_by_tree else "a getResourceFor of its own"

    @property
    def _goes_by_tree(self) -> bool:
        return getattr(self.getResourceFor, "__func__", None) is Site.getResourceFor

    def startFactory(self) -> None:
        """Log what makes this site slower than it could be."""
        super().startFactory()
        detour = self._detour
        if detour is not None and self._routers:
            _log.info(
                "sessions are served by twisted.web, at several times the cost, because of {what}",
                what=detour,
            )
            return
        found = [resource.serves for resource in resources_in(self.resource)]
        for router in self._routers:
            if router not in found:
                _log.info(
                    "sessions of {router!r} are served by twisted.web, at several times the cost, "
                    "if something such as a guard is wrapped around it: it is not found by name",
                    router=router,
                )

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
        if self._routers and self._detour is None:
            return Front(self, addr)
        return self.web_protocol(addr)

    def enter(self, connection: Front | Channel) -> None:
        """Note a new connection, and check from time to time whether its time is over."""
        self._transports.add(weakref.ref(connection.transport, self._transports.discard))
        self._open.add(connection)
        if not self._sweep.running:
            shortest = self._timeouts.shortest
            if shortest is not None:
                self._sweep.start(shortest / 4)

    def leave(self, connection: Front | Channel) -> None:
        """Forget a connection that ended or has another protocol now."""
        self._open.discard(connection)
        if not self.numPorts:
            self._rest()

    def note_refused(self, peer: object) -> None:
        """Count a request that was too large; ``peer`` is the address it came from."""
        self.refused += 1
        self._peer_log.note("a request that was too large", peer)

    def stopFactory(self) -> None:
        """Leave no timer behind."""
        super().stopFactory()
        self._peer_log.tell()
        self._rest()

    @property
    def _timeouts(self) -> Timeouts:
        return Timeouts(self.timeOut, self.request_timeout)

    def _rest(self) -> None:
        # While it listens, the next sweep is soon enough: connections come and go all the time.
        if not self._open:
            self._sweep.stop()

    def _expire(self, until: float) -> bool:
        self._rest()
        pace = Pace(_MOST_ENDS)
        timeouts = self._timeouts
        for connection in list(self._open):
            transport: Any = connection.transport
            reason = connection.expire(until, timeouts)
            if reason is not None:
                self.ended[reason] += 1
                self._peer_log.note(_TOO_LONG[reason], transport.getPeer())
                if not pace.may_go_on():
                    return True
        self._peer_log.tell()
        return False
