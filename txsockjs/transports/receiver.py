"""`HTTPReceiver`: the receiver under every HTTP transport, given a `Framing`.

Rules: transports differ only by the values of their framing. Every frame, errors included, goes
through the framing (protocol section 4). Constructing a receiver writes nothing; attaching it does.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ..actors.info import ConnectionInfo
from ..actors.interfaces import INTERRUPTED, Reason
from ..actors.session import BaseSession
from ..actors.states import ATTACH, DRAINED, FULL, GONE
from ..http.exchange import Exchange
from ..http.headers import Heads
from ..http.snapshot import connection_info
from ..settings import Settings
from ..wire.proto import HEARTBEAT_FRAME, OPEN_FRAME, disconnect, messages_frame


class Framing(NamedTuple):
    """How one HTTP transport writes: ``wrap`` turns a frame into its bytes.

    A stream begins with its ``prelude`` and ends when enough was sent; a poll ends with one frame.
    """

    name: str
    streaming: bool
    heads: Heads
    prelude: bytes
    wrap: Callable[[bytes], bytes]


class HTTPReceiver:
    """A response that carries a session's frames; ``opening`` if it may be the session's first.

    In that case ``info`` describes the request; otherwise it is None.
    """

    __slots__ = (
        *("_exchange", "_framing", "_head", "_left", "_lifetime_end", "_session"),
        "info",
        "ready",
    )
    _session: BaseSession
    _lifetime_end: float  # of a stream, on its session's clock

    def __init__(
        self, exchange: Exchange, framing: Framing, settings: Settings, opening: bool
    ) -> None:
        self._exchange = exchange
        self._framing = framing
        self._left = settings.response_limit
        self.ready = True
        # Calls functions in the settings, which may raise, so do it before anything else.
        self._head = framing.heads.of(exchange, settings)
        self.info = connection_info(exchange, settings, framing.name) if opening else None

    def attach(self, session: BaseSession) -> None:
        """Carry the frames of ``session`` from now on."""
        self._session = session
        settings = session.server.settings
        self._exchange.set_peer_timeout(settings.peer_timeout)
        self._exchange.watch(self._lost, self._drained)
        if self._framing.streaming:
            self._lifetime_end = session.clock() + settings.response_lifetime
            self._exchange.start(self._head)
            self._exchange.write(self._framing.prelude)
            self.ready = self._exchange.ready
        session.tell(ATTACH, self)

    @property
    def transport_name(self) -> str:
        """The transport's name in the statistics."""
        return self._framing.name

    def connection_info(self) -> ConnectionInfo:
        """Describe the request; only for a receiver made with ``opening``."""
        assert self.info is not None
        return self.info

    # -- told by the session

    def opened(self) -> None:
        """Write the open frame."""
        self._send(OPEN_FRAME)

    def deliver(self, messages: list[Any]) -> None:
        """Write one frame with these messages."""
        self._send(messages_frame(messages))

    def heartbeat(self) -> None:
        """Write a heartbeat; a stream ends with it if the next would come after its lifetime."""
        if self._framing.streaming:
            session = self._session
            if session.clock() + session.server.settings.heartbeat_delay > self._lifetime_end:
                self._left = 0
        self._send(HEARTBEAT_FRAME)

    def closed(self, reason: Reason) -> None:
        """Write the close frame and end the response."""
        self.ready = False
        data = self._framing.wrap(disconnect(*reason).encode("utf-8"))
        if self._framing.streaming:
            self._exchange.write(data)
            self._exchange.end()
        else:
            self._exchange.answer(self._head, data)

    def abort(self) -> None:
        """Drop the connection."""
        self.ready = False
        self._exchange.abort()

    def _send(self, frame: bytes) -> None:
        data = self._framing.wrap(frame)
        exchange = self._exchange
        if not self._framing.streaming:
            self.ready = False
            # The whole body is known, as an HTTP/1.0 client needs.
            exchange.answer(self._head, data, self._full)
            return
        exchange.write(data)
        self._left -= len(data)
        if self._left <= 0:
            self.ready = False
            exchange.end(self._full)
        else:
            self.ready = exchange.ready

    # -- told by the exchange

    def _full(self) -> None:
        self._session.tell(FULL, self)

    def _drained(self) -> None:
        self.ready = True
        self._session.tell(DRAINED, self)

    def _lost(self) -> None:
        self.ready = False
        self._session.tell(GONE, self, INTERRUPTED)
