"""`sockjs.tornado.router`."""

from ..router import SockJSRouter

__all__ = ["SockJSRouter"]
