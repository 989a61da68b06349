"""`WebSocketConnection`: writes to one websocket, and ends it.

Rules: the state changes only here, as the table in `states` says, before anybody is called. Only
this module writes ``ready``. No frame follows a close frame.
"""

from __future__ import annotations

from typing import Any, Callable, ClassVar

from twisted.internet import interfaces
from zope.interface import implementer

from ...actors.deadlines import Deadline
from ...actors.interfaces import Reason
from ...actors.session import BaseSession
from ...actors.states import DRAINED, GONE
from ...server.tcp import end_writing, lose, write
from ...wire.frames import CLOSE, PING, PONG, close_reason, frame, sendable_code
from ...wire.whole_frames import close_code
from . import states
from .incoming import Incoming
from .states import OPEN, TABLE, Event, State
from .upgrade import Sockets

# How many seconds a peer that broke the protocol has to end its side.
_LAST_MOMENT = 1.0
# The kinds under which violations are counted, by code; others are "content".
_KINDS = {1009: "size", 1008: "slow"}
_LOST: Reason = (1006, "Connection lost")


@implementer(interfaces.IPushProducer)
class WebSocketConnection:
    """A websocket that carries the frames of ``session``.

    ``greeting`` is the answer to the upgrade, sent with the first frame. ``ready`` is whether the
    peer reads what is written and the connection is not ending.
    """

    __slots__ = (
        "_end_timer",
        "_greeting",
        "_incoming",
        "_is_silent",
        "_pong_timer",
        "_sockets",
        "_state",
        "_unanswered",
        "ready",
        "session",
        "transport",
    )

    _rows: ClassVar[dict[State, dict[Event, tuple[Callable[..., None], State]]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # The methods are looked up once for each class, not by name at each event.
        cls._rows = {
            state: {
                event: (getattr(cls, f"_do_{action}"), after)
                for event, (action, after) in row.items()
            }
            for state, row in TABLE.items()
        }

    def __init__(self, sockets: Sockets, greeting: bytes) -> None:
        self._sockets = sockets
        self._greeting = greeting
        self._state = OPEN
        self._incoming: Incoming | None = None  # made when first needed
        self._pong_timer: Deadline | None = None  # while a ping waits for its answer
        self._end_timer: Deadline | None = None  # while the peer has time to end the connection
        self._unanswered: bytes | None = None
        self._is_silent = False  # whether it is being dropped because no pong came
        self.ready = True
        self.session: BaseSession | None = None
        self.transport: Any | None = None

    # -- writing

    def write(self, opcode: int, payload: bytes) -> None:
        """Send a frame, unless a close frame was sent."""
        if self._state is OPEN:
            self.write_bytes(frame(opcode, payload))

    def write_bytes(self, data: bytes) -> bool:
        """Write ``data``, after the answer to the upgrade; return whether all of it has left."""
        if self._greeting:
            data, self._greeting = self._greeting + data, b""
        return self.transport is not None and write(self.transport, data, self)

    def greet(self) -> None:
        """Answer the upgrade, unless a frame has done so already."""
        if self._greeting:
            self.write_bytes(b"")

    def pong(self, payload: bytes) -> None:
        """Answer a ping; while the peer does not read, answer only the last one.

        RFC 6455 section 5.5.3 allows this, and a peer must not be able to fill the memory with
        pongs.
        """
        if self.ready:
            self.write(PONG, payload)
        else:
            self._unanswered = payload

    def ping(self) -> None:
        """Send a ping, unless one is still to be answered.

        A peer that is not read need not answer, but writing is the only way to notice its end.
        """
        if self._pong_timer is None:
            self.write(PING, b"")
            if self._incoming is None or not self._incoming.paused:
                self._expect_pong()

    def _expect_pong(self) -> None:
        if self._state is OPEN:
            router = self._sockets.router
            self._pong_timer = Deadline(
                router.reactor, router.settings.ping_timeout, self._pong_is_missing
            )

    def _pong_is_missing(self) -> None:
        self._pong_timer = None
        if not self.ready:
            # The ping still waits behind other bytes, because the peer reads slowly. That is not
            # dead, and the peer could not answer yet.
            self._expect_pong()
        elif self.transport is not None:
            self._is_silent = True
            self.transport.abortConnection()

    def stop_pong_timer(self) -> None:
        """Stop waiting for a pong: any bytes are a sign of life."""
        if self._pong_timer is not None:
            self._pong_timer.cancel()
            self._pong_timer = None

    # -- IPushProducer: the transport tells whether the peer reads

    def pauseProducing(self) -> None:
        self.ready = False

    def resumeProducing(self) -> None:
        if self.transport is not None and self._state is OPEN and self.session is not None:
            self.ready = True
            if self._unanswered is not None:
                payload, self._unanswered = self._unanswered, None
                self.write(PONG, payload)
            self.session.tell(DRAINED, self)

    def stopProducing(self) -> None:
        self.ready = False

    # -- the end

    def handle(self, event: Event, *arguments: object) -> None:
        """Change the state and act as the table says."""
        act, state = self._rows[self._state][event]
        if state is not self._state:
            self._state = state
            self.ready = False
            if self._pong_timer is not None:
                self.stop_pong_timer()
            if (
                self._incoming is not None
                and state is not states.CLOSING
                and state is not states.LOST
            ):
                incoming, self._incoming = self._incoming, None
                incoming.stop()
        act(self, *arguments)

    def _do_nothing(self, *_: object) -> None:
        """Do nothing."""

    def _do_close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the peer has ``ping_timeout`` to do its part."""
        self.write_bytes(_close_frame(sendable_code(code), reason))
        self._expect_end(self._sockets.router.settings.ping_timeout)

    def _do_abort(self) -> None:
        self._stop_end_timer()
        if self.transport is not None:
            self.transport.abortConnection()

    def _do_answer(self, payload: bytes) -> None:
        """Answer a close frame, and end the connection."""
        left = self.write_bytes(frame(CLOSE, payload))
        self._do_leave_as_told(payload)
        if left and self.transport is not None:
            lose(self.transport)
        else:
            self._expect_end(self._sockets.router.settings.ping_timeout)
            self._do_finish()

    def _do_finish(self, *_: object) -> None:
        """End the connection, because both sides have sent a close frame."""
        if self.transport is not None:
            # TLS does not end while it has a producer, nor does TCP while the producer is paused.
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _do_refuse(self, code: int, reason: str) -> None:
        """End the session and the connection after a violation (RFC 6455 section 7.1.7)."""
        self.write_bytes(_close_frame(code, reason))
        self._do_leave_refused(code, reason)
        self._do_end_writing()

    def _do_end_writing(self, *_: object) -> None:
        """End our side, and discard what the peer still sends until it ends its own.

        If we closed at once, the kernel would answer that with a reset, which can destroy the close
        frame.
        """
        self._expect_end(_LAST_MOMENT)
        if self.transport is not None:
            self.transport.unregisterProducer()  # as above
            end_writing(self.transport)

    def _do_drain(self) -> None:
        """Hand over what arrived before the connection was lost."""
        if self._incoming is not None:
            self._incoming.drain()
        else:
            self.handle(states.DRAINED)

    def _do_leave(self) -> None:
        self._leave(*_LOST, "timeout" if self._is_silent else "lost")

    def _do_leave_refused(self, code: int, reason: str) -> None:
        self._sockets.router.stats.refused(_KINDS.get(code, "content"))
        self._leave(code, reason, "error")

    def _do_leave_as_told(self, payload: bytes) -> None:
        self._leave(close_code(payload), payload[2:].decode("utf-8"), "client")

    def _leave(self, code: int, reason: str, cause: str) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.tell(GONE, self, (code, reason), cause)

    def _expect_end(self, seconds: float) -> None:
        """Drop the connection unless the peer ends it within ``seconds``."""
        self._stop_end_timer()
        if self.transport is not None:
            abort = self.transport.abortConnection
            self._end_timer = Deadline(self._sockets.router.reactor, seconds, abort)

    def _stop_end_timer(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None


def _close_frame(code: int, reason: str) -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + close_reason(reason))
