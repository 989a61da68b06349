"""`sockjs.tornado.sessioncontainer`."""

from ..actors.registry import SessionContainer, SessionMixin

__all__ = ["SessionContainer", "SessionMixin"]
