"""Autobahn's websockets: the protocol that parses them and the factory of one router.

Rules: Autobahn does the handshake and the framing, with all of its timers off; what comes is told
to the receiver. Made by the router; called by the URLs and by the connections taken over.
"""

from __future__ import annotations

from typing import Any, Callable

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

from ..clients import connection_info
from ..exchange import Exchange
from ..headers import session_cookie
from ..interfaces import Server
from ..session import BaseSession
from .lane import read_messages
from .websocket import WebSocketReceiver


class SocketProtocol(WebSocketServerProtocol):
    """Autobahn's protocol, telling a receiver what comes."""

    receiver: WebSocketReceiver
    cookie: str | None
    is_connected = False

    def connectionMade(self) -> None:
        self.is_connected = True
        super().connectionMade()

    def connectionLost(self, reason: Any = None) -> None:
        self.is_connected = False
        super().connectionLost(reason)

    def onConnect(self, request: Any) -> Any:
        return (None, {"Set-Cookie": self.cookie}) if self.cookie else None

    def onOpen(self) -> None:
        self.factory.opened(self.receiver)

    def dataReceived(self, data: bytes) -> None:
        receiver = self.receiver
        receiver.alive()
        if (
            self.state == WebSocketServerProtocol.STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
        ):
            # Autobahn is between two messages.
            messages, end = read_messages(
                data, receiver.accepted, self.maxMessagePayloadSize, receiver.decode
            )
            receiver.tell_received(messages)
            if end == len(data):
                return
            data = data[end:]
        super().dataReceived(data)

    def sendCloseFrame(
        self,
        code: int | None = None,
        reasonUtf8: bytes | None = None,
        isReply: bool = False,
    ) -> None:
        # All ways of closing come through here: ours, the peer's, and Autobahn's own.
        super().sendCloseFrame(code, reasonUtf8, isReply)
        self.receiver.closing((code or 1005, (reasonUtf8 or b"").decode("utf-8", "replace")))

    def dropConnection(self, abort: bool = False) -> None:
        # What was written still has to arrive; a peer that lets it wait meets the deadline.
        super().dropConnection(abort=False)

    def onMessageFrameBegin(self, length: int) -> None:
        if length == 0:
            # Counted as a byte, or a peer could send fragments of one message for ever.
            self.message_data_total_length += 1
        super().onMessageFrameBegin(length)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.receiver.received(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        self.receiver.pinged(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.receiver.lost((code or 1005, reason or ""))


class SocketFactory(WebSocketServerFactory):
    """Makes the websockets of one router."""

    protocol = SocketProtocol

    def __init__(self, server: Server, make_session: Callable[[], BaseSession]) -> None:
        super().__init__(server="", reactor=server.reactor)  # type: ignore[no-untyped-call]
        settings = server.settings
        self._server = server
        self._make_session = make_session
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            versions=[13],
            maxFramePayloadSize=settings.max_message_size,
            maxMessagePayloadSize=settings.max_message_size,
            failByDrop=False,
            echoCloseCodeReason=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            autoPingInterval=0,
            autoPingTimeout=0,
            tcpNoDelay=settings.disable_nagle,
            allowedOrigins=["*"],
            allowNullOrigin=True,
            perMessageCompressionAccept=lambda offers: None,
        )

    def build(self, exchange: Exchange, receiver_class: type[WebSocketReceiver]) -> SocketProtocol:
        """Make the protocol for a request that passed all checks."""
        settings = self._server.settings
        protocol = SocketProtocol()
        protocol.factory = self
        cookie: list[tuple[bytes, bytes]] = session_cookie(exchange, settings)
        protocol.cookie = cookie[0][1].decode("latin-1") if cookie else None
        info = connection_info(exchange, settings, receiver_class.transport_name)
        protocol.receiver = receiver_class(protocol, self._server, info)
        return protocol

    def opened(self, receiver: WebSocketReceiver) -> None:
        """Give an open websocket its session."""
        receiver.connected(self._make_session())
