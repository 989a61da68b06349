"""Raw websockets: a message in, a message out, no SockJS framing (protocol section 7)."""

from __future__ import annotations

from ...actors.interfaces import Reason
from ...wire.frames import BINARY, TEXT
from ...wire.whole_frames import Decoders
from .receiver import WebSocketReceiver
from .states import CLOSE


class RawWebSocketReceiver(WebSocketReceiver):
    """The receiver over a websocket without SockJS frames."""

    transport_name = "rawwebsocket"
    has_subprotocols = True
    decoders: Decoders = {
        0x80 | TEXT: lambda payload: [payload.decode("utf-8")],
        0x80 | BINARY: lambda payload: [payload],
    }

    __slots__ = ()

    @property
    def _longest(self) -> int:
        return self._sockets.limits.message  # a payload is one message

    def opened(self) -> None:
        """Answer the upgrade, which tells the client."""
        self.greet()

    def deliver(self, messages: list[str | bytes]) -> None:
        """Send each message as a websocket message."""
        for message in messages:
            if isinstance(message, bytes):
                self.write(BINARY, message)
            else:
                self.write(TEXT, message.encode("utf-8", "replace"))

    def heartbeat(self) -> None:
        """Send a ping, the only heartbeat here."""
        self.ping()

    def closed(self, reason: Reason) -> None:
        """Close the websocket with the session's code and reason."""
        self.handle(CLOSE, *reason)
