"""`SockJSClientProtocol`: a protocol whose messages are text."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol


class SockJSClientProtocol(Protocol):
    """A client whose messages are ``str``; override `on_message`.

    ``connectionMade`` and ``connectionLost(reason)`` are called as for any protocol. The reason's
    ``value`` is a `SessionClosed` or a `SessionLost`, with a close code and a reason.
    """

    transport: Any

    def on_message(self, message: str) -> object:
        """Handle a message."""

    def send(self, message: str) -> None:
        """Send a message."""
        self.transport.send(message)

    def close(self) -> None:
        """Close once the server has taken everything that was sent."""
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Handle a message as bytes, for a wrapper around this protocol."""
        self.on_message(data.decode("utf-8", "replace"))
