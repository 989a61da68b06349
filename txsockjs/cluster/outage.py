"""`Outage`: what a relay does while its bus is away, and for some time after.

Rules: while clients can't reach their sessions, sessions do not end for lack of a receiver.
Requests wait for the bus for ``patience`` seconds.
"""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IReactorTime

from ..actors.deadlines import Deadline
from .bus import Bus


class Outage:
    """Calls ``give_up`` once the bus was away for ``patience`` seconds."""

    def __init__(
        self, bus: Bus, reactor: IReactorTime, patience: float, give_up: Callable[[], object]
    ) -> None:
        self._bus = bus
        self._reactor = reactor
        self._patience = patience
        self._give_up = give_up
        self._deadline: Deadline | None = None
        self._back_since: float | None = None

    def began(self) -> None:
        """Note that the bus is away."""
        self._back_since = None
        if self._deadline is None:
            self._deadline = Deadline(self._reactor, self._patience, self._over)

    def ended(self) -> None:
        """Note that it is back."""
        self._back_since = self._reactor.seconds()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _over(self) -> None:
        self._deadline = None
        self._give_up()

    @property
    def may_expire(self) -> bool:
        """Whether clients had time to come back: ``patience`` seconds since the bus is back."""
        if not self._bus.connected:
            return not self._bus.reached
        if self._back_since is not None:
            if self._reactor.seconds() - self._back_since < self._patience:
                return False
            self._back_since = None
        return True
