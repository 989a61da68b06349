"""`RemoteExchange`: a request that arrived at another node, its edge, and is answered here.

Rules: the answer leaves in pieces of at most `PIECE` bytes; with `WINDOW` bytes under way, the
exchange is not ready. An answer ends when the edge says that its client took it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from twisted.internet import interfaces
from twisted.internet.interfaces import IAddress

from ..errors import UpgradeRequired
from ..http.addresses import address_of, host_and_port
from ..http.exchange import Callback, Exchange, Head, RelayedExchange, Untaken
from ..wire import relay as wire

#: Both in bytes: the size of a piece of a body, and the most under way without credit.
PIECE = 32 * 1024
WINDOW = 64 * 1024


class RemoteExchange(RelayedExchange):
    """An exchange whose bytes are written by its edge.

    ``described`` is the request, ``size`` the size of its body. ``post`` sends a frame to the edge;
    ``forget`` is called when nothing more can follow from it.
    """

    let_go: Callback | None = None
    _body: bytes | list[bytes] = b""
    _credit = WINDOW
    _head: Head | None = None
    _close = 0
    _untaken: Untaken | None = None
    _there: Callback | None = None

    def __init__(
        self,
        stream: int,
        described: wire.Described,
        size: int,
        post: Callable[..., object],
        forget: Callable[[], object],
    ) -> None:
        super().__init__()
        self.name = described.name
        self.session_id = described.session_id
        self.method = described.method
        self.path = described.path
        self.query = described.query
        self.headers: Mapping[str, str] = described.headers
        self.is_http_1_0 = described.is_http_1_0
        self._described = described
        self._stream = stream
        self._size = size
        self._post = post
        self._forget = forget

    # -- the request

    @property
    def is_secure(self) -> bool:
        """Whether it came to its edge over TLS."""
        return self._described.is_secure

    @property
    def address(self) -> IAddress | None:
        """The address of the client, at its edge."""
        return address_of(*self._described.peer)

    @property
    def server_address(self) -> interfaces.IAddress:
        """The edge's address where it arrived."""
        address: interfaces.IAddress = address_of(*self._described.server)
        return address

    def add(self, piece: bytes) -> bool:
        """Take a piece of the body; return whether more is to come."""
        if not self._body:
            self._body = piece
            return len(piece) < self._size
        if isinstance(self._body, bytes):
            self._body = [self._body]
        self._body.append(piece)
        return sum([len(each) for each in self._body]) < self._size

    def body_size(self) -> int:
        """Return the size of the body in bytes."""
        return self._size

    def take_body(self) -> bytes:
        """Return the whole body, and free it here."""
        body, self._body = self._body, b""
        return body if isinstance(body, bytes) else b"".join(body)

    # -- the response

    def when_told(self, untaken: Untaken, let_go: Callback, there: Callback) -> None:
        """Call ``untaken`` instead of ``lost`` when the edge reports that its client is gone.

        ``let_go`` is called when the edge was unreachable for so long that the client may come back
        another way, ``there`` when the edge answers that its client is there.
        """
        self._untaken = untaken
        self.let_go = let_go
        self._there = there

    def ask(self) -> None:
        """Ask the edge whether its client is still there."""
        if not self.is_silent:
            self.is_silent = True
            self._post(wire.frame(wire.ASK, self._stream), urgent=True)

    def set_peer_timeout(self, seconds: float) -> None:
        """Do nothing: the edge has done it."""

    def start(self, head: Head) -> None:
        """Begin a response in parts; the head leaves with the first part or the end."""
        self._head = head

    def write(self, data: bytes) -> None:
        """Write a part of the body, which the edge writes as one chunk."""
        if self.ended or self._ending or not data:
            return
        self._send_head()
        self._send_pieces(data, 0)
        self.ready = self._credit > 0

    def end(self, last: Callback | None = None) -> None:
        """End the response; call ``last`` once the client took it."""
        if self.ended or self._ending:
            return
        self._ending = True
        self._last = last
        self._send_head()
        self._post(wire.frame(wire.END, self._stream))

    def answer(self, head: Head, body: bytes = b"", last: Callback | None = None) -> None:
        """Send the whole response at once, with its length, and end it."""
        if self.ended or self._ending:
            return
        self._ending = True
        self._last = last
        size = len(body)
        first = body if size <= PIECE else body[:PIECE]
        final = last is None and size <= PIECE
        flags = self._close | wire.FINAL if final else self._close
        self._post(wire.head(self._stream, head.status, head.headers, flags, size, first))
        if final:
            self._forget()
            self._end()
            return
        self.written += len(first)
        self._credit -= len(first)
        if size > PIECE:
            self._send_pieces(body, PIECE)

    def close_connection(self) -> None:
        """Close the connection after this response."""
        self._close = wire.CLOSES

    def abort(self) -> None:
        """Drop the connection; ``lost`` is not called."""
        if not self.ended:
            self._lost = self._untaken = None
            self._post(wire.frame(wire.ABORT, self._stream), urgent=True)
            self._forget()  # the edge sends nothing more about it
            self.lost()

    def take_over(self, protocol: interfaces.IProtocol, peer_timeout: float) -> None:
        """Refuse: a websocket is served on the node where it arrived."""
        raise UpgradeRequired()

    def _complete(self) -> None:
        """Do nothing: the edge has completed the response."""

    def _send_head(self) -> None:
        """Send the head of a response in parts, unless it was sent."""
        head, self._head = self._head, None
        if head is not None:
            flags = self._close
            self._post(wire.head(self._stream, head.status, head.headers, flags, wire.STREAM, b""))

    def _send_pieces(self, data: bytes, start: int) -> None:
        """Send one chunk in pieces from ``start`` on, each with the size of the whole chunk."""
        size = len(data)
        self.written += size - start
        self._credit -= size - start
        while start < size:
            piece = data[start : start + PIECE]
            start += PIECE
            self._post(wire.number(wire.DATA, self._stream, size) + piece)

    # -- told by the edge

    def credited(self, size: int) -> None:
        """Note that the client took ``size`` bytes."""
        self._credit += size
        if not self.ready and not self._ending and self._credit > WINDOW // 2:
            self.ready = True
            if self._drained is not None:
                self._drained()

    def done(self) -> None:
        """Note that the client took the whole answer."""
        if self._ending and not self.ended:
            self._end()

    def untaken(self, taken: int, in_order: bool) -> None:
        """Note that the client is gone, and how much of the body it took."""
        call, self._untaken = self._untaken, None
        if call is not None and not self.ended:
            self._lost = None
            call(taken, in_order)
        self.lost()

    def lost(self, given_up: bool = False) -> None:
        """Note that the edge is lost; if ``given_up``, that took this node for gone."""
        self.is_given_up = given_up
        super().lost()

    def is_there(self) -> None:
        """Note that the client is still there."""
        self.is_silent = False
        if self._there is not None and not self.ended:
            self._there()

    def resumeProducing(self) -> None:
        """Do nothing: there is no transport here."""


# Requests for one URL over one connection differ only in their bodies.
_descriptions: dict[Any, bytes] = {}
_MOST_DESCRIPTIONS = 4096


def describe(exchange: Exchange, name: str, session_id: str) -> bytes:
    """Describe a request for a `RemoteExchange`; ``name`` is the last segment of its URL."""
    known = exchange.description
    if known:
        return known
    peer, server = host_and_port(exchange.address), host_and_port(exchange.server_address)
    key = (exchange.head, peer, server)
    found = _descriptions.get(key)
    if found is None:
        described = wire.Described(
            name=name,
            session_id=session_id,
            method=exchange.method,
            path=exchange.path,
            query=exchange.query,
            headers=dict(exchange.headers),
            is_http_1_0=exchange.is_http_1_0,
            is_secure=exchange.is_secure,
            peer=peer,
            server=server,
        )
        found = wire.describe(described)
        if exchange.head:
            if len(_descriptions) >= _MOST_DESCRIPTIONS:
                _descriptions.clear()
            _descriptions[key] = found
    exchange.keep_description(found)
    return found
