"""`WebExchange` and `PageResource`: requests from twisted.web, answered by pages.

Rules: this module uses only the public part of `twisted.web.http.Request`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet import interfaces
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import HeadTooLarge, NotFound, RequestError, TargetTooLong
from ..http.exchange import REASONS, Callback, Exchange, Head
from ..http.headers import NEVER_CACHED, TEXT
from ..http.page import Page
from ..wire.request_head import LONGEST_HEAD, MOST_HEADERS, origin_form
from .takeover import take_over
from .tcp import shared, tune

_NOT_FOUND = Head(NotFound.status, [TEXT, *NEVER_CACHED])


class WebExchange(Exchange):
    """An exchange over a request of twisted.web."""

    __slots__ = ("_headers", "_request", "_watched", "method", "path", "query")

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request
        self._watched = False
        self._headers: Mapping[str, str] | None = None
        self.method = request.method
        self.path = request.path.decode("latin-1")
        self.query = request.uri.partition(b"?")[2]
        request.args = {}  # the parsed form: nobody reads it, and a body may wait long
        request.notifyFinish().addErrback(self._failed)

    @property
    def is_http_1_0(self) -> bool:  # type: ignore[override]
        """Whether the client speaks HTTP/1.0 or older."""
        return self._request.clientproto != b"HTTP/1.1"

    @property
    def is_secure(self) -> bool:
        """Whether it came to this process over TLS."""
        return bool(self._request.isSecure())

    @property
    def address(self) -> IAddress | None:
        """The address at the other end of the connection."""
        address: IAddress = self._request.getClientAddress()
        return address

    @property
    def server_address(self) -> interfaces.IAddress:
        """The address at this end, the same object for all connections of a port."""
        return shared(self._request.getHost())

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override]
        """The request's headers; names in lower case, values of one name joined by commas."""
        if self._headers is None:
            self._headers = {
                _lower(name): b", ".join(values).decode("latin-1")
                for name, values in self._request.requestHeaders.getAllRawHeaders()
            }
        return self._headers

    def body_size(self) -> int:
        """Return how many bytes the body has, which may be in a file."""
        content = self._request.content
        if content is None:  # not arrived yet
            return int(self.headers.get("content-length") or 0)
        size: int = content.seek(0, os.SEEK_END)
        return size

    def take_body(self) -> bytes:
        """Return the whole body, and free it here."""
        content: Any = self._request.content
        content.seek(0)
        body: bytes = content.read()
        content.seek(0)
        content.truncate()
        return body

    def watch(self, lost: Callback, drained: Callback | None = None) -> None:
        """Call ``lost`` if the peer vanishes before the end, and ``drained`` when ready again."""
        super().watch(lost, drained)
        if not self.ended and not self._watched:
            self._watched = True
            self._request.registerProducer(self, True)

    def set_peer_timeout(self, seconds: float) -> None:
        """Let the kernel drop the connection if the peer acknowledges nothing for ``seconds``."""
        tune(self._request.channel, seconds)

    def start(self, head: Head) -> None:
        """Begin a response in parts; the head leaves with the first part or the end."""
        if self.ended:
            return
        self._request.setResponseCode(head.status, REASONS[head.status])
        for name, value in head.headers:
            self._request.responseHeaders.addRawHeader(name, value)

    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""
        if not self.ended and data:
            self._request.write(data)

    def answer(self, head: Head, body: bytes = b"", last: Callback | None = None) -> None:
        """Send the whole response at once, with its length, and end it."""
        self.start(head)
        if head.status not in (204, 304):
            self._request.responseHeaders.addRawHeader(b"content-length", b"%d" % len(body))
        self.write(body)
        self.end(last)

    def close_connection(self) -> None:
        """Close the connection after this response."""
        if isinstance(self._request.channel, HTTPChannel):
            self._request.channel.persistent = False
            self._request.responseHeaders.setRawHeaders(b"connection", [b"close"])

    def abort(self) -> None:
        """Drop the connection; ``lost`` is not called."""
        if self.ended:
            return
        self._lost = self._drained = None
        channel = self._request.channel
        # HTTP/1 aborts its TCP connection; an HTTP/2 stream can only be reset.
        if isinstance(channel, HTTPChannel):
            channel.forceAbortClient()
        else:
            self._request.loseConnection()

    def take_over(self, protocol: interfaces.IProtocol, peer_timeout: float) -> None:
        """Hand the connection over to ``protocol``."""
        self._when_ended = None
        take_over(self._request, protocol, peer_timeout)

    def _complete(self) -> None:
        if self._watched:
            self._request.unregisterProducer()
        self._request.finish()

    def _failed(self, failure: Failure) -> None:
        self.lost()


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    """Return a header's name in lower case, as the same object for all requests."""
    return name.decode("latin-1").lower()


class PageResource(Resource):
    """A page, with the arguments from a URL, as a resource of twisted.web."""

    isLeaf = True

    def __init__(self, page: Page, *arguments: str) -> None:
        # Resource.__init__ would only prepare for children, which a leaf does not have.
        self._page = page
        self._arguments = arguments

    def refuses(self, request: Request) -> bool:
        """Return whether a request is refused with any body, before the body arrives."""
        path: bytes = request.path
        return b"//" in path or self._page.refuses(WebExchange(request), *self._arguments)

    def render(self, request: Request) -> int:
        """Answer a request, now or later."""
        if b"//" in request.path:  # Klein treats two slashes as one
            return Nowhere().render(request)
        # Unused here: parsed from 16 KiB, it can take most of a MiB for as long as a stream lives.
        request.args = {}
        request.received_cookies = {}
        exchange = WebExchange(request)
        try:
            check_head(request)
        except RequestError as error:
            self._page.refuse(exchange, error)
        else:
            self._page.serve(exchange, *self._arguments)
        return NOT_DONE_YET


def check_head(request: Request) -> None:
    """Raise a `RequestError` if there is too much before the body.

    A `SockJSSite` refuses that earlier; other sites don't, and HTTP/2 has no lines.
    """
    if len(request.uri) > LONGEST_HEAD:
        raise TargetTooLong()
    fields = [
        len(name) + len(value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    if len(fields) > MOST_HEADERS or sum(fields) > LONGEST_HEAD:
        raise HeadTooLarge()


def accept_absolute(request: Any) -> None:
    """Rewrite a target in absolute form (RFC 9112 section 3.2.2) as its path and its host.

    A `SockJSSite` does that for all its resources. With another Site, only a resource that gets all
    requests can do it: twisted.web would look for a child named like the URL.
    """
    absolute = None if request.prepath else origin_form(request.uri)
    if absolute is not None:
        host, request.uri = absolute
        request.requestHeaders.setRawHeaders(b"host", [host])
        request.path = request.uri.partition(b"?")[0]
        request.postpath = [unquote_to_bytes(part) for part in request.path[1:].split(b"/")]


class Nowhere(Resource):
    """The answer to paths that are not in the table of URLs."""

    isLeaf = True

    def __init__(self) -> None:
        """Keep nothing, not even children."""

    def refuses(self, request: Request) -> bool:
        """Return True: every request is refused."""
        return True

    def render(self, request: Request) -> int:
        """Answer 404."""
        body = NotFound.wording.encode("utf-8")
        WebExchange(request).answer(_NOT_FOUND, body)
        return NOT_DONE_YET
