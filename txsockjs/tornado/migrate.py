"""`sockjs.tornado.migrate`: handlers written for ``tornado.websocket``.

Also has Tornado's own timer, `PeriodicCallback`.
"""

from __future__ import annotations

from .. import migrate
from ..migrate import PeriodicCallback
from .conn import SockJSConnection

__all__ = ["PeriodicCallback", "WebsocketHandler"]


class WebsocketHandler(migrate.WebsocketHandler, SockJSConnection):
    """A base class for handlers written for Tornado's ``WebSocketHandler``.

    ``request`` is set before `open` is called.
    """

    def write_message(self, msg: object, binary: bool = False) -> None:
        """Send a message, as `send` does."""
        self.send(msg, binary)
