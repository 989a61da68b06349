"""`RawCarrier`: a session over a plain websocket, with any websocket server.

Rules: text and binary messages pass unchanged, both ways. There are no heartbeats, so the client
pings the server.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import LoopingCall
from twisted.web.iweb import IAgentEndpointFactory

from ..wire.text import encoded
from .address import Address
from .options import WEBSOCKET, Options
from .session import Session, State
from .websocket_carrier import SocketCarrier

# In seconds; well below the time-outs of proxies and sessions.
_PING_INTERVAL = 25.0


class RawCarrier(SocketCarrier):
    """Carries one session; the server must choose one of the ``subprotocols`` if there are any."""

    def __init__(
        self,
        session: Session,
        endpoint: IStreamClientEndpoint,
        headers: dict[str, str],
        subprotocols: Sequence[str] = (),
    ) -> None:
        super().__init__(session, endpoint, session.address, headers, subprotocols)
        self._subprotocols = subprotocols
        self._pinging = LoopingCall(self._socket.ping)
        self._pinging.clock = session.reactor

    def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._socket.send(encoded(message))
        else:
            self._socket.send(message, binary=True)

    def leave(self, at_once: bool) -> None:
        """End the connection."""
        self._stop()
        super().leave(at_once)

    def _stop(self) -> None:
        if self._pinging.running:
            self._pinging.stop()

    # -- told by the websocket

    def upgraded(self) -> None:
        """Open the session."""
        if self._subprotocols and self._socket.subprotocol is None:
            self._session.carrier_lost(f"it speaks none of {', '.join(self._subprotocols)}")
            return
        self._pinging.start(_PING_INTERVAL, now=False)
        self._session.open()

    def took(self, payload: bytes, binary: bool) -> None:
        """Take a message."""
        self._session.messages([payload] if binary else [payload.decode("utf-8")])

    def heard(self) -> None:
        """Note that the server is alive."""
        if self._session.state is not State.CONNECTING:
            self._session.heard()

    def lost(self, reason: tuple[int, str] | None, why: str) -> None:
        """Take the end."""
        self._stop()
        if reason is None or self._session.state is State.CONNECTING:
            self._session.carrier_lost(why)
        else:
            self._session.closed(*reason)


@dataclass(frozen=True)
class RawOpening:
    """How to open a websocket to the server at ``address``."""

    reactor: IReactorTime
    address: Address
    options: Options
    endpoints: IAgentEndpointFactory
    headers: dict[str, str]
    subprotocols: Sequence[str] = ()

    async def session(self) -> Session:
        """Return an open session; raise `NotOpened` if that fails."""
        session = Session(self.reactor, self.options, WEBSOCKET, self.address)
        endpoint = self.endpoints.endpointForURI(self.address.uri())
        carrier = RawCarrier(session, endpoint, self.headers, self.subprotocols)
        await session.connect(carrier, self.options.timeout)
        return session
