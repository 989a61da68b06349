"""`Channel`: a twisted.web connection with bounds on a request's head, on a turn and on time.

Rules: it parses as twisted.web does. A head that is too long gets an answer that says so, and the
rest of the request is discarded, where twisted.web would cut the connection or answer 400. Between
two pipelined requests it waits when its turn is over. It has no timers: the site asks it whether
its time is over. Code that depends on the internals of `HTTPChannel` is here and in `takeover`.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, _GenericHTTPChannelProtocol

from ..actors.pace import Pace
from ..errors import BadRequestLine, HeadTooLarge, RequestError, TargetTooLong
from ..http.exchange import REASONS
from ..http.headers import NEVER_CACHED, TEXT, shared_with
from ..wire.request_head import LONGEST_HEAD, MOST_HEADERS
from .tcp import is_secure, unsent
from .timeouts import Progress, Timeouts, is_over

# How much is read and discarded after a refusal: closing with bytes unread would reset the
# connection, and the client might never see the answer (RFC 9112, section 9.6).
DISCARD_LIMIT = 1024 * 1024
# How many requests one turn may answer.
_MOST = 64


class Negotiated(_GenericHTTPChannelProtocol):
    """Lets TLS choose between HTTP/1.1 and HTTP/2, which has no `Channel`."""

    _channel: Any

    def dataReceived(self, data: bytes) -> None:
        """Pass the data to the chosen channel."""
        before = self._channel
        super().dataReceived(data)
        if self._channel is not before:
            before.leave()


class Channel(HTTPChannel):
    """An HTTP/1.1 channel of a `SockJSSite`."""

    site: Any

    totalHeadersSize = MAX_LENGTH = LONGEST_HEAD
    transport: Any
    paused: bool
    _buffer: bytes
    _dataBuffer: list[bytes]
    _handlingRequest: bool
    _networkProducer: Any
    # The lines and bytes of the present head, the request line included.
    _lines = 0
    _bytes = 0
    _discarded: int | None = None  # None until a head was refused

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(_MOST)
        self._next_turn: IDelayedCall | None = None
        self._coming: Progress | None = None  # of a request that is not complete
        self._idle_since = 0.0
        self._leaving: Progress | None = None  # while the peer has written data to take

    def connectionMade(self) -> None:
        """Wait for a request."""
        self._idle_since = self.site.reactor.seconds()
        super().connectionMade()
        self.site.enter(self)

    def dataReceived(self, data: bytes) -> None:
        """Serve the data, or as much of it as fits into a turn."""
        if self._discarded is not None:
            self._discard(len(data))
            return
        if not self._busyReceiving:
            self._pace = Pace(_MOST)
            self._idle_since = self.site.reactor.seconds()
            if self._coming is None and not self._handlingRequest:
                self._coming = Progress(self._idle_since)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget what is waiting."""
        self.leave()
        super().connectionLost(reason)

    def leave(self) -> None:
        """Stop tracking the connection, which ended or has another protocol."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self.site.leave(self)

    # -- the head of a request

    def lineReceived(self, line: bytes) -> None:
        """Read a line of a head, unless the head is too large."""
        self._bytes += len(line) + 2
        self._lines += 1 if line else 0
        if self._bytes > LONGEST_HEAD or self._lines > MOST_HEADERS + 1:
            self._refuse(TargetTooLong() if self._lines == 1 else HeadTooLarge())
        elif self._lines == 1 and line and not _is_plain(line):
            self._refuse(BadRequestLine())  # other resources may show the line
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        self._refuse(HeadTooLarge() if self._lines else TargetTooLong())
        self._discard(len(line))

    def allHeadersReceived(self) -> None:
        """Begin with the body."""
        self._lines = self._bytes = 0
        super().allHeadersReceived()

    @property
    def request_line(self) -> tuple[bytes, bytes, bytes]:
        """The method, target and version of the request whose head has arrived."""
        return self._command, self._path, self._version

    def _refuse(self, error: RequestError) -> None:
        self.site.note_refused(self.transport.getPeer())
        body = error.wording.encode()
        headers = [TEXT, *NEVER_CACHED, *shared_with(None), (b"Connection", b"close")]
        head = b"HTTP/1.1 %d %b\r\n" % (error.status, REASONS[error.status])
        head += b"".join([b"%b: %b\r\n" % header for header in headers])
        self.transport.write(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._discarded = 0
        self._discard(len(self.clearLineBuffer()))  # this ends the loop over the lines
        end_writing(self.transport)

    def _discard(self, size: int) -> None:
        # A client that neither leaves nor sends this much is ended by the time-out.
        self._discarded = (self._discarded or 0) + size
        if self._discarded > DISCARD_LIMIT:
            self.transport.abortConnection()

    # -- turns

    def allContentReceived(self) -> None:
        """Handle a complete request."""
        self._coming = None
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Go on to the next request: in the present loop, or in a turn of its own."""
        self._idle_since = self.site.reactor.seconds()
        waits = self._buffer or any(self._dataBuffer)
        # An answer that ended outside that loop ended in the middle of other code.
        in_turn = self._pace.may_go_on() and self._busyReceiving
        if waits and self.persistent and not in_turn:
            self.paused = True  # keeps LineReceiver from reading its buffer
            self._next_turn = self.site.reactor.callLater(0, self._go_on)
        super().requestDone(request)
        if self.paused:
            self._networkProducer.pauseProducing()

    def pauseProducing(self) -> None:
        """Wait until the peer takes the written data."""
        self._watch_leaving()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Go on writing, and reading unless this waits for its turn."""
        self._leaving = None
        super().resumeProducing()
        if self.paused:
            self._networkProducer.pauseProducing()

    def _go_on(self) -> None:
        self._next_turn = None
        self.paused = False
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()
        self.dataReceived(b"")

    # -- time

    def setTimeout(self, period: float | None) -> None:
        """Do nothing: the site checks the time."""

    def expire(self, until: float, timeouts: Timeouts) -> str | None:
        """End the connection if a time-out was over by ``until``, and return which one."""
        if self._leaving is not None:
            limit = timeouts.request if self._waitingForTransport else timeouts.shortest
            if not self._leaving.is_over(until, limit, -unsent(self.transport)):
                return None
            self.transport.abortConnection()
            return "answer"
        if self._handlingRequest:
            return None
        if is_over(until - self._idle_since, timeouts.idle):
            self.loseConnection()
            return "idle"
        content = self.requests[-1].received if self.requests else 0
        if self._coming is not None and self._coming.is_over(until, timeouts.request, content):
            self.loseConnection()
            return "request"
        return None

    def loseConnection(self) -> object:
        """End once the peer has taken everything written."""
        if self._leaving is None:
            self._watch_leaving()
        return super().loseConnection()

    def _watch_leaving(self) -> None:
        self._leaving = Progress(self.site.reactor.seconds(), -unsent(self.transport))


def _is_plain(line: bytes) -> bool:
    return line.isascii() and line.decode("ascii").isprintable()


def end_writing(transport: Any) -> None:
    """Close the writing side, and read on."""
    if is_secure(transport):
        # Sends close_notify and reads on, but not while the channel is its producer.
        transport.unregisterProducer()
        transport.loseConnection()
    else:
        transport.loseWriteConnection()
