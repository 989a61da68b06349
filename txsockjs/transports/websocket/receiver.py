"""The receiver over a websocket, which is the protocol of its connection.

Rules: what the fast lane does not take goes to Autobahn; heartbeats are a SockJS frame and a ping;
any byte that comes is life; a peer that outruns the application, or has had its turn, is not read,
and what was read of it already waits as the bytes it came in; a peer that does not take part in
closing is dropped, and so is one whose message does not come to its end. Made by `sockets`; called
by the transport and by the session, which it tells what happens.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import interfaces
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ...actors.deadlines import Deadline
from ...actors.info import ConnectionInfo
from ...actors.interfaces import Reason
from ...actors.pace import Pace
from ...actors.session import BaseSession
from ...actors.states import ATTACH, DRAINED, GONE
from ...errors import BatchTooLarge, MessageTooLarge, RequestError
from ...server.tcp import end_writing, lose, watch, write
from ...server.timeouts import FLOOR
from ...wire.frames import CLOSE, PING, PONG, SHORT_TEXTS, TEXT, close_reason, frame, sendable_code
from ...wire.proto import HEARTBEAT_FRAME, OPEN_FRAME, decode_frame, disconnect, messages_frame
from ...wire.whole_frames import (
    Decoders,
    PartialFrame,
    close_code,
    read_control,
    read_message,
    read_messages,
    read_partial,
)
from .autobahn import CarefulProtocol
from .upgrade import Sockets

_OPEN = frame(TEXT, OPEN_FRAME)
_NORMAL = 1000
_UNSUPPORTED = 1003
_BROKEN = 1007
_SLOW = 1008
_TOO_LARGE = 1009
# What one connection may bring before the others have their turn.
_MOST_FRAMES = 256
# How many bytes Autobahn is given at a time, unless they are all of one frame.
_SLICE = 512
# How long a peer that broke the protocol may take to end its side, in seconds.
_LAST_MOMENT = 1.0
_DONE = Failure(ConnectionDone())
# What violations are counted as, by their code; others are "content".
_KINDS = {_TOO_LARGE: "size", _SLOW: "slow"}
_LOST: Reason = (1006, "Connection lost")


@implementer(interfaces.IProtocol, interfaces.IPushProducer)
class WebSocketReceiver:
    """The receiver over a websocket that speaks SockJS frames.

    ``greeting`` is the answer to the upgrade, which goes out with the first frame.
    """

    transport_name = "websocket"
    #: Whether one is agreed on; SockJS frames are no subprotocol, and clients offer none for them.
    has_subprotocols = False
    #: What the fast lane takes: final text.
    decoders: Decoders = {0x80 | TEXT: decode_frame}

    __slots__ = (
        "_begun",
        "_careful",
        "_closing",
        "_deadline",
        "_greeting",
        "_held",
        "_info",
        "_over",
        "_partial",
        "_reading",
        "_slow",
        "_sockets",
        "_unanswered",
        "_wake",
        "ready",
        "session",
        "transport",
    )

    def __init__(self, sockets: Sockets, info: ConnectionInfo, greeting: bytes) -> None:
        self._sockets = sockets
        self._info = info
        self._greeting = greeting
        self._careful: CarefulProtocol | None = None
        self._partial: PartialFrame | None = None
        self._deadline: Deadline | None = None
        self._held: bytearray | None = None  # what was read and waits, while reading is paused
        self._wake: Any | None = None
        self._reading = False
        self._slow: Deadline | None = None  # while a message is not all here
        self._begun = 0.0
        self._closing = False
        self._over = False  # what still comes is discarded
        self._unanswered: bytes | None = None
        self.ready = True
        self.session: BaseSession | None = None
        self.transport: Any | None = None

    # -- IProtocol: told by the transport

    def makeConnection(self, transport: Any) -> None:
        """Take the transport of the upgrade request."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Attach to a session of its own."""
        watch(self.transport, self)
        self.session = self._sockets.make_session()
        self.session.tell(ATTACH, self)

    def dataReceived(self, data: bytes) -> None:
        """Read frames."""
        if not self._closing:
            if self._deadline is not None:
                self._cancel_deadline()
            if self._partial is None and self._held is None:
                careful = self._careful
                if careful is None or careful.is_between_messages:
                    messages = read_message(data, self.decoders, self._sockets.limits.harmless)
                    if messages is not None:
                        self.tell_received(messages)
                        return
        if self._held is not None:
            self._held += data
        elif not self._over:
            self._read(data)

    def connectionLost(self, reason: Failure) -> None:
        """Tell the session that the socket is gone, after what came before."""
        self.ready = False
        self._cancel_deadline()
        self._all_came()
        self.transport = None
        self._sockets.server.stats.connection_closed()
        if self._held is None:
            self._gone()
        else:
            self._read_on_soon()  # whether there is room or not, as there is an end to it

    def _gone(self) -> None:
        self._over = True
        self._partial = None
        careful, self._careful = self._careful, None
        if careful is not None:
            careful.listener = None
            careful.connectionLost(_DONE)
        if self.session is not None:
            self.session.tell(GONE, self, _LOST)

    # -- reading

    def _read(self, data: bytes) -> None:
        """Read frames until there is no room for more, or others must have their turn."""
        if self._partial is not None:
            if not self._closing and self._partial.add(data):
                return
            partial, self._partial = self._partial, None
            data = partial.joined(data)
        self._reading = True
        position, size = 0, len(data)
        pace: Pace | None = None
        while position < size and not self._over:
            careful = self._careful
            read = None
            if careful is None or careful.is_between_messages:
                read = self._read_plain(data, position)
            position, frames = read or self._read_carefully(data, position)
            if self._held is None and position < size:
                pace = pace or Pace(_MOST_FRAMES)
                if not pace.may_go_on(frames):
                    self._hold()
                    self._read_on_soon()
            if self._held is not None:
                self._held += data[position:]
                break
        self._reading = False
        if self._partial is not None or self._careful is not None or self._slow is not None:
            self._watch_end()

    def _read_carefully(self, data: bytes, position: int) -> tuple[int, int]:
        """Let Autobahn read; return where that ends, and how many frames it was."""
        careful = self._careful
        if careful is None:
            careful = self._careful = self._sockets.careful(self, self._longest)
        frames = careful.frames
        # A slice at a time, as it can't be stopped, and copies what it has not read for each frame.
        end = min(position + max(_SLICE, careful.missing), len(data))
        careful.dataReceived(data[position:end])
        return end, careful.frames - frames + 1

    def _read_plain(self, data: bytes, position: int) -> tuple[int, int] | None:
        """Read what the fast lane takes; return the same, or None if that is nothing."""
        if data[position] in self.decoders and not self._closing:
            messages, end, frames = read_messages(
                data, position, self._longest, self.decoders, self._sockets.limits, _MOST_FRAMES
            )
            if frames:
                if self._slow is not None:
                    self._all_came()
                self.tell_received(messages)
                return end, frames
            self._partial = read_partial(data[position:], self._longest, self.decoders)
            return None if self._partial is None else (len(data), 1)
        control = read_control(data, position)
        if control is None:
            return None
        opcode, payload, end = control
        if opcode == CLOSE:
            self.close_received(payload)
            return len(data), 1  # nothing comes after it
        if opcode == PING:
            self.pinged(payload)
        return end, 1

    # -- a message that is not all here

    def _watch_end(self) -> None:
        """Give a message that began a time to come to its end, whatever comes between."""
        if self._held is not None or self._over:
            return
        careful = self._careful
        begun = self._partial is not None or (
            careful is not None and not careful.is_between_messages
        )
        if not begun:
            self._all_came()
        elif self._slow is None and self.transport is not None:
            server = self._sockets.server
            self._begun = server.reactor.seconds()
            self._slow = Deadline(server.reactor, server.settings.request_timeout, self._look)

    def _all_came(self) -> None:
        if self._slow is not None:
            slow, self._slow = self._slow, None
            slow.cancel()

    def _look(self) -> None:
        """End the connection, unless its peer is slow and goes on."""
        server = self._sockets.server
        came = 0 if self._careful is None else self._careful.gathered
        if self._partial is not None:
            came = len(self._partial)
        patience = server.settings.request_timeout + came / FLOOR
        left = self._begun + patience - server.reactor.seconds()
        if left > 0:
            self._slow = Deadline(server.reactor, left, self._look)
        else:
            self._slow = None
            self.fail(_SLOW, "A message took too long to come.")

    # -- what waits

    def _hold(self) -> None:
        """Read nothing more; what was read already waits as it is."""
        self._held = bytearray()
        if self.transport is not None:
            self.transport.pauseProducing()

    def _room_made(self, _: object) -> None:
        if self._held or self._reading:
            # Not now: this is a turn, in which what a session is told takes no room yet.
            self._read_on_soon()
        elif self._held is not None and self._wake is None:
            self._read_on()

    def _read_on_soon(self) -> None:
        """Read what waits in the reactor's next iteration, and then what comes."""
        if self._held is not None and self._wake is None:
            self._wake = self._sockets.server.reactor.callLater(0, self._read_on)

    def _read_on(self) -> None:
        self._wake = None
        held, self._held = self._held, None
        if held and not self._over:
            self._read(bytes(held))
        if self._held is None:
            if self.transport is not None:
                self.transport.resumeProducing()
            else:
                self._gone()

    @property
    def _longest(self) -> int:
        """The size in bytes of the largest payload."""
        return self._sockets.limits.batch

    # -- what came, told by Autobahn too

    def received(self, payload: bytes, binary: bool) -> None:
        """Tell the session what a websocket message brought."""
        self._all_came()
        session = self.session
        if session is None or session.is_closed:
            return
        if binary:
            self.fail(_UNSUPPORTED, "Text expected.")
            return
        try:
            messages = decode_frame(payload)
            self._sockets.limits.check(messages, len(payload))
        except (MessageTooLarge, BatchTooLarge) as error:
            self.fail(_TOO_LARGE, error.wording)
        except RequestError as error:
            self.fail(_BROKEN, error.wording)
        else:
            self.tell_received(messages)

    def tell_received(self, messages: list[Any]) -> None:
        """Give messages to the session; stop reading while it has no room for more."""
        session = self.session
        if not messages or session is None or session.close_reason is not None:
            return
        if session.receive(messages):
            return
        if self._held is None and self.transport is not None:
            room = session.room()
            if room is not None:
                self._hold()
                room.addCallback(self._room_made)

    def pinged(self, payload: bytes) -> None:
        """Answer a ping; of those that come while the peer does not read, the last.

        RFC 6455 section 5.5.3 allows it, and a peer must not be able to fill the memory with pongs.
        """
        if self.ready:
            self.write(PONG, payload)
        else:
            self._unanswered = payload

    def close_received(self, payload: bytes) -> None:
        """Answer a close frame, if none was sent before, and end the connection."""
        left = False
        if not self._closing:
            left = self._send_raw(frame(CLOSE, payload))
            self._give_up((close_code(payload), payload[2:].decode("utf-8")))
        self._over = True
        self._all_came()
        self._drop(left)

    def fail(self, code: int, reason: str) -> None:
        """End the session and the connection: the peer broke the protocol (RFC 6455, 7.1.7).

        What it still sends is discarded, until its own end or for `_LAST_MOMENT`.
        """
        if self._over:
            return
        self._over = True
        self._all_came()
        if not self._closing:
            self._sockets.server.stats.refused(_KINDS.get(code, "content"))
            self._send_raw(frame(CLOSE, code.to_bytes(2, "big") + close_reason(reason)))
            self._give_up((code, reason))
        if self.transport is not None:
            self._cancel_deadline()
            self._start_deadline(_LAST_MOMENT)
            # TLS does not end while it has a producer, nor does TCP while that is paused.
            self.transport.unregisterProducer()
            end_writing(self.transport)

    def _give_up(self, reason: Reason) -> None:
        self._closing = True
        self.ready = False
        self._cancel_deadline()
        session, self.session = self.session, None
        if session is not None:
            session.tell(GONE, self, reason)

    # -- told by the session

    def connection_info(self) -> ConnectionInfo:
        """Describe the upgrade request."""
        return self._info

    def opened(self) -> None:
        """Send the open frame, unless the peer closed before its turn came."""
        if not self._closing:
            self._send_raw(_OPEN)

    def deliver(self, messages: list[Any]) -> None:
        """Send one frame with these messages."""
        if not self._closing:
            payload = messages_frame(messages)
            size = len(payload)
            data = SHORT_TEXTS[size] + payload if size < 126 else frame(TEXT, payload)
            write(self.transport, data, self)

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
        if self.transport is not None:
            self.transport.abortConnection()

    # -- what both kinds of websocket do

    def write(self, opcode: int, payload: bytes) -> None:
        """Send a frame, unless a close frame was the last."""
        if not self._closing:
            self._send_raw(frame(opcode, payload))

    def ping(self) -> None:
        """Ask the peer for a sign of life, unless it is being asked already.

        One that is not read need not answer, but its end shows only when it is written to.
        """
        if self._deadline is None:
            self.write(PING, b"")
            if self._held is None:
                self._start_deadline()

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the peer has ``ping_timeout`` to do its part."""
        self.ready = False
        if not self._closing:
            self._closing = True
            payload = sendable_code(code).to_bytes(2, "big") + close_reason(reason)
            self._send_raw(frame(CLOSE, payload))
        self._cancel_deadline()
        if self.transport is not None:
            self._start_deadline()

    def greet(self) -> None:
        """Answer the upgrade, if no frame did that yet."""
        if self._greeting:
            self._send_raw(b"")

    def _send_raw(self, data: bytes) -> bool:
        if self._greeting:
            data, self._greeting = self._greeting + data, b""
        return self.transport is not None and write(self.transport, data, self)

    def _drop(self, all_left: bool = False) -> None:
        if self.transport is None:
            return
        if all_left:
            lose(self.transport)
        else:
            # TLS does not end while it has a producer, nor does TCP while that is paused.
            self.transport.unregisterProducer()
            self._start_deadline()
            self.transport.loseConnection()

    def _start_deadline(self, delay: float | None = None) -> None:
        if self._deadline is None:
            server = self._sockets.server
            delay = server.settings.ping_timeout if delay is None else delay
            self._deadline = Deadline(server.reactor, delay, self._timed_out)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            deadline, self._deadline = self._deadline, None
            deadline.cancel()

    def _timed_out(self) -> None:
        self._deadline = None
        if self._closing or self.ready:
            if self.transport is not None:
                self.transport.abortConnection()
        else:
            # The ping still waits behind other bytes in a transport that is not read fast enough:
            # that is slow, not dead, and the peer could not answer yet.
            self._start_deadline()

    # -- IPushProducer: the transport's word on whether the peer reads

    def pauseProducing(self) -> None:
        self.ready = False

    def resumeProducing(self) -> None:
        if self.transport is not None and not self._closing and self.session is not None:
            self.ready = True
            if self._unanswered is not None:
                payload, self._unanswered = self._unanswered, None
                self.write(PONG, payload)
            self.session.tell(DRAINED, self)

    def stopProducing(self) -> None:
        self.ready = False
