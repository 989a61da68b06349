"""`Session`: a client's session, over any carrier.

Rules: a carrier brings what arrives and takes what is to be sent; the listener gets messages and
the end, in order, and nothing while paused. The end comes once, and never inside a call of the
application. A server silent for ``heartbeat_timeout`` is lost, unless the session is not reading.
"""

from __future__ import annotations

import enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IReactorTime

from ..actors.deadlines import Deadline
from ..errors import SockJSError
from ..wire.server_frames import BadFrame, read_frame
from ..wire.text import Data
from .address import Address
from .errors import ABNORMAL, SessionClosed, SessionLost, ended
from .incoming import Incoming, MessageListener
from .options import Options
from .outgoing import Outgoing
from .silence import Silence

# How many seconds the server has to take what was sent before a close.
CLOSE_TIMEOUT = 30.0

NORMAL = (1000, "Normal closure")


class State(enum.Enum):
    """The state of a session."""

    CONNECTING = "connecting"
    OPEN = "open"
    # The application has closed: nothing more is received, but queued messages are still sent.
    CLOSING = "closing"
    # Everything was sent, and the carrier was told to close.
    LEAVING = "leaving"
    OVER = "over"


class NotOpened(SockJSError):
    """A transport did not open.

    ``final`` is whether the server refused the client, ``late`` whether it ran out of time.
    """

    def __init__(self, why: str, final: bool = False, late: bool = False) -> None:
        super().__init__(why)
        self.final = final
        self.late = late


