"""The receiver over a websocket.

Rules: heartbeats are a SockJS frame and a ping; any byte that comes is life; a peer that outruns
the application is not read; a peer that does not take part in closing is dropped. Called by the
protocol in `sockets` and by the session, which it tells what happens.
"""

from __future__ import annotations

from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet import interfaces
from zope.interface import implementer

from ..conn import ConnectionInfo
from ..errors import RequestError
from ..interfaces import ATTACH, DRAINED, GONE, RECEIVED, Reason, Server
from ..proto import HEARTBEAT_FRAME, OPEN_FRAME, decode_frame, disconnect, messages_frame
from ..session import BaseSession
from ..writing import write

# RFC 6455 section 5.2.
TEXT = 1
BINARY = 2

_OPEN = WebSocketProtocol.STATE_OPEN
_NORMAL = 1000
_UNSUPPORTED = 1003
_BROKEN = 1007
# RFC 6455 section 7.4.1: codes that may stand in a close frame, besides the private ones.
_SENDABLE = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
_LONGEST_REASON = 123


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
    #: First bytes of frames that the fast lane takes: final text.
    accepted = frozenset((0x80 | TEXT,))

    __slots__ = (
        "_closing",
        "_deadline",
        "_held",
        "_info",
        "_protocol",
        "_server",
        "_unanswered",
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
        self._unanswered: bytes | None = None
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
        else:
            self.tell_received(messages)

    def decode(self, payload: bytes, first: int) -> list[Any]:
        """Return the messages of a frame that the fast lane took."""
        return decode_frame(payload)

    def tell_received(self, messages: list[Any]) -> None:
        """Give messages to the session; stop reading while it has no room for more."""
        session = self.session
        if not messages or session is None or session.is_closed:
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

    def pinged(self, payload: bytes) -> None:
        """Answer a ping; of those that come while the peer does not read, the last.

        RFC 6455 section 5.5.3 allows it, and a peer must not be able to fill the memory with pongs.
        """
        if self.ready:
            self._protocol.sendPong(payload)
        else:
            self._unanswered = payload

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
            write(self._protocol.transport, frame(opcode, payload))

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
        if session is not None and not session.is_closed:
            self._protocol.sendCloseFrame(code, close_reason(reason))
            # TLS does not end while it has a producer, nor does TCP while that is paused.
            self._protocol.transport.unregisterProducer()
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
            if self._unanswered is not None:
                payload, self._unanswered = self._unanswered, None
                self._protocol.sendPong(payload)
            self.session.tell(DRAINED, self)

    def stopProducing(self) -> None:
        self.ready = False
