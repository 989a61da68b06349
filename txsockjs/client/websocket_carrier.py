"""`WebSocketCarrier`: a session carried by a websocket.

Rules: each message is a frame of its own; while the connection takes no more, messages wait in the
session's queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from ..wire.proto import json_encode
from .address import Address
from .session import Session, State
from .websocket import WebSocket


class SocketCarrier:
    """Carries one session over a websocket to ``address``; a subclass handles its frames."""

    is_sending = False

    def __init__(
        self,
        session: Session,
        endpoint: IStreamClientEndpoint,
        address: Address,
        headers: dict[str, str],
        subprotocols: Sequence[str] = (),
    ) -> None:
        self._session = session
        listener: Any = self
        limit = session.options.frame_limit
        self._socket = WebSocket(
            session.reactor, endpoint, address, headers, listener, limit, subprotocols
        )
        self._socket.when_drained(self.wake)
        self.pause = self._socket.pause
        self.resume = self._socket.resume
        self.start = self._socket.connect
        self.close = self._socket.close

    def wake(self) -> None:
        """Send what is queued, as long as the connection takes it."""
        outgoing = self._session.outgoing
        while outgoing and not self._socket.is_full:
            for message in outgoing.take(1):
                self._send(message)
        if not outgoing:
            self._session.sent()

    def leave(self, at_once: bool) -> None:
        """End the connection."""
        self._socket.leave(at_once)

    def _send(self, message: str | bytes) -> None:
        raise NotImplementedError


class WebSocketCarrier(SocketCarrier):
    """Carries one session in the framing of SockJS."""

    def __init__(
        self,
        session: Session,
        endpoint: IStreamClientEndpoint,
        headers: dict[str, str],
    ) -> None:
        super().__init__(session, endpoint, session.address.below("websocket"), headers)
        self._upgraded = False

    def _send(self, message: str | bytes) -> None:
        self._socket.send(json_encode([message]).encode("utf-8"))

    # -- told by the websocket

    def upgraded(self) -> None:
        """Wait for the open frame."""
        self._upgraded = True

    def took(self, payload: bytes, binary: bool) -> None:
        """Take a frame."""
        if binary:
            self._session.carrier_lost("a binary message came, which is no SockJS frame")
        else:
            self._session.frame(payload)

    def heard(self) -> None:
        """Note that the server is alive."""
        if self._upgraded:
            self._session.heard()

    def lost(self, reason: tuple[int, str] | None, why: str) -> None:
        """Take the end."""
        if reason is None:
            self._session.carrier_lost(why)
        elif self._session.state is State.CONNECTING:
            # From a proxy, or from a server that serves this client over other transports only.
            self._session.carrier_lost(f"closed with {reason[0]} {reason[1]}".rstrip())
        else:
            # Without the session's own close frame, which would have ended it already.
            self._session.closed(*reason)
