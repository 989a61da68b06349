"""`RefusalLog` tells the operator which settings refuse clients, and how often; `PeerLog`.

Rules: at most one line a second for each setting, and one line a sweep for each other kind, no
matter how often clients cause it.
"""

from __future__ import annotations

from functools import partial
from typing import Callable

from twisted.logger import Logger

from ..actors.heartbeat import Seldom
from ..errors import RequestError
from ..settings import Settings

_log = Logger()


class RefusalLog:
    """The log of one router, which ``name`` describes; ``clock`` is in seconds.

    Call `flush` now and then after `note`, which calls ``noted`` as a reminder.
    """

    def __init__(
        self,
        router: object,
        settings: Settings,
        clock: Callable[[], float],
        noted: Callable[[], object],
    ) -> None:
        self._router = router
        self._settings = settings
        self._clock = clock
        self._noted = noted
        self._seldom: dict[str, Seldom] = {}
        self._last_client: dict[str, str] = {}

    def note(self, error: RequestError) -> None:
        """Log that a new session was refused, if a setting refused it."""
        setting = error.setting
        if not setting:
            return
        self._last_client[setting] = error.client
        if setting not in self._seldom:
            self._seldom[setting] = Seldom(self._clock, partial(self._tell, setting))
        self._seldom[setting].happened()
        self._noted()

    def flush(self, last: bool = False) -> None:
        """Log the refusals not logged yet, after a second or if this is the ``last`` time."""
        for seldom in self._seldom.values():
            seldom.flush(last)

    def _tell(self, setting: str, count: int) -> None:
        client = self._last_client[setting]
        _log.warn(
            "{router!r} refused {count} new sessions: {setting} is {limit}{whose}",
            router=self._router,
            count=count,
            setting=setting,
            limit=str(getattr(self._settings, setting)),
            whose=f", the last one was of {client}" if client else "",
        )


class PeerLog:
    """The log of a site: which connections were refused or ended."""

    def __init__(self) -> None:
        # Since the last `tell`: how often, and the last peer.
        self._happened: dict[str, tuple[int, object]] = {}

    def note(self, what: str, peer: object) -> None:
        """Count an event of a connection; ``peer`` is its address."""
        count, _ = self._happened.get(what, (0, None))
        self._happened[what] = count + 1, peer

    def tell(self) -> None:
        """Log the noted events, a line for each kind."""
        happened, self._happened = self._happened, {}
        for what, (count, peer) in happened.items():
            _log.debug(
                "refused or ended {count}: {what}, the last one of {peer}",
                count=count,
                what=what,
                peer=peer,
            )
