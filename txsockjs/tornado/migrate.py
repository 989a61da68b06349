"""`sockjs.tornado.migrate`: handlers written for ``tornado.websocket``.

Tornado's own timer is here besides, as `PeriodicCallback`.
"""

from __future__ import annotations

from typing import Any

from .. import migrate
from ..migrate import PeriodicCallback
from .conn import SockJSConnection

__all__ = ["PeriodicCallback", "WebsocketHandler"]


class WebsocketHandler(migrate.WebsocketHandler, SockJSConnection):
    """A base class for handlers written as Tornado's ``WebSocketHandler``.

    ``request`` is there from `open` on.
    """

    def write_message(self, msg: Any, binary: bool = False) -> None:
        """Send a message, as `send` does."""
        self.send(msg, binary)
