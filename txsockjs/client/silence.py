"""`Silence`: notices when a server that sends heartbeats is silent."""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IReactorTime

from ..actors.deadlines import Deadline


class Silence:
    """Call ``over`` once nothing was heard for ``seconds``; None means never."""

    def __init__(
        self, reactor: IReactorTime, seconds: float | None, over: Callable[[], object]
    ) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._over = over
        self._deadline: Deadline | None = None

    def heard(self) -> None:
        """Start again from now."""
        if self._deadline is not None:
            self._deadline.reset(self._seconds or 0)
        elif self._seconds is not None:
            self._deadline = Deadline(self._reactor, self._seconds, self._fall)

    def stop(self) -> None:
        """Stop counting until the next `heard`."""
        if self._deadline is not None:
            deadline, self._deadline = self._deadline, None
            deadline.cancel()

    def _fall(self) -> None:
        self._deadline = None
        self._over()
