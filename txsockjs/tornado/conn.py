"""`sockjs.tornado.conn`."""

from ..actors.connection import ConnectionInfo, SockJSConnection

__all__ = ["ConnectionInfo", "SockJSConnection"]
