"""`sockjs.tornado.sessioncontainer`: sessions by id, with a sliding expiry."""

from __future__ import annotations

import os
import time

from ..actors.registry import Clock, SessionContainer

__all__ = ["SessionContainer", "SessionMixin"]


class SessionMixin:
    """What a `SessionContainer` needs to know of a session; to be subclassed.

    ``expiry`` is in seconds, None for never; ``clock`` returns the present time in seconds. A
    session without an id gets one that can't be guessed.
    """

    def __init__(
        self,
        session_id: str | None = None,
        expiry: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.session_id = session_id or os.urandom(16).hex()
        self.expiry = expiry
        self.clock = clock
        self.promoted = clock()

    @property
    def expiry_date(self) -> float | None:
        """When it expires, on its clock."""
        return None if self.expiry is None else self.promoted + self.expiry

    def is_alive(self) -> bool:
        """Return whether it is not expired yet."""
        date = self.expiry_date
        return date is None or date > self.clock()

    def promote(self) -> None:
        """Let its expiry count from now."""
        self.promoted = self.clock()

    def on_delete(self, forced: bool) -> None:
        """React to the removal: ``forced`` if it was removed, else it expired."""
