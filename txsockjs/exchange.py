"""`Exchange`: all that transports see of an HTTP request and its response.

Rules: nothing is written after the end, however the end came; the response ends when its bytes
have left, not when they were queued. It stands over twisted.web; another HTTP front needs only
this interface. Made by the router's resource, used by the receivers, senders and static answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Callable

from twisted.internet import interfaces
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from zope.interface import implementer

from .errors import Header
from .sockopts import tune

Callback = Callable[[], None]


@lru_cache(maxsize=64)
def _shared(address: interfaces.IAddress) -> interfaces.IAddress:
    """Give one object for equal addresses: all sessions of a port keep the same."""
    return address


@implementer(interfaces.IPushProducer)
class Exchange:
    """One request and its response.

    ``ready`` is false while the peer reads more slowly than it is written to; ``over`` is true
    after the end. ``request`` is for the takeover of the connection only.
    """

    __slots__ = ("_drained", "_ending", "_gone", "_last", "_watched", "over", "ready", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.ready = True
        self.over = False
        self._ending = False
        self._watched = False
        self._last: Callback | None = None
        self._gone: Callback | None = None
        self._drained: Callback | None = None
        request.notifyFinish().addErrback(self._lost)

    # -- the request

    @property
    def method(self) -> bytes:
        """The method, in capitals."""
        return self.request.method

    @property
    def path(self) -> str:
        """The path as it was sent, without the query string."""
        return self.request.path.decode("latin-1")

    @property
    def is_http_1_0(self) -> bool:
        """Whether the client speaks HTTP/1.0 or older."""
        return self.request.clientproto != b"HTTP/1.1"

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS to this process."""
        return bool(self.request.isSecure())

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; empty for a UNIX socket."""
        return getattr(self.request.getClientAddress(), "host", "") or ""

    @property
    def peer_port(self) -> int:
        """The port at the other end of the connection; 0 for a UNIX socket."""
        return getattr(self.request.getClientAddress(), "port", 0) or 0

    @property
    def server_address(self) -> interfaces.IAddress:
        """The address at this end of the connection."""
        return _shared(self.request.getHost())

    def header(self, name: str) -> str | None:
        """Return a request header, or None; several of one name are joined by commas."""
        values = self.request.requestHeaders.getRawHeaders(name.encode("ascii"))
        if not values:
            return None
        return b", ".join(values).decode("latin-1")

    def header_names(self) -> list[str]:
        """Return the names of all request headers, in lower case."""
        headers = self.request.requestHeaders.getAllRawHeaders()
        return [name.decode("latin-1").lower() for name, _ in headers]

    @property
    def query(self) -> bytes:
        """The query string, without its question mark."""
        return self.request.uri.partition(b"?")[2]

    def body_size(self) -> int:
        """Return how many bytes the body has, which may be in a file."""
        content: Any = self.request.content
        size: int = content.seek(0, os.SEEK_END)
        return size

    def body(self) -> bytes:
        """Return the whole body."""
        content: Any = self.request.content
        content.seek(0)
        body: bytes = content.read()
        return body

    # -- the response

    def watch(self, gone: Callback, drained: Callback | None = None) -> None:
        """Call ``gone`` if the peer vanishes before the end, ``drained`` when ready again."""
        self._gone = gone
        self._drained = drained
        if not self.over and not self._watched:
            self._watched = True
            self.request.registerProducer(self, True)

    def expect_life(self, silence: float) -> None:
        """Let the kernel end the connection if its peer is silent for so many seconds."""
        tune(self.request.channel, silence)

    def start(self, status: int, headers: Iterable[Header]) -> None:
        """Set the status and the headers; they leave with the first write or the end."""
        if self.over:
            return
        self.request.setResponseCode(status)
        for name, value in headers:
            self.request.responseHeaders.addRawHeader(name, value)

    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""
        if not self.over and data:
            self.request.write(data)

    def finish(self, last: Callback | None = None) -> None:
        """End the response once its bytes have left; call ``last`` just before."""
        if self.over or self._ending:
            return
        self._ending = True
        self._last = last
        if self.ready:
            self._finish()

    def answer(self, status: int, headers: Iterable[Header], body: bytes = b"") -> None:
        """Make the whole response at once."""
        self.start(status, headers)
        if not self.over:
            if status != 204 and status != 304:
                self.request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(body)])
            self.write(body)
        self.finish()

    def close_connection(self) -> None:
        """Let the connection end with this response."""
        if isinstance(self.request.channel, HTTPChannel):
            self.request.channel.persistent = False
            self.request.responseHeaders.setRawHeaders(b"connection", [b"close"])

    def abort(self) -> None:
        """Drop the connection; ``gone`` is not called."""
        if self.over:
            return
        self._gone = self._drained = None
        channel = self.request.channel
        # HTTP/1 aborts its TCP connection; an HTTP/2 stream can only be reset.
        if isinstance(channel, HTTPChannel):
            channel.forceAbortClient()
        else:
            self.request.loseConnection()

    def _finish(self) -> None:
        self.over = True
        self._gone = self._drained = None
        if self._watched:
            self.request.unregisterProducer()
        last, self._last = self._last, None
        if last is not None:
            last()
        # May parse the next pipelined request, so nothing comes after it.
        self.request.finish()

    def _lost(self, failure: Failure) -> None:
        self.over = True
        gone, self._gone = self._gone, None
        self._drained = self._last = None
        if gone is not None:
            gone()

    # -- IPushProducer: the connection's word on whether its peer reads

    def pauseProducing(self) -> None:
        self.ready = False

    def resumeProducing(self) -> None:
        self.ready = True
        if self._ending:
            if not self.over:
                self._finish()
        elif self._drained is not None:
            self._drained()

    def stopProducing(self) -> None:
        self.ready = False
