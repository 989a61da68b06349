"""`sockjs.tornado.conn`."""

from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo

__all__ = ["ConnectionInfo", "SockJSConnection"]
