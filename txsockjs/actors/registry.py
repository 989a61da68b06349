"""`SessionContainer`: sessions by id, with a sliding expiry.

Rules: a session always has exactly one entry in the heap. Promoting a session stores a time and
touches no heap and no timer, because each poll does it; the sweep moves an entry whose time has
changed.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterator
from typing import Any, Callable

from .pace import Pace

Clock = Callable[[], float]


class SessionContainer:
    """Sessions by id; a heap finds the expired ones.

    Calls ``removed`` with the id of each removed session, and ``emptied`` after the last one.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        emptied: Callable[[], object] | None = None,
        removed: Callable[[str], object] | None = None,
    ) -> None:
        self._clock = clock
        self._emptied = emptied
        self._removed = removed
        self._sessions: dict[str, Any] = {}
        self._heap: list[tuple[float, int, Any]] = []
        self._sequence = itertools.count()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._sessions.values()))

    def add(self, session: Any) -> None:
        """Add a session; its id must be new."""
        if session.session_id in self._sessions:
            raise ValueError(f"there is a session {session.session_id!r} already")
        self._sessions[session.session_id] = session
        self._push(session)

    def get(self, session_id: str) -> Any | None:
        """Return the session with this id, or None."""
        return self._sessions.get(session_id)

    def remove(self, session_id: str) -> None:
        """Remove a session and call its ``on_delete(True)``; does nothing if there is none."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.on_delete(True)
            self._tell(session_id)

    def expire(self, current_time: float | None = None, pace: Pace | None = None) -> bool:
        """Remove the expired sessions and call their ``on_delete(False)``.

        Return whether some are left, because the ``pace`` allowed no more.
        """
        now = self._clock() if current_time is None else current_time
        while self._heap and self._heap[0][0] <= now:
            if pace is not None and not pace.may_go_on():
                return True
            session = heapq.heappop(self._heap)[2]
            if id(self._sessions.get(session.session_id)) != id(session):
                continue  # removed since
            date = session.expiry_date
            if date is not None and date <= now:
                del self._sessions[session.session_id]
                session.on_delete(False)
                self._tell(session.session_id)
            else:
                self._push(session, now)
        return False

    def _tell(self, session_id: str) -> None:
        if self._removed is not None:
            self._removed(session_id)
        if self._emptied is not None and not self._sessions:
            self._emptied()

    def _push(self, session: Any, now: float | None = None) -> None:
        if session.expiry is None:
            return
        date = session.expiry_date
        if date is None:
            # It can't expire while a receiver is attached: look again after its usual time.
            date = (self._clock() if now is None else now) + session.expiry
        heapq.heappush(self._heap, (date, next(self._sequence), session))
