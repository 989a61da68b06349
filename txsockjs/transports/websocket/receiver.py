"""The receiver over a websocket, which is also the protocol of its connection.

Rules: whole frames at the beginning of a read go straight to the session, and the rest through
`Incoming`. Any byte is a sign of life. A heartbeat is a SockJS frame and a ping.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import interfaces
from twisted.python.failure import Failure
from zope.interface import implementer

from ...actors.info import ConnectionInfo
from ...actors.interfaces import Reason
from ...actors.states import ATTACH
from ...server.tcp import watch, write
from ...wire.frames import TEXT, frame
from ...wire.proto import HEARTBEAT_FRAME, OPEN_FRAME, decode_frame, disconnect, websocket_frame
from ...wire.whole_frames import Decoders, read_message, read_messages
from . import states
from .connection import WebSocketConnection
from .incoming import Incoming
from .reader import BROKEN, CLOSED, PINGED, VIOLATED, Kind, Reader, read_whole_control
from .states import CLOSING, OPEN
from .upgrade import Sockets

_OPEN = frame(TEXT, OPEN_FRAME)
_NORMAL = 1000
# The states in which what arrives is still read.
_READING = (OPEN, CLOSING)


@implementer(interfaces.IProtocol)
class WebSocketReceiver(WebSocketConnection):
    """The receiver over a websocket that speaks SockJS frames."""

    transport_name = "websocket"
    #: Whether to agree on a subprotocol; SockJS clients offer none.
    has_subprotocols = False
    #: The decoders of messages, by the first byte of the frame: only text is accepted.
    decoders: Decoders = {0x80 | TEXT: decode_frame}

    __slots__ = ("_info",)

    def __init__(self, sockets: Sockets, info: ConnectionInfo, greeting: bytes) -> None:
        super().__init__(sockets, greeting)
        self._info = info

    # -- IProtocol: told by the transport

    def makeConnection(self, transport: Any) -> None:
        """Take the transport of the upgrade request."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Attach to a new session."""
        watch(self.transport, self)
        self.session = self._sockets.make_session(self._info)
        self.session.tell(ATTACH, self)

    def dataReceived(self, data: bytes) -> None:
        """Read frames."""
        if self._pong_timer is not None:
            self.stop_pong_timer()
        incoming = self._incoming
        frames = 0
        if incoming is None or incoming.idle:
            sockets = self._sockets
            messages = read_message(data, self.decoders, sockets.limits.harmless)
            if messages is not None:
                self.received(messages)
                return
            if self._state not in _READING:
                return
            messages, end, frames = read_messages(
                data, 0, self._longest, self.decoders, sockets.limits, sockets.most_frames
            )
            if frames:
                self.received(messages)
                if end == len(data) or self._state not in _READING:
                    return
                data = data[end:]
                incoming = self._incoming
            if incoming is None:
                # Most websockets bring only pongs, and in the end a close frame.
                control = read_whole_control(data)
                if control is not None:
                    self.take(control[0], control[1])
                    return
                incoming = self._make_incoming()
        incoming.feed(data, frames)

    def connectionLost(self, reason: Failure) -> None:
        """Tell the session that the connection is lost, after the messages before that."""
        self.transport = None
        self._stop_end_timer()
        self._sockets.router.stats.connection_closed()
        self.handle(states.DISCONNECT)

    # -- told by `Incoming`

    def received(self, messages: list[str | bytes]) -> None:
        """Pass messages to the session; stop reading while it has no room for more."""
        session = self.session
        if not messages or session is None or session.close_reason is not None:
            return
        if not session.receive(messages) and self._state is OPEN:
            room = session.room()
            if room is not None:
                (self._incoming or self._make_incoming()).wait(room)

    def take(self, kind: Kind, value: Any) -> None:
        """Handle any other item."""
        if kind is PINGED:
            self.pong(value)
        elif kind is CLOSED:
            self.handle(states.CLOSE_FRAME, value)
        elif kind is VIOLATED or (
            # After the end of the session, content is neither used nor checked.
            kind is BROKEN and self.session is not None and not self.session.is_closed
        ):
            self.fail(*value)

    def fail(self, code: int, reason: str) -> None:
        """End the session and the connection, because the peer broke the protocol."""
        self.handle(states.VIOLATION, code, reason)

    def drained(self) -> None:
        """Note that everything that arrived before the loss of the connection was handled."""
        self.handle(states.DRAINED)

    def _make_incoming(self) -> Incoming:
        router, limits = self._sockets.router, self._sockets.limits
        reader = Reader(self.decoders, limits, self._longest, self._sockets.autobahn.build)
        timeout = router.settings.request_timeout
        self._incoming = Incoming(self, reader, router.reactor, timeout, self._sockets.most_frames)
        return self._incoming

    @property
    def _longest(self) -> int:
        """The size in bytes of the largest payload."""
        return self._sockets.limits.batch

    # -- told by the session

    def connection_info(self) -> ConnectionInfo:
        """Describe the upgrade request."""
        return self._info

    def opened(self) -> None:
        """Send the open frame, unless the peer has closed already."""
        if self._state is OPEN:
            self.write_bytes(_OPEN)

    def deliver(self, messages: list[Any]) -> None:
        """Send one frame with these messages."""
        if self._state is OPEN:
            write(self.transport, websocket_frame(messages), self)

    def heartbeat(self) -> None:
        """Send a heartbeat, and a ping that must be answered."""
        self.write(TEXT, HEARTBEAT_FRAME)
        self.ping()

    def closed(self, reason: Reason) -> None:
        """Send the SockJS close frame, then close the websocket."""
        self.write(TEXT, disconnect(*reason).encode("utf-8"))
        self.handle(states.CLOSE, _NORMAL, "")

    def abort(self) -> None:
        """Drop the connection."""
        self.handle(states.ABORT)
