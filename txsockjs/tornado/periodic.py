"""`sockjs.tornado.periodic`."""

from ..actors.heartbeat import Callback

__all__ = ["Callback"]
