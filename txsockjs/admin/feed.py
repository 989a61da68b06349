"""`Watch`: feeds the page of an admin site, second by second, over SockJS.

Rules: processes are asked only while somebody watches, and less often if answering takes long. Past
samples are kept for later watchers. A client that needs the token sends it first, and gets nothing
before that.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import time
from collections import deque
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo
from ..router import SockJSRouter
from ..stats import TRANSPORTS
from .asking import Asker, NoAnswer
from .guard import Denied, Guard
from .samples import Sampler

_log = Logger()

#: The seconds between two rounds of questions, and how many samples are kept.
INTERVAL = 1.0
KEPT = 600
# If a round takes long, as with very many sessions, the interval is this many times as long, up to
# this many seconds.
_TIMES, _LONGEST_INTERVAL = 9, 5.0
# The past of each process is kept for up to this many processes.
_MOST_KEPT = 16
# How many seconds a client has to send its token.
_TOKEN_PATIENCE = 10.0
#: Closes a client that has no token, or a wrong one.
UNAUTHORIZED = 4401
_SETTINGS: dict[str, Any] = {
    # Only the transports that the page uses; others would have to be guarded, too.
    "disabled_transports": [name for name in TRANSPORTS if name not in ("rawwebsocket", "xhr")],
    "max_sessions": 100,
    "max_sessions_per_ip": 20,
    "max_message_size": 4096,
    "max_body_size": 8192,
    "mailbox_limit": 8192,
}


class Watch:
    """Asks all processes for a report once a second, and sends samples to the watchers.

    ``wall_clock`` returns the time of day in seconds.
    """

    def __init__(
        self, asker: Asker, reactor: IReactorTime, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._asker = asker
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._sampler = Sampler()
        self._watchers: set[SockJSConnection] = set()
        self._kept: deque[str] = deque(maxlen=KEPT)  # samples, as JSON
        self._timer: IDelayedCall | None = None  # of the next round
        self._is_asking = False

    def add(self, watcher: SockJSConnection) -> None:
        """Send a watcher the past samples, and the new ones from now on."""
        self._watchers.add(watcher)
        # Join the JSON: encoding all samples again for each watcher would hold up everybody.
        label = json.dumps(self._asker.label)
        history = ", ".join(self._kept)
        watcher.send(f'{{"interval": {INTERVAL}, "label": {label}, "history": [{history}]}}')
        if self._timer is None:
            self._look()

    def remove(self, watcher: SockJSConnection) -> None:
        """Send a watcher nothing more, and stop asking when none is left."""
        self._watchers.discard(watcher)
        if not self._watchers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._is_asking:
            self._is_asking = True
            Deferred.fromCoroutine(self._ask()).addErrback(
                lambda failure: _log.failure("a round of questions failed", failure)
            ).addCallback(self._asked, self._reactor.seconds())

    def _asked(self, _: None, since: float) -> None:
        self._is_asking = False
        if self._watchers:
            pause = _TIMES * (self._reactor.seconds() - since)
            pause = min(max(pause, INTERVAL), _LONGEST_INTERVAL)
            self._timer = self._reactor.callLater(pause, self._look)

    async def _ask(self) -> None:
        try:
            replies = await self._asker.ask("report")
        except NoAnswer as error:
            _log.warn("nobody was asked for a report: {error}", error=error)
            return
        seen = self._sampler.sample(replies, self._reactor.seconds(), self._wall_clock())
        sample = json.dumps(seen)
        is_small = len(seen["processes"]) <= _MOST_KEPT
        self._kept.append(sample if is_small else json.dumps({**seen, "processes": []}))
        for watcher in list(self._watchers):
            watcher.send(f'{{"now": {sample}}}')


class Feed(SockJSConnection):
    """The connection of a browser that shows the page."""

    watch: Watch
    guard: Guard
    reactor: IReactorTime
    _timer: IDelayedCall | None = None
    _is_in = False

    def on_open(self, info: ConnectionInfo) -> None:
        if self.guard.needs_token(info.headers, info.server_address):
            self._timer = self.reactor.callLater(_TOKEN_PATIENCE, self._refuse, "a token is needed")
        else:
            self._enter()

    def on_message(self, message: str | bytes) -> None:
        """Take a token: ``{"token": "..."}``."""
        if self._is_in:
            return
        try:
            said = json.loads(message)
            token = said.get("token") if isinstance(said, dict) else None
            self.guard.check_token(token if isinstance(token, str) else "")
        except (ValueError, RecursionError, Denied) as error:
            self._refuse(error.why if isinstance(error, Denied) else "not a token")
        else:
            self._enter()

    def on_close(self) -> None:
        self._stop_timer()
        self.watch.remove(self)

    def _enter(self) -> None:
        self._is_in = True
        self._stop_timer()
        self.watch.add(self)

    def _refuse(self, why: str) -> None:
        self.close(UNAUTHORIZED, why)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def make_feed(watch: Watch, guard: Guard, reactor: IReactorTime) -> SockJSRouter:
    """Make the router that the page connects to."""
    feed = type("Feed", (Feed,), {"watch": watch, "guard": guard, "reactor": reactor})
    return SockJSRouter(feed, "", _SETTINGS, reactor)
