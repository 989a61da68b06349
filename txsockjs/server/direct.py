"""`DirectExchange`: an exchange without twisted.web under it.

Rules: the bytes of a response are made here, for HTTP/1.1 only: a body has a length or chunks. It
never touches the connection, which belongs to the front. Made by the front.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.web.http import datetimeToString
from twisted.web.server import version

from ..errors import Header
from ..http.exchange import REASONS, Exchange
from ..wire.request_head import Request
from .sockopts import tune
from .tcp import is_secure, own_address

_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, words) for status, words in REASONS.items()}
_NO_BODY = (204, 304)


class Connection(Protocol):
    """What an exchange needs from its connection."""

    transport: Any
    life: float | None  # the silence that its socket is tuned for

    @property
    def address(self) -> Any:
        """The address at the other end."""

    def send(self, data: bytes) -> None:
        """Write."""

    def done(self, exchange: Exchange, close: bool) -> None:
        """Go on to the next request, or ``close``."""

    def give(self, protocol: IProtocol) -> None:
        """Give the connection to a protocol."""


class DirectExchange(Exchange):
    """An exchange over a request that the front read.

    With its whole body, unless it is only asked whether the request is refused in any case.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_close",
        "_connection",
        "_head",
        "_headers",
        "_size",
        "method",
        "path",
        "query",
    )

    is_http_1_0 = False

    def __init__(self, connection: Connection, request: Request, body: bytes) -> None:
        super().__init__()
        self._connection = connection
        self.method = request.method
        self.path = request.path
        self.query = request.query
        self._headers = request.headers
        self._body = body
        self._size = request.end - request.start
        self._head = b""
        self._chunked = False
        self._close = False

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS to this process."""
        return is_secure(self._connection.transport)

    @property
    def address(self) -> Any:
        """The address at the other end of the connection."""
        return self._connection.address

    @property
    def server_address(self) -> IAddress:
        """The address at this end, the same object for all connections of a port."""
        return own_address(self._connection.transport)

    def header(self, name: str) -> str | None:
        """Return a request header, or None."""
        return self._headers.get(name.lower())

    def headers(self) -> Mapping[str, str]:
        """Return all request headers; the names are in lower case."""
        return self._headers

    def body_size(self) -> int:
        """Return how many bytes the body has."""
        return self._size

    def take_body(self) -> bytes:
        """Return the whole body, and let go of it."""
        body, self._body = self._body, b""
        return body

    def expect_life(self, silence: float) -> None:
        """Let the kernel end the connection if its peer is silent for so many seconds."""
        if self._connection.life != silence:
            self._connection.life = silence
            tune(self._connection, silence)

    def start(self, status: int, headers: Iterable[Header]) -> None:
        """Set the status and the headers; they leave with the first write or the end."""
        head = _LINES[status] + _server_and_date()
        head += b"".join([b"%b: %b\r\n" % header for header in headers])
        self._chunked = status not in _NO_BODY and b"\r\nContent-Length: " not in head
        if self._chunked:
            head += b"Transfer-Encoding: chunked\r\n"
        if self._close:
            head += b"Connection: close\r\n"
        self._head = head + b"\r\n"

    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""
        if self.over or not data:
            return
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head:
            data, self._head = self._head + data, b""
        self._connection.send(data)

    def close_connection(self) -> None:
        """Let the connection end with this response."""
        self._close = True

    def abort(self) -> None:
        """Drop the connection; ``gone`` is not called."""
        if not self.over:
            self._gone = self._drained = None
            self._connection.transport.abortConnection()

    def take_over(self, protocol: IProtocol, silence: float, nagle: bool) -> None:
        """Give the connection to ``protocol``."""
        self._ended = None
        tune(self._connection, silence, nagle)
        self._connection.give(protocol)

    def _end(self) -> None:
        last = self._head + b"0\r\n\r\n" if self._chunked else self._head
        if last:
            self._connection.send(last)
        self._connection.done(self, self._close)


_date = (0, b"")


def _server_and_date() -> bytes:
    """Return the two headers that twisted.web's server would send; the date changes each second."""
    global _date  # noqa: PLW0603
    now = int(time.time())
    if now != _date[0]:
        _date = (now, b"Server: %b\r\nDate: %b\r\n" % (version, datetimeToString(now)))
    return _date[1]
