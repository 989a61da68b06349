"""`ResumedReceiver`: takes the output of a resumable session to the carrier."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ...actors.info import ConnectionInfo
from ...actors.interfaces import SLOW_CONSUMER, Reason
from ...actors.states import DRAINED
from ...wire.resumption import (
    ACKNOWLEDGE,
    CONTINUED,
    LEAVE,
    MESSAGE,
    NEW,
    NUMBERED,
    OVER,
    RESUME,
    SENT,
    BadEnvelope,
    Said,
)

# The transports that neither lose nor repeat messages.
_WEBSOCKETS = ("websocket", "rawwebsocket")

LEFT: Reason = (1000, "Normal closure")
REPLACED: Reason = (4409, "Resumed over another connection")


class CarryingSession(Protocol):
    """What a receiver needs from the session that carries its own."""

    transport: str

    @property
    def info(self) -> ConnectionInfo | None: ...

    def send(self, message: str) -> None:
        """Send to the client."""

    def send_all(self, messages: list[str]) -> None:
        """Send several, in the current turn."""

    def end(self, reason: Reason, cause: str) -> None:
        """End it with this reason, after what was sent; ``cause`` is one of `stats.CAUSES`."""

    def abort(self) -> None:
        """Drop the connection."""


class ResumedReceiver:
    """The receiver of a resumable session, on top of its carrier.

    ``carrier`` is the session of the connection; ``here`` is whether that is on this node.
    """

    __slots__ = ("_carrier", "_numbers", "here", "ready", "session")

    def __init__(self, carrier: CarryingSession, session: Any, here: bool = True) -> None:
        self._carrier = carrier
        self._numbers = carrier.transport not in _WEBSOCKETS
        self.ready = True
        self.session = session
        self.here = here

    @property
    def transport_name(self) -> str:
        """The transport of the carrier."""
        return self._carrier.transport

    def connection_info(self) -> ConnectionInfo:
        """Describe the request that opened the carrier."""
        info = self._carrier.info
        assert info is not None, "a carrier is open"
        return info

    def say(self, message: str) -> None:
        """Send a message of the envelope."""
        self._carrier.send(message)

    def take(self, said: Said) -> Deferred[None] | None:
        """Handle a message of the client; return a Deferred if it has to wait before it goes on.

        Raises `BadEnvelope` for a message that is not allowed now.
        """
        session = self.session
        if not session.is_carried_by(self):
            return None  # another connection took its place
        if said.letter in (NEW, RESUME):
            return None  # its first message, repeated
        if said.letter == NUMBERED:
            self._check(said.number - 1)
            if said.number <= session.received:
                return None
        if said.letter in (MESSAGE, NUMBERED):
            room: Deferred[None] | None = session.take_message(self, said.text)
            return room
        if said.letter == SENT:
            self._check(said.number)
            session.acknowledge()
        elif said.letter == ACKNOWLEDGE:
            session.token.confirm()
            if not self._numbers or said.number > session.under_way.acked:  # else it is repeated
                session.acknowledged(said.number)
        else:
            assert said.letter == LEAVE, said
            session.left(self)
            self._carrier.end(LEFT, "client")
        return None

    def _check(self, sent: int) -> None:
        if sent > self.session.received:
            raise BadEnvelope(f"message {self.session.received + 1} is missing")

    def opened(self) -> None:
        """Do nothing: the token was sent already."""

    def say_sent(self) -> None:
        """Tell how many messages were sent, because the last of them may be missing."""
        self.say(f"{SENT}{self.session.under_way.sent}")

    def continued(self, token: str, received: int) -> None:
        """Tell that the session goes on."""
        self.say(f"{CONTINUED}{token},{received}")

    def deliver(self, messages: list[Any]) -> None:
        """Send each message."""
        session = self.session
        under_way = session.under_way
        if self._numbers:
            texts = [
                f"{NUMBERED}{number},{message}"
                for number, message in enumerate(messages, under_way.sent + 1)
            ]
            session.expect_acknowledgement()
        else:
            wrap = session.server.wrap
            texts = [
                MESSAGE + message if type(message) is str else wrap(message) for message in messages
            ]
        under_way.add(messages)
        self._carrier.send_all(texts)
        self.ready = under_way.room >= 0

    def drained(self) -> None:
        """Go on, because the client has acknowledged enough."""
        self.ready = True
        self.session.handle(DRAINED, self)

    def heartbeat(self) -> None:
        """Do nothing: the carrier sends heartbeats."""

    def closed(self, reason: Reason) -> None:
        """Tell the client that the session is over, if it hears it, and end the carrier."""
        if self._numbers:
            self.say_sent()
        self._end(reason, self.session.cause)
        self.session.carrier_lost(self)

    def replaced(self) -> None:
        """Tell a client that another connection took its place."""
        self._end(REPLACED, "lost")

    def abort(self) -> None:
        """Drop the carrier, because its client does not read."""
        self._carrier.end(SLOW_CONSUMER, "slow")
        self._carrier.abort()

    def _end(self, reason: Reason, cause: str) -> None:
        self.ready = False
        code, words = reason
        self.say(f"{OVER}{code},{words}")
        self._carrier.end(reason, cause)
