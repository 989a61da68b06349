"""`Front`: the protocol of a site's connections, which serves a session's URLs without twisted.web.

Rules: a request that `head` reads is answered by the router's own page, over a `DirectExchange`; at
the first byte of any other the connection is twisted.web's, for good, and gets that byte and all
after it. One request at a time: what comes meanwhile waits, and is not read if it is much. Made by
the site.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.pace import Pace
from ..http.exchange import Exchange
from ..http.page import Page
from ..wire.request_head import Request, read_request
from .direct import DirectExchange
from .takeover import replace_protocol
from .tcp import unsent, watch, write
from .timeouts import Progress, Timeouts, is_over

# A body that is larger is left to twisted.web if it is not here with its head.
_LONGEST_WAIT = 64 * 1024
# What may wait behind a request before the connection is not read any more.
_MOST_HELD = 64 * 1024
# How many requests may be served in a turn.
_MOST_REQUESTS = 64


class Owner(Protocol):
    """What a front needs from its site."""

    max_body_size: int
    reactor: Any

    def pages(self, path: str) -> Mapping[str, Page]:
        """Return the pages below ``/<server>/<session>/`` of the router at a path."""
        ...

    def enter(self, connection: Any) -> None:
        """Note a new connection, and ask it from time to time whether its time is over."""

    def leave(self, connection: Any) -> None:
        """Forget a connection that ended, or that has another protocol now."""

    def web_protocol(self, address: Any) -> Any:
        """Make the protocol of twisted.web for a connection."""


@implementer(IProtocol, IPushProducer)
class Front:
    """A connection of a site."""

    __slots__ = (
        "_address",
        "_coming",
        "_exchange",
        "_given",
        "_held",
        "_idle_since",
        "_last",
        "_leaving",
        "_next_turn",
        "_over",
        "_owner",
        "_registered",
        "_serving",
        "_skip",
        "_stopped",
        "_wanted",
        "life",
        "transport",
    )

    def __init__(self, owner: Owner, address: Any) -> None:
        self._owner = owner
        self._address = address
        self._exchange: DirectExchange | None = None
        self._given: Any | None = None  # who has the connection now
        self._held = bytearray()
        self._last: Request | None = None
        self._next_turn: Any | None = None
        self._coming: Progress | None = None  # of a body that is not all here
        self._wanted = 0  # how many bytes a request whose body is not all here will have
        self._skip = 0  # how many bytes are left of the body of a request that was refused
        self._serving = False
        self._stopped = False
        self._over = False
        self._leaving: Progress | None = None  # of what was written, while the peer must take it
        self._registered = False
        self.life: float | None = None
        self.transport: Any | None = None

    # -- IProtocol

    def makeConnection(self, transport: Any) -> None:
        """Take a new connection."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Wait for a request."""
        self._owner.enter(self)
        self._idle_since = self._owner.reactor.seconds()

    def dataReceived(self, data: bytes) -> None:
        """Serve what came, or hold it while there is something to do before."""
        if self._given is not None:
            self._given.dataReceived(data)
        elif self._over:
            pass
        elif self._is_busy or self._wanted > len(self._held) + len(data):
            self._held += data
            self._idle_since = self._owner.reactor.seconds()
            if len(self._held) > _MOST_HELD:
                self._regulate()
        else:
            self._serve(bytes(self._held) + data if self._held else data)

    def connectionLost(self, reason: Failure) -> None:
        """Tell the exchange under way, or who has the connection now."""
        self._owner.leave(self)
        self._over = True
        self._held.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        given, self._given = self._given, None
        if given is not None:  # the transport could not be told to call it
            given.connectionLost(reason)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost()
        self.transport = None

    # -- requests

    @property
    def _is_busy(self) -> bool:
        return self._exchange is not None or self._serving or self._next_turn is not None

    def _serve(self, data: bytes) -> None:
        self._held.clear()
        self._wanted = 0
        self._serving = True
        try:
            self._serve_turn(data)
        finally:
            self._serving = False
        if self._stopped or self._next_turn is not None:
            self._regulate()

    def _serve_turn(self, data: bytes) -> None:
        """Serve the requests in ``data``, and hold what must wait."""
        pace = None
        while data and not self._over:
            data = self._skip_some(data) if self._skip else self._serve_one(data)
            if self._held:  # it came while a request was served
                data += bytes(self._held)
                self._held.clear()
            if self._given is not None:
                if data:
                    self._given.dataReceived(data)
                return
            if self._exchange is not None or self._wanted > len(data):
                self._held += data
                return
            self._wanted = 0
            if data:
                pace = pace or Pace(_MOST_REQUESTS)
                if not pace.may_go_on():
                    self._held += data
                    self._next_turn = self._owner.reactor.callLater(0, self._go_on)
                    return

    def _go_on(self) -> None:
        self._next_turn = None
        self._serve(bytes(self._held))

    def _regulate(self) -> None:
        """Read, unless enough is held."""
        if self.transport is None or self._given is not None:
            return
        much = self._exchange is not None and len(self._held) > _MOST_HELD
        stop = not self._over and (much or self._next_turn is not None)
        if stop != self._stopped:
            self._stopped = stop
            if stop:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _serve_one(self, data: bytes) -> bytes:
        """Serve the first request of ``data``, and return the rest."""
        request = self._last
        if request is None or not data.startswith(request.head):
            request = self._last = self._read(data)  # else it is the same as before
        page = None if request is None else self._owner.pages(request.prefix).get(request.name)
        if request is None or page is None or len(data) < request.end > _LONGEST_WAIT:
            self.give(self._owner.web_protocol(self._address))
            return data
        end = request.end
        exchange = DirectExchange(self, request, data[request.start : end])
        if end > len(data):
            self._idle_since = self._owner.reactor.seconds()
            self._coming = Progress(self._idle_since)
            if not page.refuses(exchange, request.session_id):
                self._wanted = end
                return data
            self._skip = end - len(data)
        self._exchange = exchange
        exchange.ready = self._leaving is None
        page.serve(exchange, request.session_id)
        return data[end:]

    def _skip_some(self, data: bytes) -> bytes:
        size = len(data)
        data = data[self._skip :]
        self._skip -= size - len(data)
        self._idle_since = self._owner.reactor.seconds()
        return data

    def _read(self, data: bytes) -> Request | None:
        """Return the first request of ``data``, or None if it is for twisted.web."""
        if getattr(self.transport, "negotiatedProtocol", None) == b"h2":
            return None
        request = read_request(data)
        if request is not None and request.end - request.start > self._owner.max_body_size:
            return None
        return request

    # -- asked and told by the exchange

    @property
    def address(self) -> Any:
        """The address at the other end."""
        if self._address is not None and isinstance(self.transport, tcp.Connection):
            return self._address
        return self.transport.getPeer()  # type: ignore[union-attr]  # it may know better by now

    def send(self, data: bytes) -> None:
        """Write."""
        if self.transport is not None:
            if not self._registered:
                self._register()
            write(self.transport, data, self)

    def done(self, exchange: Exchange, close: bool) -> None:
        """Go on to the next request, or ``close``."""
        if exchange is not self._exchange or self.transport is None:
            return
        self._exchange = None
        self._idle_since = self._owner.reactor.seconds()
        if close:
            self._over = True
            self._regulate()  # or TLS would not hear the peer's end
            self._lose()
        elif (self._held or self._stopped) and not self._is_busy:
            if self._held:
                self._serve(bytes(self._held))
            else:
                self._regulate()

    def give(self, protocol: Any) -> None:
        """Give the connection to a protocol."""
        self._owner.leave(self)
        transport: Any = self.transport
        self._unregister()
        self._exchange = None
        if self._stopped:
            self._stopped = False
            transport.resumeProducing()
        self._given = protocol
        replace_protocol(transport, protocol)
        protocol.makeConnection(transport)

    def _register(self) -> None:
        transport: Any = self.transport
        self._registered = True
        watch(transport, self)
        with contextlib.suppress(AttributeError, OSError):  # not TCP, whatever it says
            transport.setTcpNoDelay(True)

    def _unregister(self) -> None:
        # TLS does not end while it has a producer.
        if self._registered:
            self._registered = False
            self.transport.unregisterProducer()  # type: ignore[union-attr]

    # -- told by the site

    def expire(self, until: float, timeouts: Timeouts) -> str | None:
        """End the connection if its time was over then, and return which time that was."""
        if self._leaving is not None:
            limit = timeouts.shortest if self._over else timeouts.request
            if not self._leaving.is_over(until, limit, -unsent(self.transport)):
                return None
            self.transport.abortConnection()  # type: ignore[union-attr]
            return "answer"
        if self._exchange is not None or self._next_turn is not None:
            return None
        if is_over(until - self._idle_since, timeouts.idle):
            self._lose()
            return "idle"
        if self._coming is None or not (self._wanted or self._skip):
            return None
        if self._coming.is_over(until, timeouts.request, len(self._held)):
            self._lose()
            return "request"
        return None

    def _lose(self) -> None:
        transport: Any = self.transport
        self._over = True
        if self._leaving is None:
            self._watch_leaving()
        self._unregister()
        transport.loseConnection()

    def _watch_leaving(self) -> None:
        self._leaving = Progress(self._owner.reactor.seconds(), -unsent(self.transport))

    # -- IPushProducer: the transport's word on whether the peer reads

    def pauseProducing(self) -> None:
        self._watch_leaving()
        if self._exchange is not None:
            self._exchange.pauseProducing()

    def resumeProducing(self) -> None:
        self._leaving = None
        if self._exchange is not None:
            self._exchange.resumeProducing()

    def stopProducing(self) -> None:
        if self._exchange is not None:
            self._exchange.stopProducing()
