"""`sockjs.tornado.migrate`: handlers written for ``tornado.websocket``.

Tornado's own timer is here besides, as `PeriodicCallback`.
"""

from __future__ import annotations

from .. import migrate
from ..migrate import PeriodicCallback
from .conn import SockJSConnection

__all__ = ["PeriodicCallback", "WebsocketHandler"]


class WebsocketHandler(migrate.WebsocketHandler, SockJSConnection):
    """`txsockjs.migrate.WebsocketHandler` with the sessions of this package."""
