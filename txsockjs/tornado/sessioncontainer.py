"""`sockjs.tornado.sessioncontainer`: sessions by id, with a sliding expiry."""

from __future__ import annotations

from ..actors import registry
from ..actors.registry import SessionContainer

__all__ = ["SessionContainer", "SessionMixin"]


class SessionMixin(registry.SessionMixin):
    """What a `SessionContainer` needs to know of a session; to be subclassed."""

    __slots__ = ()

    def is_alive(self) -> bool:
        """Tell whether it is not expired yet."""
        date = self.expiry_date
        return date is None or date > self.clock()
