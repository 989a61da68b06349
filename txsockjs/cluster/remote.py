"""`RemoteExchange`: a request that came to another node, its edge, and is answered here.

Rules: what is written leaves in pieces of at most `PIECE` bytes, of which `WINDOW` are under way
before the exchange is not ready; an answer ends when the edge says that its client took it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Callable

from twisted.internet import interfaces
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from ..errors import UpgradeRequired
from ..http.exchange import Callback, Exchange, Head
from ..wire import relay as wire

#: Both in bytes: of a piece of a body, and of what is under way without the receiver's leave.
PIECE = 32 * 1024
WINDOW = 64 * 1024

#: Is told how many bytes of the body its client took, and whether the answer ended in order.
Untaken = Callable[[int, bool], object]


class RemoteExchange(Exchange):
    """An exchange whose bytes are written by its edge.

    ``table`` is what `describe` made of the request, ``size`` the size of its body, ``post`` sends
    a frame to the edge. ``written`` is how many bytes of the answer's body were sent; ``leaving``
    is true while its end is sent and not known to have arrived; ``opens`` whether the session may
    be opened here, though this node does not own it yet.
    """

    is_relayed = True

    __slots__ = (
        *("_address", "_body", "_close", "_credit", "_head", "_own_address", "_post", "_secure"),
        *(
            "_size",
            "_started",
            "_stream",
            "_untaken",
            "headers",
            "is_http_1_0",
            "method",
            "name",
            "opens",
        ),
        *("path", "query", "session_id", "written"),
    )

    def __init__(
        self, stream: int, table: Mapping[str, Any], size: int, post: Callable[..., object]
    ) -> None:
        super().__init__()
        try:
            self.name: str = table["name"]
            self.session_id: str = table["id"]
            self.method = table["method"].encode("latin-1")
            self.path = table["path"]
            self.query = table["query"].encode("latin-1")
            self.headers: Mapping[str, str] = dict(table["headers"])
            self.is_http_1_0 = bool(table["old"])
            self.opens = bool(table["opens"])
            self._secure = bool(table["secure"])
            self._address = table["peer"]
            self._own_address = table["server"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise wire.BadFrame("it is no request") from None
        self._stream = stream
        self._size = size
        self._body: list[bytes] = []
        self._post = post
        self._credit = WINDOW
        self._head: Head | None = None
        self._close = False
        self._started = False
        self._untaken: Untaken | None = None
        self.written = 0

    # -- the request

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS to its edge."""
        return self._secure

    @property
    def address(self) -> Any:
        """The address of the client, at its edge."""
        return _address(*self._address)

    @property
    def server_address(self) -> interfaces.IAddress:
        """The address of the edge that it came to."""
        address: interfaces.IAddress = _address(*self._own_address)
        return address

    def add(self, piece: bytes) -> bool:
        """Take a piece of the body; return whether more is to come."""
        self._body.append(piece)
        return sum([len(each) for each in self._body]) < self._size

    def body_size(self) -> int:
        """Return how many bytes the body has."""
        return self._size

    def take_body(self) -> bytes:
        """Return the whole body, and let go of it."""
        body, self._body = b"".join(self._body), []
        return body

    # -- the response

    @property
    def leaving(self) -> bool:
        """Whether its end is on the way to the client."""
        return self._ending and not self.ended

    def when_untaken(self, call: Untaken) -> None:
        """Call ``call`` instead of ``lost`` when the edge tells that its client is gone."""
        self._untaken = call

    def set_peer_timeout(self, seconds: float) -> None:
        """Do nothing: the edge has done that."""

    def start(self, head: Head) -> None:
        """Begin a response in parts; the head leaves with the first part or the end."""
        self._head = head

    def write(self, data: bytes) -> None:
        """Write a part of the body, which the edge writes as one chunk."""
        if self.ended or self._ending or not data:
            return
        self._send_head(wire.STREAM)
        self._send_pieces(data, 0)
        self.ready = self._credit > 0

    def end(self, last: Callback | None = None) -> None:
        """End the response; ``last`` is called once the client took it."""
        if self.ended or self._ending:
            return
        self._ending = True
        self._last = last
        self._send_head(wire.STREAM)
        self._post(wire.frame(wire.END, self._stream))

    def answer(self, head: Head, body: bytes = b"", last: Callback | None = None) -> None:
        """Make the whole response at once: with its length, and `end`."""
        if self.ended or self._ending:
            return
        self._ending = True
        self._last = last
        self._head = head
        first = body[:PIECE]
        self._send_head(len(body), first)
        self.written += len(first)
        self._credit -= len(first)
        if len(body) > PIECE:
            self._send_pieces(body, PIECE)

    def close_connection(self) -> None:
        """Close the connection after this response."""
        self._close = True

    def abort(self) -> None:
        """Drop the connection; ``lost`` is not called."""
        if not self.ended:
            self._lost = self._drained = self._untaken = None
            self._post(wire.frame(wire.ABORT, self._stream), urgent=True)

    def take_over(self, protocol: interfaces.IProtocol, peer_timeout: float) -> None:
        """Refuse: a websocket is served where it came to."""
        raise UpgradeRequired()

    def _complete(self) -> None:
        """Nothing is left to do: the edge has completed it."""

    def _send_head(self, size: int, body: bytes = b"") -> None:
        head = self._head
        if head is not None:
            self._head = None
            self._post(wire.head(self._stream, head.status, head.headers, self._close, size, body))

    def _send_pieces(self, data: bytes, start: int) -> None:
        """Send what is to be one chunk from ``start`` on, the size of all of it with each piece."""
        size = len(data)
        self.written += size - start
        self._credit -= size - start
        while start < size:
            piece = data[start : start + PIECE]
            start += PIECE
            self._post(wire.number(wire.DATA, self._stream, size) + piece)

    # -- told by the edge

    def credited(self, size: int) -> None:
        """Note that the client took so many bytes."""
        self._credit += size
        if not self.ready and not self._ending and self._credit > WINDOW // 2:
            self.ready = True
            if self._drained is not None:
                self._drained()

    def done(self) -> None:
        """Note that the client took all of the answer."""
        if self._ending and not self.ended:
            self._end()

    def untaken(self, taken: int, in_order: bool) -> None:
        """Note that the client is gone, and how much of the body it took."""
        call, self._untaken = self._untaken, None
        if call is not None and not self.ended:
            self._lost = None
            call(taken, in_order)
        self.lost()

    def resumeProducing(self) -> None:
        """Do nothing: there is no transport under it."""


def describe(exchange: Exchange, name: str, session_id: str, opens: bool) -> dict[str, Any]:
    """Return what a `RemoteExchange` is made of; ``name`` is the last segment of the URL."""
    return {
        "name": name,
        "id": session_id,
        "opens": opens,
        "method": exchange.method.decode("latin-1"),
        "path": exchange.path,
        "query": exchange.query.decode("latin-1"),
        "headers": dict(exchange.headers),
        "old": exchange.is_http_1_0,
        "secure": exchange.is_secure,
        "peer": _described(exchange.address),
        "server": _described(exchange.server_address),
    }


def _described(address: Any) -> tuple[str, int]:
    return getattr(address, "host", "") or "", getattr(address, "port", 0) or 0


@lru_cache(maxsize=1024)
def _address(host: str, port: int) -> Any:
    if not host:
        return UNIXAddress(None)
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
