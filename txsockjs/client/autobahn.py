"""Autobahn's client protocol for a websocket, and its listener.

Rules: Autobahn's timers are off, because its clock is global.
"""

# Autobahn has few annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.types import ConnectingRequest
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from txaio.tx import make_logger

from ..wire.frames import is_close_code
from .address import Address

# Registered close codes that Autobahn does not know.
_NEWER_CODES = frozenset((1012, 1013, 1014))
_NORMAL = 1000
# The longest answer to a handshake, in bytes.
_LONGEST_HEAD = 64 * 1024


class AutobahnListener(Protocol):
    """The listener of a protocol."""

    is_full: bool

    def begun(self, protocol: IProtocol) -> None:
        """Take the protocol of the connection."""

    def agreed(self, subprotocol: str | None) -> None:
        """Note what the server chose, before `upgraded`."""

    def upgraded(self, protocol: IProtocol) -> None:
        """Note that the handshake is done."""

    def took(self, payload: bytes, binary: bool) -> None:
        """Take a message."""

    def heard(self) -> None:
        """Note that something arrived."""

    def closed(self, code: int, reason: str) -> None:
        """Take the server's close frame, which Autobahn answers."""

    def ended(self, why: str) -> None:
        """Take the end of the connection."""


class ClientFactory(WebSocketClientFactory):  # type: ignore[misc,unused-ignore]
    """Makes the protocol of one websocket."""

    noisy = False

    def __init__(
        self,
        reactor: IReactorTime,
        socket: AutobahnListener,
        address: Address,
        headers: dict[str, str],
        limit: int,
        subprotocols: Sequence[str],
    ) -> None:
        super().__init__(reactor=reactor)
        uri = address.uri()
        self.socket = socket
        self.has_usual_port = address.has_usual_port
        self.request = ConnectingRequest(
            host=address.host,
            port=uri.port,
            resource=uri.originForm.decode("ascii"),
            headers=headers,
            protocols=list(subprotocols),
        )
        self.protocols = list(subprotocols)
        self.setProtocolOptions(
            version=18,  # RFC 6455
            maxFramePayloadSize=limit,
            maxMessagePayloadSize=limit,
            failByDrop=True,  # don't wait for a server that breaks the rules
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            autoPingInterval=0,
            autoPingTimeout=0,
            tcpNoDelay=True,
        )

    def buildProtocol(self, addr: IAddress | None) -> _Protocol:
        protocol = _Protocol(self.socket, self.request)
        protocol.factory = self
        return protocol


class _Protocol(WebSocketClientProtocol):  # type: ignore[misc,unused-ignore]
    """Autobahn's protocol, which passes everything on."""

    # Autobahn warns about each failed connection; here the listener decides what to log.
    log = make_logger("error")

    def __init__(self, socket: AutobahnListener, request: ConnectingRequest) -> None:
        super().__init__()
        self._socket = socket
        self._request = request
        self._head = 0
        self._message = bytearray()

    def connectionMade(self) -> None:
        self._socket.begun(self)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._socket.heard()
        if self.state == self.STATE_CONNECTING:
            self._head += len(data)
            if self._head > _LONGEST_HEAD:
                self.failHandshake(f"an answer of more than {_LONGEST_HEAD} bytes")
                return
        try:
            super().dataReceived(data)
        except UnicodeDecodeError:  # in the head; messages are checked elsewhere
            self.failHandshake("an answer that is not UTF-8")

    def sendData(self, data: bytes, *more: Any, **options: Any) -> None:
        if self.state == self.STATE_CONNECTING and self.factory.has_usual_port:
            # As browsers write it: some servers compare Host with Origin.
            host, port = self._request.host, self._request.port
            data = data.replace(
                f"\r\nHost: {host}:{port}\r\n".encode(), f"\r\nHost: {host}\r\n".encode(), 1
            )
        super().sendData(data, *more, **options)

    def onConnecting(self, transport_details: object) -> ConnectingRequest:
        return self._request

    def onConnect(self, response: Any) -> None:
        self._socket.agreed(response.protocol)

    def onOpen(self) -> None:
        self._socket.upgraded(self)

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._message = bytearray()

    def onMessageFrameData(self, payload: bytes) -> None:
        # Fragments may be small or empty, so each costs more memory than its bytes.
        if not self.failedByMe:
            self._message += payload

    def onMessageEnd(self) -> None:
        self.message_data = [bytes(self._message)]
        self._message.clear()
        super().onMessageEnd()

    def onPing(self, payload: bytes) -> None:
        # Otherwise pongs would pile up for a server that does not read.
        if not self._socket.is_full:
            super().onPing(payload)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self._socket.took(payload, isBinary)

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> Any:
        broken = super().onCloseFrame(_NORMAL if code in _NEWER_CODES else code, reasonRaw)
        if code is None:
            self._socket.closed(1005, "")
        elif is_close_code(code) and not broken:
            self._socket.closed(code, (reasonRaw or b"").decode("utf-8", "replace"))
        return broken

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._socket.ended(str(self.wasNotCleanReason or "the connection was closed"))
