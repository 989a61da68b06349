"""`WebSocket`: one websocket to a server, over Autobahn.

Rules: once closed, it ends in bounded time; the listener hears nothing after `leave`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.deadlines import Deadline
from ..wire.frames import close_reason, sendable_code
from .address import Address
from .autobahn import ClientFactory
from .errors import explained

# How many seconds a server has to answer a close frame and end the connection.
CLOSE_TIMEOUT = 5.0

_NORMAL = 1000


class WebSocketListener(Protocol):
    """The listener of a websocket."""

    def upgraded(self) -> None:
        """Note that the handshake is done."""

    def took(self, payload: bytes, binary: bool) -> None:
        """Take a message."""

    def heard(self) -> None:
        """Note that the peer is alive."""

    def lost(self, reason: tuple[int, str] | None, why: str) -> None:
        """Handle the end; ``reason`` is the server's close frame, None if there was none."""


@implementer(IPushProducer)
class WebSocket:
    """A websocket to ``address``; ``is_full`` is whether the connection takes no more for now."""

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        address: Address,
        headers: dict[str, str],
        listener: WebSocketListener,
        limit: int,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self.is_full = False
        self.subprotocol: str | None = None
        self._reactor = reactor
        self._endpoint = endpoint
        self._factory = ClientFactory(reactor, self, address, headers, limit, subprotocols)
        self._listener: WebSocketListener | None = listener
        self._connecting: Deferred[Any] | None = None
        self._protocol: Any = None
        self._patience: Deadline | None = None
        self._drained: Callable[[], object] | None = None

    def agreed(self, subprotocol: str | None) -> None:
        """Note which subprotocol the server chose, before it is `upgraded`."""
        self.subprotocol = subprotocol

    def connect(self) -> None:
        """Connect."""
        self._connecting = self._endpoint.connect(self._factory)
        self._connecting.addCallbacks(self._connected, self._failed)

    def send(self, payload: bytes, binary: bool = False) -> None:
        """Send a message."""
        self._protocol.sendMessage(payload, binary)

    def ping(self) -> None:
        """Send a ping."""
        self._protocol.sendPing()

    def pause(self) -> None:
        """Stop reading."""
        if self._protocol is not None:
            self._protocol.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        if self._protocol is not None:
            self._protocol.transport.resumeProducing()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and wait up to `CLOSE_TIMEOUT` for the peer's and for the end."""
        if self._protocol is None or self._patience is not None:
            return
        self.resume()
        self._patience = Deadline(self._reactor, CLOSE_TIMEOUT, self._drop)
        self._protocol.transport.unregisterProducer()
        # Autobahn's sendClose allows only the private codes; a gateway passes on others, too.
        self._protocol.sendCloseFrame(sendable_code(code), close_reason(reason))

    def leave(self, at_once: bool) -> None:
        """End it without telling the listener; ``at_once`` is whether to wait for nothing."""
        self._listener = None
        if self._connecting is not None:
            self._connecting.cancel()
        elif at_once:
            self._drop()
        else:
            self.close(_NORMAL, "")

    def when_drained(self, call: Callable[[], object]) -> None:
        """Call ``call`` whenever the connection takes more again."""
        self._drained = call

    # -- told by the protocol

    def upgraded(self, protocol: Any) -> None:
        """Note that the handshake is done."""
        if self._listener is not None:
            protocol.registerProducer(self, True)
            self._listener.upgraded()

    def took(self, payload: bytes, binary: bool) -> None:
        """Take a message."""
        if self._listener is not None:
            self._listener.took(payload, binary)

    def heard(self) -> None:
        """Note that something arrived."""
        if self._listener is not None:
            self._listener.heard()

    def closed(self, code: int, reason: str) -> None:
        """Handle the server's close frame: nothing more follows, and the connection soon ends."""
        if self._patience is None:
            self._patience = Deadline(self._reactor, CLOSE_TIMEOUT, self._drop)
        self._tell_end((code, reason), "")

    def ended(self, why: str) -> None:
        """Take the end of the connection."""
        self._protocol = None
        if self._patience is not None:
            self._patience.cancel()
        self._tell_end(None, why)

    # -- IPushProducer: tells whether the connection takes more

    def pauseProducing(self) -> None:
        """Wait."""
        self.is_full = True

    def resumeProducing(self) -> None:
        """Go on."""
        self.is_full = False
        if self._drained is not None and self._listener is not None:
            self._drained()

    def stopProducing(self) -> None:
        """Do nothing: `ended` follows."""

    # -- inside

    def _connected(self, protocol: Any) -> None:
        self._connecting = None
        # Some endpoints call this some time after they connect; it may be over by now.
        if self._listener is None:
            protocol.transport.abortConnection()

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        self.ended(explained(failure))

    def _tell_end(self, reason: tuple[int, str] | None, why: str) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost(reason, why)

    def begun(self, protocol: IProtocol) -> None:
        """Take the protocol of the connection."""
        self._protocol = protocol

    def _drop(self) -> None:
        if self._protocol is not None:
            self._protocol.transport.abortConnection()
