"""`sockjs.tornado.migrate`."""

from ..migrate import PeriodicCallback, WebsocketHandler

__all__ = ["PeriodicCallback", "WebsocketHandler"]
