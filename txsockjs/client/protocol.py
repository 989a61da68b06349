"""`SockJSClientProtocol`: a protocol of messages, which are text."""

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
        """Take a message."""

    def send(self, message: str) -> None:
        """Send a message."""
        self.transport.send(message)

    def close(self) -> None:
        """Close once all that was sent is taken by the server."""
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Take a message as bytes: a wrapper around the protocol has asked for these."""
        self.on_message(data.decode("utf-8", "replace"))
