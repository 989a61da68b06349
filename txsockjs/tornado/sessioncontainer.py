"""`sockjs.tornado.sessioncontainer`: sessions by id, with a sliding expiry."""

from __future__ import annotations

import os
import time

from ..actors.registry import Clock, SessionContainer

__all__ = ["SessionContainer", "SessionMixin"]


class SessionMixin:
    """The part of a session that a `SessionContainer` needs, to be subclassed.

    ``expiry`` is in seconds; None means never. ``clock`` returns the present time in seconds. A
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
        """When the session expires, on its clock."""
        return None if self.expiry is None else self.promoted + self.expiry

    def is_alive(self) -> bool:
        """Return whether the session has not expired yet."""
        date = self.expiry_date
        return date is None or date > self.clock()

    def promote(self) -> None:
        """Restart the time until it expires."""
        self.promoted = self.clock()

    def on_delete(self, forced: bool) -> None:
        """Handle the removal: ``forced`` if somebody removed it, otherwise it expired."""
