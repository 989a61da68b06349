"""`Front`: the protocol of a site's connections, which serves a session's URLs without twisted.web.

Rules: a request that `wire.request_head` reads is answered by the router's own page, over a
`DirectExchange`. At the first byte of any other request the connection is handed over to
`twisted.web`, for good, with that byte and all after it. Requests are served one at a time: later
bytes are held, and if there are many, the connection is not read. The end of an answer does not
serve the next request, because it happens in the middle of other code: held bytes wait for the
reactor's next iteration.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.pace import Pace
from ..http.exchange import Exchange
from ..wire.request_head import Request, read_request
from .direct import DirectExchange
from .output import Output, SiteForConnections
from .takeover import replace_protocol
from .tcp import unsent
from .timeouts import Progress, Timeouts, is_over

# A larger body is left to twisted.web, unless it arrived with its head.
_LONGEST_WAIT = 64 * 1024
# How many bytes are held behind a request before reading stops.
_MOST_HELD = 64 * 1024
# How many requests one turn serves.
_MOST_REQUESTS = 64


class State(Enum):
    """What a connection is doing, and so what happens to the bytes that arrive.

    =============  =====================  ==========================  ========================
    state          bytes that come        the answer ends             next
    =============  =====================  ==========================  ========================
    READING        are served             (there is none)             SERVING
    SERVING        are held               the next request is served  any other
    ANSWERING      are held               READING, YIELDED if         READING, YIELDED, OVER
                                          something is held
    YIELDED        are held               (there is none)             SERVING in its next turn
    OVER           are dropped            (nobody is told)            none
    HANDED_OVER    are the successor's    (nobody is told)            OVER
    =============  =====================  ==========================  ========================
    """

    READING = "waits for a request, or for the rest of one"
    SERVING = "is in the loop over the requests that came"
    ANSWERING = "has a request whose answer is not complete"
    YIELDED = "lets others have their turn"
    OVER = "was closed here, or is lost"
    HANDED_OVER = "belongs to another protocol"


# Compared for each packet, where access to an enum's attributes would be noticeable.
_READING, _SERVING, _ANSWERING, _YIELDED, _OVER, _HANDED_OVER = State


@implementer(IProtocol)
class Front(Output):
    """A connection of a site."""

    __slots__ = (
        *("_coming", "_held", "_idle_since", "_last", "_next_turn", "_paused", "_skip", "_state"),
        *("_successor", "_wanted"),
    )
    _exchange: DirectExchange | None

    def __init__(self, site: SiteForConnections, address: IAddress | None) -> None:
        super().__init__(site, address)
        self._state = _READING
        self._successor: Any | None = None  # the protocol that has the connection now
        self._held = bytearray()
        self._last: Request | None = None
        self._next_turn: IDelayedCall | None = None
        self._coming: Progress | None = None  # of a body that is not complete
        self._wanted = 0  # the final size in bytes of a request whose body is not complete
        self._skip = 0  # how many bytes are left of the body of a refused request
        self._paused = False  # whether the transport was told not to read

    # -- IProtocol

    def makeConnection(self, transport: Any) -> None:
        """Begin with a new connection."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Wait for a request."""
        self._site.enter(self)
        self._idle_since = self._site.reactor.seconds()

    def dataReceived(self, data: bytes) -> None:
        """Treat the bytes as the state says."""
        state = self._state
        held = self._held
        if state is _READING and self._wanted <= len(held) + len(data):
            if held:
                data = bytes(held) + data
                held.clear()
            self._serve(data)
        elif state is _HANDED_OVER:
            self._successor.dataReceived(data)  # type: ignore[union-attr]
        elif state is not _OVER:
            held += data
            self._idle_since = self._site.reactor.seconds()
            if state is not _SERVING and len(held) > _MOST_HELD:
                self._pause_or_resume()

    def connectionLost(self, reason: Failure) -> None:
        """Tell the current exchange, or the protocol that has the connection now."""
        self._site.leave(self)
        self._state = _OVER
        self._held.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        successor, self._successor = self._successor, None
        if successor is not None:  # the transport could not be made to call it directly
            successor.connectionLost(reason)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost()
        self.transport = None

    # -- requests

    def _serve(self, data: bytes) -> None:
        """Serve the requests in ``data``, and hold those that must wait."""
        self._state = _SERVING
        self._wanted = 0
        held = self._held
        pace = None
        while True:
            if self._skip:
                data = self._skip_some(data)
            else:
                data = self._serve_one(data)
            if held:  # arrived while a request was served
                data += bytes(held)
                held.clear()
            if self._state is not _SERVING:
                if self._state is _HANDED_OVER and data:
                    self._successor.dataReceived(data)  # type: ignore[union-attr]
                return
            if self._exchange is not None:
                held += data
                self._state = _ANSWERING
                break
            if self._wanted > len(data) or not data:
                held += data
                self._state = _READING
                break
            self._wanted = 0
            pace = pace or Pace(_MOST_REQUESTS)
            if not pace.may_go_on():
                held += data
                self._yield()
                return
        if self._paused:
            self._pause_or_resume()

    def _yield(self) -> None:
        """Go on with the held bytes in the reactor's next iteration."""
        self._state = _YIELDED
        self._next_turn = self._site.reactor.callLater(0, self._go_on)
        self._pause_or_resume()

    def _go_on(self) -> None:
        self._next_turn = None
        data = bytes(self._held)
        self._held.clear()
        self._serve(data)

    def _pause_or_resume(self) -> None:
        """Read unless enough bytes are held."""
        if self.transport is None or self._state is _HANDED_OVER:
            return
        much = self._state is _ANSWERING and len(self._held) > _MOST_HELD
        stop = much or self._state is _YIELDED
        if stop != self._paused:
            self._paused = stop
            if stop:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _serve_one(self, data: bytes) -> bytes:
        """Serve the first request of ``data``, and return the rest."""
        request = self._last
        # A client's requests for one URL differ only in their bodies.
        if request is None or not data.startswith(request.head):
            request = self._last = self._read(data)
        page = None if request is None else self._site.pages[request.prefix].get(request.name)
        if request is None or page is None or len(data) < request.end > _LONGEST_WAIT:
            self.hand_over(self._site.web_protocol(self._address))
            return data
        end = request.end
        body = data[request.start : end]
        exchange = DirectExchange(self, request, body, self._leaving is None)
        if end > len(data):
            self._idle_since = self._site.reactor.seconds()
            self._coming = Progress(self._idle_since)
            if not page.refuses(exchange, request.session_id):
                self._wanted = end
                return data
            self._skip = end - len(data)
        self._exchange = exchange
        page.serve(exchange, request.session_id)
        return data[end:]

    def _skip_some(self, data: bytes) -> bytes:
        size = len(data)
        data = data[self._skip :]
        self._skip -= size - len(data)
        self._idle_since = self._site.reactor.seconds()
        return data

    def _read(self, data: bytes) -> Request | None:
        """Return the first request of ``data``, or None if it is for twisted.web."""
        if getattr(self.transport, "negotiatedProtocol", None) == b"h2":
            return None
        request = read_request(data)
        if request is not None and request.end - request.start > self._site.max_body_size:
            return None
        return request

    # -- told by the exchange

    def done(self, exchange: Exchange, close: bool) -> None:
        """Wait for the next request, or ``close``; a held request has to wait for its turn."""
        if exchange is not self._exchange or self.transport is None:
            return
        self._exchange = None
        self._idle_since = self._site.reactor.seconds()
        if close:
            self._state = _OVER
            self._pause_or_resume()  # otherwise TLS would not see the peer's end
            self._lose()
        elif self._state is _ANSWERING:
            if self._held:
                self._yield()
                return
            self._state = _READING
            if self._paused:
                self._pause_or_resume()

    def hand_over(self, protocol: IProtocol) -> None:
        """Hand the connection over to a protocol."""
        self._site.leave(self)
        transport: Any = self.transport
        self._unregister()
        self._exchange = None
        if self._paused:
            self._paused = False
            transport.resumeProducing()
        self._state = _HANDED_OVER
        self._successor = protocol
        replace_protocol(transport, protocol)
        protocol.makeConnection(transport)

    # -- told by the site

    def expire(self, until: float, timeouts: Timeouts) -> str | None:
        """End the connection if a time-out was over by ``until``, and return which one."""
        if self._leaving is not None:
            limit = timeouts.shortest if self._state is _OVER else timeouts.request
            if not self._leaving.is_over(until, limit, -unsent(self.transport)):
                return None
            self.transport.abortConnection()  # type: ignore[union-attr]
            return "answer"
        if self._state is _ANSWERING or self._state is _YIELDED:
            return None
        if is_over(until - self._idle_since, timeouts.idle):
            self._state = _OVER
            self._lose()
            return "idle"
        if self._coming is None or not (self._wanted or self._skip):
            return None
        if self._coming.is_over(until, timeouts.request, len(self._held)):
            self._state = _OVER
            self._lose()
            return "request"
        return None
