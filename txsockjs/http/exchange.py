"""`Exchange`: all that transports see of an HTTP request and its response.

Rules: nothing is written after the end, whatever caused it; a response ends when its bytes have
left, not when they were queued. `server.web` has the exchange over a request of twisted.web,
`server.direct` the one over a request read from the connection's bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Callable

from twisted.internet import interfaces
from twisted.internet.interfaces import IAddress
from twisted.web.http import RESPONSES
from zope.interface import implementer

from ..errors import Header

Callback = Callable[[], None]
#: Called with how many bytes of the body the client took, and whether the answer ended properly.
Untaken = Callable[[int, bool], object]


class Head:
    """The status and the headers of a response; ``lines`` are the headers as they are sent.

    It has no length and no date, so that one head serves many responses.
    """

    __slots__ = ("headers", "lines", "status")

    def __init__(self, status: int, headers: Iterable[Header] = ()) -> None:
        self.status = status
        self.headers = tuple(headers)
        self.lines = b"".join([b"%b: %b\r\n" % header for header in self.headers])

    def plus(self, *headers: Header) -> Head:
        """Return a head with these headers added."""
        return Head(self.status, self.headers + headers)


#: The reasons of status lines: Twisted's, and those that it lacks (RFC 9110, RFC 6585).
REASONS: dict[int, bytes] = {
    **RESPONSES,
    421: b"Misdirected Request",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
}


@implementer(interfaces.IPushProducer)
class Exchange(ABC):
    """One request and its response.

    ``ready`` is false while the peer reads more slowly than is written; ``ended`` is true after the
    end of the response or of the connection. ``is_relayed`` is whether the request arrived at
    another node.
    """

    is_relayed = False

    __slots__ = ("_drained", "_ending", "_last", "_lost", "_when_ended", "ended", "named", "ready")

    def __init__(self, ready: bool = True) -> None:
        self.ready = ready
        self.ended = False
        self.named: bool | None = None  # whether allowed_origins names its page; None until checked
        self._ending = False
        self._last: Callback | None = None
        self._lost: Callback | None = None
        self._drained: Callback | None = None
        self._when_ended: Callback | None = None

    # -- the request

    method: bytes  # in capitals
    path: str  # as it was sent, without the query string
    query: bytes  # without its question mark
    headers: Mapping[str, str]  # names in lower case; values of one name are joined by commas
    head: bytes = b""  # the bytes that all this was read from, if known
    is_http_1_0: bool  # or older

    @property
    @abstractmethod
    def is_secure(self) -> bool:
        """Whether it came to this process over TLS."""

    @property
    @abstractmethod
    def address(self) -> IAddress | None:
        """The address at the other end of the connection."""

    @property
    def peer(self) -> str:
        """The host at the other end of the connection; empty for a UNIX socket."""
        return getattr(self.address, "host", "") or ""

    @property
    @abstractmethod
    def server_address(self) -> interfaces.IAddress:
        """The address at this end, the same object for all connections of a port."""

    def note_named(self, named: bool) -> None:
        """Note whether ``allowed_origins`` names its page, which is asked once."""
        self.named = named

    @property
    def description(self) -> bytes:
        """The description sent to another node for this head and connection, or empty."""
        return b""

    def keep_description(self, description: bytes) -> None:  # noqa: B027
        """Keep the description for the next request on this connection, if possible."""

    @abstractmethod
    def body_size(self) -> int:
        """Return the size of the body in bytes, or the one that the head announces."""

    @abstractmethod
    def take_body(self) -> bytes:
        """Return the whole body, and free it here."""

    # -- the response

    def watch(self, lost: Callback, drained: Callback | None = None) -> None:
        """Call ``lost`` if the peer vanishes before the end, and ``drained`` when ready again."""
        self._lost = lost
        self._drained = drained

    def when_ended(self, call: Callback) -> None:
        """Call ``call`` at the end, whatever causes it."""
        self._when_ended = call

    @abstractmethod
    def set_peer_timeout(self, seconds: float) -> None:
        """Let the kernel drop the connection if the peer acknowledges nothing for ``seconds``."""

    @abstractmethod
    def start(self, head: Head) -> None:
        """Begin a response in parts; the head leaves with the first part or the end."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write a part of the body, as one chunk."""

    def end(self, last: Callback | None = None) -> None:
        """End the response once its bytes have left; call ``last`` just before."""
        if self.ended or self._ending:
            return
        self._ending = True
        self._last = last
        if self.ready:
            self._end()

    @abstractmethod
    def answer(self, head: Head, body: bytes = b"", last: Callback | None = None) -> None:
        """Send the whole response at once, with its length, and end it."""

    @abstractmethod
    def close_connection(self) -> None:
        """Close the connection after this response."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the connection; ``lost`` is not called."""

    @abstractmethod
    def take_over(self, protocol: interfaces.IProtocol, peer_timeout: float) -> None:
        """Hand the connection over to ``protocol``; this exchange calls nobody afterwards.

        ``peer_timeout`` is as in `set_peer_timeout`. Raises `UpgradeRequired` if the connection is
        shared with other requests (HTTP/2).
        """

    @abstractmethod
    def _complete(self) -> None:
        """Complete the response, whose bytes have left."""

    def _end(self) -> None:
        self.ended = True
        self._lost = self._drained = None
        last, self._last = self._last, None
        if last is not None:
            last()
        call, self._when_ended = self._when_ended, None
        if call is not None:
            call()
        self._complete()

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.ended = True
        lost, self._lost = self._lost, None
        self._drained = self._last = None
        if lost is not None:
            lost()
        call, self._when_ended = self._when_ended, None
        if call is not None:
            call()

    # -- IPushProducer: the connection tells whether its peer reads

    def pauseProducing(self) -> None:
        self.ready = False

    def resumeProducing(self) -> None:
        self.ready = True
        if self._ending:
            if not self.ended:
                self._end()
        elif self._drained is not None:
            self._drained()

    def stopProducing(self) -> None:
        self.ready = False


class RelayedExchange(Exchange):
    """An exchange whose request arrived at another node, its edge.

    ``written`` is how many bytes of the answer's body were sent; ``leaving`` is true after its end
    was sent, until it is known to have arrived. ``is_given_up`` is whether the edge took this node
    for gone and has told its client; ``is_silent`` is whether the edge was asked for its client and
    has not answered.
    """

    is_relayed = True
    is_given_up = is_silent = False
    written = 0

    @property
    def leaving(self) -> bool:
        """Whether its end is on the way to the client."""
        return self._ending and not self.ended

    @abstractmethod
    def when_told(self, untaken: Untaken, let_go: Callback, there: Callback) -> None:
        """Call ``untaken`` instead of ``lost`` when the edge reports that its client is gone.

        ``let_go`` is called when the edge was unreachable for so long that the client may come back
        another way, ``there`` when the edge answers that its client is there.
        """

    @abstractmethod
    def ask(self) -> None:
        """Ask the edge whether its client is still there."""
