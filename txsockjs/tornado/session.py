"""`sockjs.tornado.session`."""

from ..actors.session import BaseSession, Session

__all__ = ["BaseSession", "Session"]
