"""`SockJSRequest`: a request of `twisted.web` whose body is bounded.

Rules: a body over the limit is refused with 413 as soon as that is known: by its Content-Length
before any of it is read, or when more bytes arrive than the limit. Nothing over the limit is kept,
while `twisted.web` by itself stores a body of any size before a resource sees the request.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
from typing import Any, Callable

from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from ..errors import BodyTooLarge
from ..http.headers import NEVER_CACHED, TEXT, shared_with
from ..wire.request_head import origin_form
from .web_channel import DISCARD_LIMIT, Channel, end_writing

REFUSAL = BodyTooLarge.wording.encode()
# Larger bodies are left to twisted.web, which puts them into files.
MEMORY_LIMIT = 4 * 1024 * 1024


class SockJSRequest(Request):
    """A request whose body may not be larger than its site's ``max_body_size``.

    A request that a router refuses with any body is answered once its head has arrived; the body is
    discarded.
    """

    channel: Any
    transport: Any
    content: Any
    received = 0  # bytes of the body
    _refused = False
    # While the body of a request that was answered early is discarded; then `_finish` ends it.
    _is_early = False
    _finish: Callable[[], None] | None = None

    def gotLength(self, length: int | None) -> None:
        """Refuse a body announced as too large, or one that no resource will read."""
        self._limit: int = self.channel.site.max_body_size
        if length is not None and length > self._limit:
            self.content = io.BytesIO()
            # Otherwise the channel would still invite the client to send the body.
            self.requestHeaders.removeHeader(b"expect")
            self._refuse()
        elif length != 0 and isinstance(self.channel, Channel) and self._is_useless():
            self._answer_early(length)
        elif self._limit <= MEMORY_LIMIT:
            self.content = io.BytesIO()
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, or refuse all of it when it becomes too large."""
        before = self.received
        self.received += len(data)
        if self._refused or self._is_early:
            most = DISCARD_LIMIT + (self._limit if self._refused else 0)
            if before <= most < self.received:
                self._drop()
        elif self.received > self._limit:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Process the request unless its body was refused."""
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
        """End the answer; the request itself ends with its body."""
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
        self.requestHeaders.setRawHeaders(b"host", [absolute[0]])  # in place of the header
        return absolute[1]

    def _is_useless(self) -> bool:
        """Return whether a router refuses the request with any body."""
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

    def _refuse(self) -> None:
        self._refused = True
        self.channel.site.note_refused(self.client)
        self.content.truncate(0)
        if not isinstance(self.channel, HTTPChannel):
            # In Twisted, an HTTP/2 stream can't outlive its answer, so answer when the body ends.
            return
        self.clientproto = b"HTTP/1.1"
        self.setHeader(b"connection", b"close")
        self._answer()
        # The answer is complete, and the client sees its end. The rest of the body may still come
        # and is discarded; the channel's time-out ends a client that neither sends nor leaves.
        end_writing(self.transport)

    def _drop(self) -> None:
        self._finish = None
        stream = self.transport if isinstance(self.channel, HTTPChannel) else self.channel
        if stream is not None:
            stream.abortConnection()

    def _answer(self) -> None:
        self.setResponseCode(BodyTooLarge.status)
        self.setHeader(b"content-length", b"%d" % len(REFUSAL))
        # Otherwise a page of another origin would take it for a network error (protocol section 2).
        # It contains nothing confidential.
        origin = (self.getHeader(b"origin") or b"").decode("latin-1")
        for name, value in (TEXT, *NEVER_CACHED, *shared_with(origin)):
            self.setHeader(name, value)
        self.write(REFUSAL)
