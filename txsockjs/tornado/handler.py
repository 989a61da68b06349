"""`HandlerReceiver`: a handler of sockjs-tornado as the receiver of a session."""

from __future__ import annotations

from typing import Any

from ..actors.info import ConnectionInfo
from ..actors.interfaces import Reason
from ..wire.proto import CONNECT, HEARTBEAT, disconnect, messages_frame


class HandlerReceiver:
    """Passes each frame to ``handler.send_pack`` while the handler is ``active``.

    A handler without this attribute always is.
    """

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.transport_name: str = handler.name
        self.ready = bool(getattr(handler, "active", True))

    def connection_info(self) -> ConnectionInfo:
        """Describe the request that brought it."""
        info: ConnectionInfo = self.handler.get_conn_info()
        return info

    def opened(self) -> None:
        """Send the open frame."""
        self._send(CONNECT)

    def deliver(self, messages: list[Any]) -> None:
        """Send one frame with these messages."""
        self._send(messages_frame(messages).decode("utf-8"))

    def heartbeat(self) -> None:
        """Send a heartbeat."""
        self._send(HEARTBEAT)

    def closed(self, reason: Reason) -> None:
        """Send the close frame, and tell the handler."""
        self.handler.send_pack(disconnect(*reason))
        self.abort()

    def abort(self) -> None:
        """Tell the handler that the session has ended."""
        self.ready = False
        self.handler.session_closed()

    def _send(self, frame: str) -> None:
        self.handler.send_pack(frame)
        self.ready = bool(getattr(self.handler, "active", True))
