"""`HTTPReceiver`: the receiver under every HTTP transport, given a `Framing`.

Rules: a transport differs from the others by the values of its framing; every frame, errors
included, goes through it (protocol section 4). A poll is a stream that is full after one frame.
Made by the router's resource; calls the exchange and tells its session.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ..actors.connection import ConnectionInfo
from ..actors.interfaces import INTERRUPTED, Reason
from ..actors.session import BaseSession
from ..actors.states import ATTACH, DRAINED, FULL, GONE
from ..http.exchange import Exchange
from ..http.headers import NEVER_CACHED, UNBUFFERED, Headers, content_type, cors, session_cookie
from ..http.snapshot import connection_info
from ..settings import Settings
from ..wire.proto import HEARTBEAT_FRAME, OPEN_FRAME, disconnect, messages_frame


class Framing(NamedTuple):
    """How one HTTP transport writes: ``wrap`` turns a frame into what is sent for it."""

    name: str
    content_type: bytes
    streaming: bool
    prelude: bytes
    wrap: Callable[[bytes], bytes]
    headers: Headers = []


class HTTPReceiver:
    """A response that carries a session's frames; ``opening`` if it may be the session's first."""

    __slots__ = (
        *("_end", "_exchange", "_framing", "_headers", "_info", "_left", "_session"),
        "ready",
    )
    _session: BaseSession
    _end: float  # of a stream: when its time is over

    def __init__(
        self, exchange: Exchange, framing: Framing, settings: Settings, opening: bool
    ) -> None:
        self._exchange = exchange
        self._framing = framing
        self._left = settings.response_limit if framing.streaming else 1
        self.ready = True
        # Functions of the settings are asked for these, and may raise: before anything is done.
        self._headers = [
            content_type(framing.content_type),
            UNBUFFERED,
            *framing.headers,
            *NEVER_CACHED,
            *cors(exchange),
            *session_cookie(exchange, settings),
        ]
        self._info = connection_info(exchange, settings, framing.name) if opening else None

    def attach(self, session: BaseSession, silence: float) -> None:
        """Carry the frames of ``session``; the kernel may end it after so many silent seconds."""
        self._session = session
        self._exchange.expect_life(silence)
        self._exchange.watch(gone=self._gone, drained=self._drained)
        if self._framing.streaming:
            self._end = session.clock() + session.server.settings.response_lifetime
            self._start([])
            self._exchange.write(self._framing.prelude)
            self.ready = self._exchange.ready
        session.tell(ATTACH, self)

    @property
    def transport_name(self) -> str:
        """The transport's name, as in the statistics."""
        return self._framing.name

    def connection_info(self) -> ConnectionInfo:
        """Describe the request, which was made with ``opening``."""
        assert self._info is not None
        return self._info

    # -- told by the session

    def opened(self) -> None:
        """Write the open frame."""
        self._send(OPEN_FRAME)

    def deliver(self, messages: list[Any]) -> None:
        """Write one frame with these messages."""
        self._send(messages_frame(messages))

    def heartbeat(self) -> None:
        """Write a heartbeat; a stream ends with it if the next one would come too late."""
        if self._framing.streaming:
            session = self._session
            if session.clock() + session.server.settings.heartbeat_delay > self._end:
                self._left = 0
        self._send(HEARTBEAT_FRAME)

    def closed(self, reason: Reason) -> None:
        """Write the close frame and end the response."""
        self.ready = False
        self._write(disconnect(*reason).encode("utf-8"))
        self._exchange.finish()

    def abort(self) -> None:
        """Drop the connection."""
        self.ready = False
        self._exchange.abort()

    # -- writing

    def _start(self, more: Headers) -> None:
        headers, self._headers = self._headers, []
        self._exchange.start(200, [*headers, *more])

    def _send(self, frame: bytes) -> None:
        self._left -= self._write(frame)
        if self._left <= 0:
            self.ready = False
            self._exchange.finish(self._full)
        else:
            self.ready = self._exchange.ready

    def _write(self, frame: bytes) -> int:
        data = self._framing.wrap(frame)
        if not self._framing.streaming:
            # The whole body is known, which is what an HTTP/1.0 client needs.
            self._start([(b"Content-Length", b"%d" % len(data))])
        self._exchange.write(data)
        return len(data)

    # -- told by the exchange

    def _full(self) -> None:
        self._session.tell(FULL, self)

    def _drained(self) -> None:
        self.ready = True
        self._session.tell(DRAINED, self)

    def _gone(self) -> None:
        self.ready = False
        self._session.tell(GONE, self, INTERRUPTED)