class Carrier(Protocol):
    """Carries a session. It calls the session no more after `leave`."""

    @property
    def is_sending(self) -> bool:
        """Whether the server has still to take what was sent."""

    def start(self) -> None:
        """Connect."""

    def wake(self) -> None:
        """Send what is queued, now or when the server takes more."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""

    def close(self, code: int, reason: str) -> None:
        """Tell the server that the client closes, then the session that the carrier is lost."""

    def leave(self, at_once: bool) -> None:
        """End the connections; ``at_once`` drops them."""


class Session:
    """One session at ``address``; ``transport`` is the name of the transport that carries it."""

    def __init__(
        self, reactor: IReactorTime, options: Options, transport: str, address: Address
    ) -> None:
        self.reactor = reactor
        self.options = options
        self.transport = transport
        self.address = address
        self.state = State.CONNECTING
        self.opened: Deferred[None] = Deferred(self._give_up)
        self.outgoing = Outgoing(reactor, options.send_limit)
        self.heartbeats = 0
        self._carrier: Any = None
        self.incoming = Incoming(reactor, self._close_if_sent, self._lose)
        self._silence = Silence(reactor, options.heartbeat_timeout, self._fall_silent)
        self._end: Exception | None = None
        self._reason = NORMAL
        self._patience: Deadline | None = None

    def __repr__(self) -> str:
        return f"<client's session {self.state.value} over {self.transport}>"

    # -- its beginning

    def connect(self, carrier: Carrier, timeout: float) -> Deferred[None]:
        """Connect; fires when the session is open, or fails with `NotOpened`."""
        self._carrier = carrier
        late = NotOpened(f"it did not open within {timeout:.3g} s", late=True)
        self._patience = Deadline(self.reactor, timeout, lambda: self._refuse(late))
        carrier.start()
        return self.opened

    def begin(self, listener: MessageListener) -> None:
        """Deliver everything to ``listener``, from the reactor's next iteration on."""
        self.incoming.begin(listener)

    # -- the application

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state is State.OPEN and self._end is None

    def send(self, message: str | Data) -> None:
        """Send a message; it is dropped if the session is closed.

        If more than ``send_limit`` waits, the session is lost.
        """
        if not self.is_open:
            return
        if self.outgoing.add(message):
            self._carrier.wake()
        else:
            self.fail("More waits to be sent than send_limit")

    def fail(self, why: str) -> None:
        """End the session because of an error of the application."""
        self._lose(SessionLost(ABNORMAL, why))

    def close(self, code: int = NORMAL[0], reason: str = NORMAL[1]) -> None:
        """Close once everything sent was taken; nothing more is received."""
        if self.is_open:
            self.state = State.CLOSING
            self._reason = (code, reason)
            self._patience = Deadline(self.reactor, CLOSE_TIMEOUT, self.abort)
        self.incoming.forget()
        self.resume()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.incoming.forget()
        self._lose(ConnectionAborted())
        self.resume()

    def pause(self) -> None:
        """Receive nothing until `resume`."""
        if self.incoming.is_paused or self.state in (State.CLOSING, State.LEAVING):
            return
        self.incoming.pause()
        self._silence.stop()
        if self._end is None:
            self._carrier.pause()

    def resume(self) -> None:
        """Receive again, from the reactor's next iteration on."""
        if self.incoming.is_paused:
            self.incoming.resume()
            if self._end is None:
                self._silence.heard()
                self._carrier.resume()
        self.incoming.look_later()

    # -- told by the carrier

    def heard(self) -> None:
        """Note that the server is alive."""
        is_begun = self.state is not State.CONNECTING
        if is_begun and self._end is None and not self.incoming.is_paused:
            self._silence.heard()

    def frame(self, data: str | bytes) -> None:
        """Take a SockJS frame."""
        if self._end is not None:
            return
        try:
            frame = read_frame(data)
        except BadFrame as error:
            self.carrier_lost(str(error))
            return
        if frame.kind == "o":
            if self.state is State.CONNECTING:
                self.open()
            else:
                self.carrier_lost("the server has lost the session")
        elif frame.kind == "h":
            self.heartbeats += 1
        elif frame.kind == "c":
            self.closed(*frame.reason)
        elif frame.kind and self.state is State.CONNECTING:
            self.carrier_lost("a message came before the session was open")
        else:
            self.messages(frame.messages)

    def open(self) -> None:
        """Note that the session is open."""
        self.state = State.OPEN
        self._wait_no_more()
        self.heard()
        self.opened.callback(None)

    def messages(self, messages: list[str] | list[bytes]) -> None:
        """Take messages."""
        if self.state is State.OPEN:
            self.incoming.put(messages)

    def closed(self, code: int, reason: str) -> None:
        """Take a close frame."""
        if self.state is State.CONNECTING:
            self._refuse(NotOpened(f"the server closed with {code} {reason}", final=True))
        else:
            self._lose(ended(code, reason), at_once=False)

    def carrier_lost(self, why: str) -> None:
        """Handle the loss of the carrier, or an error that makes it useless."""
        if self.state is State.CONNECTING:
            self._refuse(NotOpened(why))
        else:
            done = self.state is State.LEAVING
            end = SessionClosed(*self._reason) if done else SessionLost(ABNORMAL, why)
            self._lose(end, at_once=not done)

    def sent(self) -> None:
        """Note that the server took what was sent, or that the producer is done."""
        if self.state is State.CLOSING:
            self.incoming.look_later()

    # -- inside

    def _close_if_sent(self) -> None:
        waits = self.outgoing or self.outgoing.producer_waits or self._carrier.is_sending
        if self.state is State.CLOSING and not waits:
            self.state = State.LEAVING
            self._carrier.close(*self._reason)

    def _lose(self, end: Exception, at_once: bool = True) -> None:
        if self._end is None:
            self._end = end
            self._leave(at_once)
            self.state = State.OVER
            self.incoming.finish(end)

    def _refuse(self, why: NotOpened) -> None:
        self.state = State.OVER
        self._end = why
        self._leave(at_once=True)
        self.opened.errback(why)

    def _give_up(self, _: object) -> None:
        """Give up: nobody waits for the connection any more."""
        self.state = State.OVER
        self._end = ConnectionAborted()
        self._leave(at_once=True)

    def _fall_silent(self) -> None:
        seconds = self.options.heartbeat_timeout
        self._lose(SessionLost(ABNORMAL, f"The server was silent for {seconds:g} s"))

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _leave(self, at_once: bool) -> None:
        self._wait_no_more()
        self._silence.stop()
        self._carrier.leave(at_once)
        self.outgoing.clear()
