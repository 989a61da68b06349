"""`DirectExchange`: an exchange without twisted.web under it.

Rules: the bytes of a response are made here, for HTTP/1.1 only, so a body has a length or chunks.
It never touches the transport, which belongs to the front.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.web.http import datetimeToString
from twisted.web.server import version

from ..http.exchange import REASONS, Callback, Exchange, Head
from ..wire.request_head import Request
from .tcp import is_secure, own_address, tune

_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, words) for status, words in REASONS.items()}
_NO_BODY = (204, 304)


class ConnectionForExchanges(Protocol):
    """What an exchange needs from its connection."""

    transport: Any
    peer_timeout: float | None  # the one set in the options of its socket
    described: tuple[bytes, bytes] | None  # the head of a request, and its description

    @property
    def address(self) -> IAddress | None:
        """The address at the other end."""

    def keep_description(self, head: bytes, description: bytes) -> None:
        """Keep the description of requests with this head."""

    def set_peer_timeout(self, seconds: float) -> None:
        """Set it in the options of the socket."""

    def send(self, data: bytes) -> None:
        """Write."""

    def done(self, exchange: Exchange, close: bool) -> None:
        """Wait for the next request, or ``close``."""

    def hand_over(self, protocol: IProtocol) -> None:
        """Hand the connection over to a protocol."""


class DirectExchange(Exchange):
    """An exchange over a request that the front read.

    It has the whole body, unless it only serves to check whether the request is refused anyway.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_connection",
        "_connection_line",
        "_head",
        "_size",
        "head",
        "headers",
        "method",
        "path",
        "query",
    )

    is_http_1_0 = False

    def __init__(
        self, connection: ConnectionForExchanges, request: Request, body: bytes, ready: bool
    ) -> None:
        super().__init__(ready)
        self._connection = connection
        self.method = request.method
        self.path = request.path
        self.query = request.query
        self.headers = request.headers
        self.head = request.head
        self._body = body
        self._size = request.end - request.start
        self._head = b""
        self._chunked = False
        self._connection_line = b""

    @property
    def is_secure(self) -> bool:
        """Whether it came to this process over TLS."""
        return is_secure(self._connection.transport)

    @property
    def address(self) -> IAddress | None:
        """The address at the other end of the connection."""
        return self._connection.address

    @property
    def server_address(self) -> IAddress:
        """The address at this end, the same object for all connections of a port."""
        return own_address(self._connection.transport)

    @property
    def description(self) -> bytes:
        """The description sent to another node for this head and connection, or empty."""
        described = self._connection.described
        return described[1] if described is not None and described[0] is self.head else b""

    def keep_description(self, description: bytes) -> None:
        """Keep the description for the next request on this connection."""
        self._connection.keep_description(self.head, description)

    def body_size(self) -> int:
        """Return how many bytes the body has."""
        return self._size

    def take_body(self) -> bytes:
        """Return the whole body, and free it here."""
        body, self._body = self._body, b""
        return body

    def set_peer_timeout(self, seconds: float) -> None:
        """Let the kernel drop the connection if the peer acknowledges nothing for ``seconds``."""
        if self._connection.peer_timeout != seconds:
            self._connection.set_peer_timeout(seconds)

    def start(self, head: Head) -> None:
        """Begin a response in parts; the head leaves with the first part or the end."""
        self._chunked = True
        self._head = b"%b%b%b%bTransfer-Encoding: chunked\r\n\r\n" % (
            _LINES[head.status],
            _server_and_date(int(time.time())),
            head.lines,
            self._connection_line,
        )

    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""
        if self.ended or not data:
            return
        data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head:
            data, self._head = self._head + data, b""
        self._connection.send(data)

    def answer(self, head: Head, body: bytes = b"", last: Callback | None = None) -> None:
        """Send the whole response at once, with its length, and end it."""
        if self.ended or self._ending:
            return
        status = head.status
        now = int(time.time())
        date = _date[1] if now == _date[0] else _server_and_date(now)
        line, close = _LINES[status], self._connection_line
        if status in _NO_BODY:
            data = b"%b%b%b%b\r\n" % (line, date, head.lines, close)
        else:
            data = b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % (
                *(line, date, head.lines, close),
                len(body),
                body,
            )
        self._connection.send(data)
        # The same as `end`, inlined: polls are answered here.
        self._ending = True
        self._last = last
        if self.ready:
            self._end()

    def close_connection(self) -> None:
        """Close the connection after this response."""
        self._connection_line = b"Connection: close\r\n"

    def abort(self) -> None:
        """Drop the connection; ``lost`` is not called."""
        if not self.ended:
            self._lost = self._drained = None
            self._connection.transport.abortConnection()

    def take_over(self, protocol: IProtocol, peer_timeout: float) -> None:
        """Hand the connection over to ``protocol``."""
        self._when_ended = None
        tune(self._connection, peer_timeout)
        self._connection.hand_over(protocol)

    def _complete(self) -> None:
        if self._chunked:
            self._connection.send(self._head + b"0\r\n\r\n")
        self._connection.done(self, bool(self._connection_line))


_date = (0, b"")


def _server_and_date(now: int) -> bytes:
    """Return the two headers that twisted.web would send; the date changes each second."""
    global _date  # noqa: PLW0603
    if now != _date[0]:
        _date = (now, b"Server: %b\r\nDate: %b\r\n" % (version, datetimeToString(now)))
    return _date[1]
