"""Autobahn behind the fast lane: it reads whatever the lane left.

Rules: made when a connection first brings something that the lane leaves, in the state that it
would be in if it had read all before; what it understands is told to the receiver. Owned by a
receiver.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ITransport
from zope.interface import implementer

from ..interfaces import Reason
from ..settings import Settings

# The handshake is done already: this one only brings the protocol to where frames are read.
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Listener(Protocol):
    """Who is told what Autobahn understood."""

    def received(self, payload: bytes, binary: bool) -> None:
        """Take a message."""

    def pinged(self, payload: bytes) -> None:
        """Answer a ping."""

    def closing(self, reason: Reason) -> None:
        """Note that the connection is closing, by the peer or for a violation."""


class CarefulFactory(WebSocketServerFactory):
    """Makes the protocols of one router; all timers are off."""

    def __init__(self, settings: Settings, reactor: Any) -> None:
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            versions=[13],
            failByDrop=False,
            echoCloseCodeReason=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            autoPingInterval=0,
            autoPingTimeout=0,
            tcpNoDelay=settings.disable_nagle,
            perMessageCompressionAccept=lambda offers: None,
        )

    def build(
        self, listener: Listener, transport: Any, longest: int, closed: bool
    ) -> CarefulProtocol:
        """Make the protocol of an open websocket; ``closed`` if a close frame was sent.

        ``longest`` is the size in bytes of the largest message, its fragments together.
        """
        protocol = CarefulProtocol()
        protocol.factory = self
        protocol.listener = None
        protocol.makeConnection(_Nowhere())  # type: ignore[no-untyped-call]
        protocol.dataReceived(_HANDSHAKE)
        protocol.maxFramePayloadSize = protocol.maxMessagePayloadSize = longest
        if closed:
            protocol.sendCloseFrame()
        protocol.transport = transport
        protocol.listener = listener
        return protocol


@implementer(ITransport)
class _Nowhere:
    """The transport of the handshake: nothing comes of what is done to it."""

    def write(self, data: bytes) -> None:
        """Write nothing."""

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write nothing."""

    def loseConnection(self) -> None:
        """Do nothing."""

    def getPeer(self) -> IPv4Address:
        """Give an address, which is never shown."""
        return IPv4Address("TCP", "127.0.0.1", 0)

    getHost = getPeer


class CarefulProtocol(WebSocketServerProtocol):
    """Autobahn's protocol, telling a listener what comes."""

    listener: Listener | None
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

    def sendCloseFrame(
        self,
        code: int | None = None,
        reasonUtf8: bytes | None = None,
        isReply: bool = False,
    ) -> None:
        # All ways of closing come through here: ours, the peer's, and Autobahn's own.
        super().sendCloseFrame(code, reasonUtf8, isReply)
        if self.listener is not None:
            self.listener.closing((code or 1005, (reasonUtf8 or b"").decode("utf-8", "replace")))

    def dropConnection(self, abort: bool = False) -> None:
        # What was written still has to arrive; a peer that lets it wait meets the deadline.
        super().dropConnection(abort=False)

    def onMessageFrameBegin(self, length: int) -> None:
        if length == 0:
            # Counted as a byte, or a peer could send fragments of one message for ever.
            self.message_data_total_length += 1
        super().onMessageFrameBegin(length)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.listener is not None:
            self.listener.received(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        if self.listener is not None:
            self.listener.pinged(payload)
