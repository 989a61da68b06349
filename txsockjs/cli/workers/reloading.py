"""`Reloader`: the parent of one worker, which is replaced when the application changes.

Rules: a worker with code older than the last change is not waited for. If new code does not start,
the old worker goes on serving, and the next change is tried.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..changes import Changes
from ..options import Options
from .child import Child
from .supervisor import Supervisor


class Reloader(Supervisor):
    """The service of the parent under ``--reload``."""

    def __init__(self, options: Options, reactor: IReactorTime) -> None:
        super().__init__(options, reactor)
        self._again = False  # whether files changed since the last worker was started
        self._changes = Changes(reactor, *options.watched(), self.changed)

    def _begin(self) -> None:
        super()._begin()
        self._changes.start()

    def stopService(self) -> Deferred[None]:
        """Stop watching for changes, and stop the worker."""
        self._changes.stop()
        return super().stopService()

    def changed(self, paths: set[str]) -> None:
        """Restart, because these files have changed."""
        if self._stopping:
            return
        names = sorted(os.path.relpath(path) for path in paths)
        self._log.info("{names} changed: starting anew", names=", ".join(names))
        self._again = True
        for child in list(self._all):
            if not child.is_ready:
                child.kill()  # it is starting with the old code, or ending already
        self._go_on()

    def ready(self, child: Child) -> None:
        """Note that a worker serves."""
        is_new = child is self._successor
        super().ready(child)
        if is_new and not self._again:
            self._log.info("the new code serves")

    def ended(self, child: Child, why: str) -> None:
        """Handle the end of the worker's process."""
        super().ended(child, why)
        self._go_on()

    def _go_on(self) -> None:
        """Start the newest code, once only the serving worker is left."""
        if self._stopping or not self._again or any(not child.is_ready for child in self._all):
            return
        self._again = False
        if self._all:
            self.roll()
        else:
            for restart in self._restarts.values():
                if restart.active():
                    restart.cancel()
            self._start(1)

    def _restart(self, child: Child, why: str) -> None:
        if child.was_ready:
            super()._restart(child, why)
        else:
            self._log.error("it does not start: {why}; waiting for a change", why=why)

    def _not_replaced(self, why: str) -> None:
        self._log.error("the new code does not start, so the old one serves: {why}", why=why)

    def _replaced(self) -> None:
        pass  # this was logged when it served
