"""Autobahn behind the fast lane, for the bytes that the lane leaves.

Rules: Autobahn's protocol is made when a connection first sends something that the lane leaves. It
tells a listener what it read, and never writes to or ends the connection itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from ...wire.frames import is_close_code

_PROTOCOL_ERROR = 1002
_DONE = Failure(ConnectionDone())

# The handshake is done already; this one only brings the protocol to the state that reads frames.
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class FrameListener(Protocol):
    """The listener to what Autobahn reads."""

    def received(self, payload: bytes, binary: bool) -> None:
        """Take a message."""

    def pinged(self, payload: bytes) -> None:
        """Answer a ping."""

    def close_received(self, payload: bytes) -> None:
        """Handle a valid close frame; nothing is read after it."""

    def fail(self, code: int, reason: str) -> None:
        """End the connection for a violation; nothing is read after it."""


class AutobahnFactory(WebSocketServerFactory):
    """Makes the protocols of one router, with all timers off."""

    def __init__(self, reactor: IReactorTime) -> None:
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            versions=[13],
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            autoPingInterval=0,
            autoPingTimeout=0,
            tcpNoDelay=True,
            perMessageCompressionAccept=lambda offers: None,
        )

    def build(self, listener: FrameListener, longest: int) -> AutobahnProtocol:
        """Make the protocol of an open websocket.

        ``longest`` is the size in bytes of the largest message, with all its fragments.
        """
        protocol = AutobahnProtocol()
        protocol.factory = self
        protocol.makeConnection(_Nowhere())  # type: ignore[no-untyped-call]
        protocol.dataReceived(_HANDSHAKE)
        protocol.maxFramePayloadSize = protocol.maxMessagePayloadSize = longest
        protocol.listener = listener
        return protocol


@implementer(ITransport)
class _Nowhere:
    """A transport that does nothing."""

    def write(self, data: bytes) -> None:
        """Write nothing."""

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write nothing."""

    def loseConnection(self) -> None:
        """Do nothing."""

    def getPeer(self) -> IPv4Address:
        """Return an address, which is never shown."""
        return IPv4Address("TCP", "127.0.0.1", 0)

    getHost = getPeer


class AutobahnProtocol(WebSocketServerProtocol):
    """Autobahn's protocol, which tells a listener what it reads; ``frames`` counts frames."""

    listener: FrameListener | None = None
    frames = 0
    maxFramePayloadSize: int
    maxMessagePayloadSize: int

    @property
    def is_between_messages(self) -> bool:
        """Whether the next byte begins a message or a control frame of an open websocket."""
        return (
            self.state == WebSocketServerProtocol.STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
        )

    def leave(self) -> None:
        """Stop telling the listener, and break the reference cycle."""
        self.listener = None
        self.connectionLost(_DONE)

    @property
    def missing(self) -> int:
        """How many bytes of the present frame are still missing."""
        if self.current_frame is None:
            return 0
        return int(self.current_frame.length - self.current_frame_masker.pointer())

    @property
    def gathered(self) -> int:
        """How many bytes of the present message have arrived."""
        return len(self._message) if self.inside_message else 0

    # The data is gathered in one buffer: Autobahn keeps an object for each piece of a frame and for
    # each frame of a message, and a peer may send them a byte at a time.

    def onFrameBegin(self) -> None:
        self.frames += 1
        super().onFrameBegin()

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._message = bytearray()

    def onMessageFrameBegin(self, length: int) -> None:
        if length == 0:
            # Counted as a byte; otherwise a peer could send fragments of one message for ever.
            self.message_data_total_length += 1
        super().onMessageFrameBegin(length)

    def onMessageFrameData(self, payload: bytes) -> None:
        self._message += payload

    def onMessageFrameEnd(self) -> None:
        pass

    def onMessageEnd(self) -> None:
        payload, self._message = bytes(self._message), bytearray()
        if self.listener is not None and not self.failedByMe:
            self.listener.received(payload, self.message_is_binary)

    def onPing(self, payload: bytes) -> None:
        if self.listener is not None:
            self.listener.pinged(payload)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool:
        if code is not None and not is_close_code(code):
            self._fail_connection(_PROTOCOL_ERROR, f"invalid close code {code}")
            return True
        try:
            (reasonRaw or b"").decode("utf-8")
        except ValueError:
            self._invalid_payload("invalid close reason (non-UTF8 payload)")
            return True
        self._end()
        if self.listener is not None:
            payload = b"" if code is None else code.to_bytes(2, "big") + (reasonRaw or b"")
            self.listener.close_received(payload)
        return True

    def _fail_connection(self, code: int = 1001, reason: str = "") -> None:
        # Every violation comes through here.
        if self.state != WebSocketServerProtocol.STATE_CLOSED:
            self.failedByMe = True
            self._end()
            if self.listener is not None:
                self.listener.fail(code, reason)

    def _end(self) -> None:
        self.state = WebSocketServerProtocol.STATE_CLOSED  # so that it reads no further
