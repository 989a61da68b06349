"""Websockets, by Autobahn: the protocol, its factory, and the receiver over it.

Rules: Autobahn does the handshake and the framing, with all of its timers off: time is the
session's. Heartbeats are a SockJS frame and a ping; any byte that comes is life. A peer that
outruns the application is not read. Made by the router's resource; tells the session.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Callable

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import interfaces
from zope.interface import implementer

from ..clients import connection_info
from ..conn import ConnectionInfo
from ..errors import (
    BadHandshake,
    NotUpgrade,
    NotWebSocket,
    RequestError,
    UnsupportedVersion,
)
from ..exchange import Exchange
from ..headers import session_cookie
from ..interfaces import ATTACH, DRAINED, GONE, RECEIVED, Reason, Server
from ..proto import HEARTBEAT_FRAME, OPEN_FRAME, decode_frame, disconnect, messages_frame
from ..session import BaseSession

# RFC 6455 section 5.2.
TEXT = 1
BINARY = 2

_OPEN = WebSocketServerProtocol.STATE_OPEN
_NORMAL = 1000
_UNSUPPORTED = 1003
_BROKEN = 1007
# RFC 6455 section 7.4.1: codes that may stand in a close frame, besides the private ones.
_SENDABLE = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
_LONGEST_REASON = 123


def check_handshake(exchange: Exchange) -> None:
    """Raise the `RequestError` that tells what keeps this request from being an upgrade."""
    upgrade = exchange.header("upgrade") or ""
    if "websocket" not in _tokens(upgrade):
        raise NotWebSocket()
    if "upgrade" not in _tokens(exchange.header("connection") or ""):
        raise NotUpgrade()
    if exchange.is_http_1_0:
        raise BadHandshake()
    if (exchange.header("sec-websocket-version") or "").strip() != "13":
        raise UnsupportedVersion()
    if not _is_key(exchange.header("sec-websocket-key") or "") or not exchange.header("host"):
        raise BadHandshake()


def _tokens(header: str) -> list[str]:
    return [token.strip().lower() for token in header.split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key.strip(), validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a server's frame: final, unmasked (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def close_reason(reason: str) -> bytes:
    """Return a reason that fits into a close frame, cut between two characters."""
    return (
        reason.encode("utf-8", "replace")[:_LONGEST_REASON]
        .decode("utf-8", "ignore")
        .encode("utf-8")
    )


@implementer(interfaces.IPushProducer)
class WebSocketReceiver:
    """The receiver over a websocket that speaks SockJS frames."""

    transport_name = "websocket"

    __slots__ = (
        "_closing",
        "_deadline",
        "_held",
        "_info",
        "_protocol",
        "_server",
        "ready",
        "session",
    )

    def __init__(self, protocol: Any, server: Server, info: ConnectionInfo) -> None:
        self._protocol = protocol
        self._server = server
        self._info = info
        self._deadline: Any | None = None
        self._held = False
        self._closing = False
        self.ready = True
        self.session: BaseSession | None = None

    # -- told by the protocol

    def connected(self, session: BaseSession) -> None:
        """Attach to the session of this socket."""
        self.session = session
        self._protocol.transport.registerProducer(self, True)
        session.tell(ATTACH, self)

    def received(self, payload: bytes, binary: bool) -> None:
        """Tell the session what a websocket message brought."""
        if binary:
            self.fail(_UNSUPPORTED, "Text expected.")
            return
        try:
            messages = decode_frame(payload)
        except RequestError as error:
            self.fail(_BROKEN, error.wording)
            return
        if messages:
            self.tell_received(messages)

    def tell_received(self, messages: list[Any]) -> None:
        """Give messages to the session; stop reading while it has no room for more."""
        session = self.session
        if session is None or not session.is_open:
            return
        session.tell(RECEIVED, messages)
        room = session.room()
        if room is not None and not self._held:
            self._held = True
            self._protocol.transport.pauseProducing()
            room.addCallback(self._read_on)

    def alive(self) -> None:
        """Note that bytes came: the peer lives."""
        if self._deadline is not None and not self._closing:
            self._cancel_deadline()

    def lost(self, reason: Reason) -> None:
        """Tell the session that the socket is gone."""
        self.ready = False
        self._cancel_deadline()
        self._server.stats.connection_closed()
        if self.session is not None:
            self.session.tell(GONE, self, reason)

    def _read_on(self, _: object) -> None:
        if self._held and self._protocol.is_connected:
            self._held = False
            self._protocol.transport.resumeProducing()

    # -- told by the session

    def connection_info(self) -> ConnectionInfo:
        """Describe the upgrade request."""
        return self._info

    def opened(self) -> None:
        """Send the open frame."""
        self.write(TEXT, OPEN_FRAME)

    def deliver(self, messages: list[Any]) -> None:
        """Send one frame with these messages."""
        self.write(TEXT, messages_frame(messages))

    def heartbeat(self) -> None:
        """Send a heartbeat, and a ping that has to be answered."""
        self.write(TEXT, HEARTBEAT_FRAME)
        self.ping()

    def closed(self, reason: Reason) -> None:
        """Send the close frame, then close the websocket."""
        self.write(TEXT, disconnect(*reason).encode("utf-8"))
        self.close(_NORMAL, "")

    def abort(self) -> None:
        """Drop the connection."""
        self.ready = False
        self._cancel_deadline()
        if self._protocol.is_connected:
            self._protocol.transport.abortConnection()

    # -- what both kinds of websocket do

    def write(self, opcode: int, payload: bytes) -> None:
        """Send a message in one frame.

        Not through Autobahn, which would bound what is sent by what may be received.
        """
        if self._protocol.state == _OPEN:
            self._protocol.transport.write(frame(opcode, payload))

    def ping(self) -> None:
        """Ask the peer for a sign of life, unless it is being asked already."""
        if self._deadline is None and not self._held:
            self._protocol.sendPing()
            self._start_deadline()

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the peer has ``ping_timeout`` to do its part."""
        self.ready = False
        if code not in _SENDABLE and not 3000 <= code <= 4999:
            code = _NORMAL
        self._closing = True
        self._protocol.sendCloseFrame(code, close_reason(reason))
        self._cancel_deadline()
        self._start_deadline()
        self._read_on(None)

    def closing(self, reason: Reason) -> None:
        """Note that the peer closes, or that the protocol closes it for a violation."""
        if not self._closing:
            self._closing = True
            self.ready = False
            self._cancel_deadline()
            self._start_deadline()
            if self.session is not None:
                self.session.tell(GONE, self, reason)

    def fail(self, code: int, reason: str) -> None:
        """End the session and the connection at once: the peer broke the protocol."""
        session = self.session
        if session is not None and session.is_open:
            self._protocol.sendCloseFrame(code, close_reason(reason))
            self._protocol.transport.loseConnection()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self._server.reactor.callLater(
                self._server.settings.ping_timeout, self._timed_out
            )

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            deadline, self._deadline = self._deadline, None
            deadline.cancel()

    def _timed_out(self) -> None:
        self._deadline = None
        if self._closing or self.ready:
            self._protocol.transport.abortConnection()
        else:
            # The ping still waits behind other bytes in a transport that is not read fast enough:
            # that is slow, not dead, and the peer could not answer yet.
            self._start_deadline()

    # -- IPushProducer: the transport's word on whether the peer reads

    def pauseProducing(self) -> None:
        self.ready = False

    def resumeProducing(self) -> None:
        if self._protocol.is_connected and not self._closing and self.session is not None:
            self.ready = True
            self.session.tell(DRAINED, self)

    def stopProducing(self) -> None:
        self.ready = False


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
        self.receiver.alive()
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

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.receiver.received(payload, isBinary)

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
