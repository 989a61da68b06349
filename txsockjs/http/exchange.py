"""`Exchange`: all that transports see of an HTTP request and its response.

Rules: nothing is written after the end, however the end came; the response ends when its bytes
have left, not when they were queued. `WebExchange` stands over twisted.web, `direct` has the one
that needs none of it. Made by the resources and the front; used by the receivers, senders and
static answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from twisted.internet import interfaces
from twisted.web.http import RESPONSES
from zope.interface import implementer

from ..errors import Header

Callback = Callable[[], None]

#: The words of a status line: Twisted's, and what it does not know (RFC 9110, RFC 6585).
REASONS: dict[int, bytes] = {
    **RESPONSES,
    426: b"Upgrade Required",
    431: b"Request Header Fields Too Large",
}


@implementer(interfaces.IPushProducer)
class Exchange(ABC):
    """One request and its response.

    ``ready`` is false while the peer reads more slowly than it is written to; ``over`` is true
    after the end.
    """

    __slots__ = ("_drained", "_ended", "_ending", "_gone", "_last", "named", "over", "ready")

    def __init__(self) -> None:
        self.ready = True
        self.over = False
        self.named: bool | None = None  # whether allowed_origins names its page, once that is asked
        self._ending = False
        self._last: Callback | None = None
        self._gone: Callback | None = None
        self._drained: Callback | None = None
        self._ended: Callback | None = None

    # -- the request

    method: bytes  # in capitals
    path: str  # as it was sent, without the query string
    query: bytes  # without its question mark
    is_http_1_0: bool  # or older

    @property
    @abstractmethod
    def is_secure(self) -> bool:
        """Whether it came over TLS to this process."""

    @property
    @abstractmethod
    def address(self) -> Any:
        """The address at the other end of the connection."""

    @property
    def peer(self) -> str:
        """The host at the other end of the connection; empty for a UNIX socket."""
        return getattr(self.address, "host", "") or ""

    @property
    @abstractmethod
    def server_address(self) -> interfaces.IAddress:
        """The address at this end, the same object for all connections of a port."""

    @abstractmethod
    def header(self, name: str) -> str | None:
        """Return a request header, or None; several of one name are joined by commas."""

    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """Return all request headers; the names are in lower case."""

    @abstractmethod
    def body_size(self) -> int:
        """Return how many bytes the body has, or will have as far as the head tells."""

    @abstractmethod
    def take_body(self) -> bytes:
        """Return the whole body, and let go of it."""

    # -- the response

    def watch(self, gone: Callback, drained: Callback | None = None) -> None:
        """Call ``gone`` if the peer vanishes before the end, ``drained`` when ready again."""
        self._gone = gone
        self._drained = drained

    def when_over(self, call: Callback) -> None:
        """Call ``call`` at the end, however it comes."""
        self._ended = call

    @abstractmethod
    def expect_life(self, silence: float) -> None:
        """Let the kernel end the connection if its peer is silent for so many seconds."""

    @abstractmethod
    def start(self, status: int, headers: Iterable[Header]) -> None:
        """Set the status and the headers; they leave with the first write or the end."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""

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
        length = [] if status in (204, 304) else [(b"Content-Length", b"%d" % len(body))]
        self.start(status, [*headers, *length])
        self.write(body)
        self.finish()

    @abstractmethod
    def close_connection(self) -> None:
        """Let the connection end with this response."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection; ``gone`` is not called."""

    @abstractmethod
    def take_over(self, protocol: interfaces.IProtocol, silence: float, nagle: bool) -> None:
        """Give the connection to ``protocol``; this exchange is not heard of any more.

        ``silence`` is how many seconds of nothing from the peer end the connection; with
        ``nagle`` small packets wait for each other. Raises `UpgradeRequired` if it is shared
        with other requests (HTTP/2).
        """

    @abstractmethod
    def _end(self) -> None:
        """End the response, whose bytes have left; may serve the connection's next request."""

    def _finish(self) -> None:
        self.over = True
        self._gone = self._drained = None
        last, self._last = self._last, None
        if last is not None:
            last()
        self._tell_ended()
        self._end()

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.over = True
        gone, self._gone = self._gone, None
        self._drained = self._last = None
        if gone is not None:
            gone()
        self._tell_ended()

    def _tell_ended(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()

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
