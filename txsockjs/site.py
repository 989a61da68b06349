"""`SockJSSite`: a `twisted.web` Site that bounds request bodies and knows its connections.

A body over the limit is refused with 413 as soon as that is known: from its Content-Length before
a byte of it is read, else when the bytes that came are over the limit. Nothing over the limit is
kept. twisted.web alone would store a body of any size before a resource sees the request.
Called by `txsockjs.service` and by programs that build their own Site.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import HTTPChannel, combinedLogFormatter, datetimeToLogString
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from .actors.deadlines import Patience, Sweep
from .errors import BodyTooLarge
from .http.headers import NEVER_CACHED, TEXT, shared_with
from .http.page import Page
from .server.front import Front
from .server.timeouts import Timeouts
from .server.web import Nowhere, PageResource
from .server.web_channel import DISCARD_LIMIT, Channel, Negotiated, end_writing
from .settings import Settings
from .wire.request_head import origin_form

_log = Logger()

_NO_PAGES: Mapping[str, Page] = {}
_NO_ROUTERS: Mapping[str, Routed] = {}

REFUSAL = BodyTooLarge.wording.encode()
# Bodies that may grow over this are left to twisted.web, which puts them into files.
MEMORY_LIMIT = 4 * 1024 * 1024


class SockJSRequest(Request):
    """A request whose body may not be larger than its site's ``max_body_size``.

    One that a router refuses whatever its body is answered when its head is here; the body is
    thrown away.
    """

    channel: Any
    transport: Any
    content: Any
    received = 0  # bytes of the body
    _refused = False
    # While the body of a request that was answered before is thrown away; then what ends that.
    _is_early = False
    _finish: Callable[[], None] | None = None

    def gotLength(self, length: int | None) -> None:
        """Refuse a body that is announced as too large, or that is of no use to anybody."""
        self._limit: int = self.channel.site.max_body_size
        if length is not None and length > self._limit:
            self.content = io.BytesIO()
            # Or the channel would invite the client to send the body all the same.
            self.requestHeaders.removeHeader(b"expect")
            self._refuse(f"{length} bytes announced")
        elif length != 0 and isinstance(self.channel, Channel) and self._is_useless():
            self._answer_early(length)
        elif self._limit <= MEMORY_LIMIT:
            self.content = io.BytesIO()
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, or refuse it all when it has become too large."""
        before = self.received
        self.received += len(data)
        if self._refused or self._is_early:
            most = DISCARD_LIMIT + (self._limit if self._refused else 0)
            if before <= most < self.received:
                self._drop()
        elif self.received > self._limit:
            self._refuse(f"{self.received} bytes so far")
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Process the request, unless its body was refused."""
        if self._is_early:
            self._is_early = False
            if self._finish is not None:
                self._finish()
        elif not self._refused:
            super().requestReceived(command, self._path_of(path), version)
        elif isinstance(self.channel, HTTPChannel):
            self.channel.loseConnection()
        else:
            self._answer()
            self.finish()

    def finish(self) -> None:
        """End the answer; the request ends with its body."""
        if not self._is_early:
            super().finish()
            return
        self._finish = super().finish
        if not self.startedWriting:
            self.write(b"")
        if not self.channel.persistent:
            end_writing(self.transport)

    def _path_of(self, target: bytes) -> bytes:
        absolute = origin_form(target)
        if absolute is None:
            return target
        self.requestHeaders.setRawHeaders(b"host", [absolute[0]])  # whatever the header says
        return absolute[1]

    def _is_useless(self) -> bool:
        """Tell whether a router refuses the request whatever its body is."""
        self.method, self.uri, self.clientproto = self.channel.request_line
        self.uri = self._path_of(self.uri)
        self.path = self.uri.partition(b"?")[0]
        self.host = self.channel.getHost()
        resource = self.channel.site.resource_of(self.path)
        return resource is not None and resource.refuses(self)

    def _answer_early(self, length: int | None) -> None:
        self._is_early = True
        self.requestHeaders.removeHeader(b"expect")
        if length is not None and length > DISCARD_LIMIT:
            self.channel.persistent = False
            self.setHeader(b"connection", b"close")
        self.process()

    def _refuse(self, size: str) -> None:
        self._refused = True
        self.channel.site.refused += 1
        _log.debug(
            "refused a body from {peer}: {size}, {limit} allowed",
            peer=self.client,
            size=size,
            limit=self._limit,
        )
        self.content.truncate(0)
        if not isinstance(self.channel, HTTPChannel):
            # An HTTP/2 stream can't outlive its answer in Twisted: answer when it ends.
            return
        self.clientproto = b"HTTP/1.1"
        self.setHeader(b"connection", b"close")
        self._answer()
        # The answer is complete and the client is told so, while the rest of the body may come
        # and is discarded. The channel's time-out ends a client that does neither.
        end_writing(self.transport)

    def _drop(self) -> None:
        self._finish = None
        stream = self.transport if isinstance(self.channel, HTTPChannel) else self.channel
        if stream is not None:
            stream.abortConnection()

    def _answer(self) -> None:
        self.setResponseCode(BodyTooLarge.status)
        self.setHeader(b"content-length", b"%d" % len(REFUSAL))
        # Or a page of another origin would take it for an error of the network (protocol section
        # 2). There is nothing in it to keep from any.
        origin = (self.getHeader(b"origin") or b"").decode("latin-1")
        for name, value in (TEXT, *NEVER_CACHED, *shared_with(origin)):
            self.setHeader(name, value)
        self.write(REFUSAL)


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
