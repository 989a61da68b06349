"""`Supervisor`: the parent of workers, which binds sockets, and starts and replaces workers.

Rules: it serves no clients. A worker that ends is started again, at once the first time and then
after a growing delay. On SIGHUP, workers are replaced one after the other, each once its successor
is ready. If a worker fails to start three times, the server ends with that worker's error.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from functools import partial
from typing import Any, Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ...admin.health import Readiness, all_ready
from ...admin.site import AdminSite
from ...cluster.directory import Directory
from ...errors import ListenError
from ..logs.access import AccessLog
from ..logs.process_log import PROCESS_LOG
from ..logs.start_line import log_start
from ..logs.usr1 import on_usr1
from ..options import Options
from ..start_error import StartError, end_with
from .asking import Everywhere, Workers
from .child import Child
from .neighbours import Neighbours
from .sockets import Sockets

# In seconds: the delays before a worker is started again, which grow while it keeps ending.
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
# After this many seconds, the end of a worker counts as unrelated to its start.
_STAYED = 60.0
# How many workers in a row may fail to become ready before the server gives up.
_MOST_FAILURES = 3


class Supervisor(Service):
    """The service of the parent; ``options`` are those of the command line."""

    _log = Logger()

    def __init__(self, options: Options, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._count = options.plan.workers
        self._sockets = [Sockets(endpoint, self._count) for endpoint in options.plan.listen]
        self._directory = Directory(reactor)
        self._folder = ""
        self._children: dict[int, Child] = {}  # those that serve, or should, by number from 1
        self._all: set[Child] = set()  # those with a living process
        self.asker = Workers(reactor, lambda: self._children, lambda: self._all)
        everywhere = None if options.plan.cluster is None else Everywhere(self.asker)
        self._admin = AdminSite(
            reactor,
            options.plan.admin,
            token=options.plan.read_admin_token(),
            names=options.plan.admin_names,
            readiness=self.readiness,
            asker=self.asker,
            everywhere=everywhere,
        )
        self._failures = 0
        self._delays: dict[int, float] = {}
        self._restarts: dict[int, IDelayedCall] = {}
        self._neighbours = Neighbours(reactor, self._children)
        self._abandoned: set[int] = set()  # those whose process ended during the stop
        self._served = False  # whether any worker ever did
        self._rolling: list[int] = []  # the numbers of the workers still to be replaced
        self._successor: Child | None = None  # of the first of these
        self._bound = False
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()

    # -- the service

    def privilegedStartService(self) -> None:
        """Bind all sockets; raise `StartError` if one can't be."""
        super().privilegedStartService()
        self._bound = True
        try:
            self._bind()
            self._admin.open()
        except ListenError as error:
            sys.stderr = sys.__stderr__  # twistd has redirected it to the log
            raise StartError(str(error)) from error

    def _bind(self) -> None:
        for sockets in self._sockets:
            sockets.bind()
            if sockets.is_shared:
                self._log.info(
                    "all workers share the socket of {endpoint}: connections are not spread evenly",
                    endpoint=sockets.endpoint,
                )

    def startService(self) -> None:
        """Start the workers, once the process has its final privileges."""
        super().startService()
        if not self._bound:
            self.privilegedStartService()
        AccessLog.check(self._options.plan, self._reactor)
        self._folder = tempfile.mkdtemp(prefix="sockjs-")
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for name, react in (("SIGTERM", self._terminate), ("SIGHUP", self.roll)):
            signal.signal(getattr(signal, name), partial(self._signalled, react))
        on_usr1(self._reactor, self._reopen_logs)
        for number in range(1, self._count + 1):
            self._start(number)

    def _signalled(self, react: Callable[[], None], number: int, frame: object) -> None:
        self._reactor.callFromThread(react)

    def _reopen_logs(self) -> None:
        PROCESS_LOG.rotate()
        for child in self._all:
            child.say(reopen=True)

    def stopService(self) -> Deferred[None]:
        """Stop all workers in an orderly way; fires when none is left."""
        super().stopService()
        self._stopping = True
        self._rolling.clear()
        self._neighbours.stop()
        for timer in self._restarts.values():
            if timer.active():
                timer.cancel()
        for child in self._all:
            child.stop()
        self._look_at_end()
        return self._stopped

    def _terminate(self) -> None:
        if self._stopping:
            for child in self._all:
                child.kill()
        else:
            self._reactor.stop()

    def _look_at_end(self) -> None:
        if self._stopping and not self._all and not self._stopped.called:
            for sockets in self._sockets:
                sockets.close()
            self._directory.stop()
            self._admin.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._stopped.callback(None)

    def readiness(self) -> Readiness:
        """Return whether any worker serves, and why others do not."""
        if self._stopping:
            return Readiness(False, "stopping")
        return all_ready(
            {
                f"worker {number}": Readiness(child.is_ready, "ready" if child.is_ready else "away")
                for number, child in self._children.items()
            }
        )

    # -- workers start and end

    def _start(self, number: int) -> None:
        """Start a worker."""
        self._children[number] = self._launch(number)

    def _launch(self, number: int) -> Child:
        """Start the process of a worker, or of its successor."""
        restart = self._restarts.pop(number, None)
        if restart is not None and restart.active():
            restart.cancel()
        child = Child(number, self, self._directory, self._reactor)
        self._all.add(child)
        child.start(self._options.arguments, self._reactor_name, self._folder, self._sockets)
        return child

    @property
    def _reactor_name(self) -> str | None:
        # The two commands of Twisted keep it under different names.
        parent = self._options.parent or {}
        name = parent.get("reactorName", parent.get("reactor"))
        return name if isinstance(name, str) and name != "default" else None

    def ready(self, child: Child) -> None:
        """Note that a worker serves."""
        self._failures = 0
        if not self._served:
            self._served = True
            urls = [each.url for each in self._sockets]
            log_start(self._options.plan, urls, self._admin.ports.urls)
        self._log.info(
            "worker {number} serves, as process {pid}", number=child.number, pid=child.pid
        )
        before = self._children.get(child.number)
        self._children[child.number] = child
        self._neighbours.serves(child, before)
        if child is self._successor:
            self._successor = None
        if before in self._all and before is not child:
            before.retire()  # when it has ended, the next one follows
        else:
            self._roll_next(child.number)

    def answered(self, child: Child, table: dict[str, object]) -> None:
        """Take a worker's answer to a question."""
        self.asker.take(child, table)

    def ended(self, child: Child, why: str) -> None:
        """Handle the end of a worker's process."""
        self.asker.lost(child)
        self._all.discard(child)
        number = child.number
        if self._stopping:
            self._abandoned.add(number)
            for other in self._all:
                # Clients of a worker that is still draining may come to this one's sockets.
                for each in self._abandoned:
                    other.say(serve=each)
                break
            self._look_at_end()
            return
        self._neighbours.ended(child)
        if child is self._successor:
            self._successor = None
            self._rolling.clear()
            if not child.was_told_to_stop:
                self._not_replaced(why)
                if self._children.get(number) not in self._all:  # ended meanwhile
                    self._restart(child, why)
        elif child.was_told_to_stop:
            self._roll_next(number)
        else:
            self._restart(child, why)

    def _restart(self, child: Child, why: str) -> None:
        number = child.number
        self._log.error("worker {number} ended: {why}", number=number, why=why)
        self._neighbours.watch(number)
        if self._successor is not None and self._successor.number == number:
            return
        if not child.was_ready:
            self._failures += 1
            serves = any(other.is_ready for other in self._children.values())
            if self._failures >= _MOST_FAILURES and not serves:
                self._give_up(why)
                return
        stayed = child.age >= _STAYED
        delay = 0.0 if stayed else self._delays.get(number, 0.0)
        self._delays[number] = min(max(2 * delay, _FIRST_DELAY), _LONGEST_DELAY)
        self._restarts[number] = self._reactor.callLater(delay, self._start, number)

    def _give_up(self, why: str) -> None:
        self._log.critical("workers can not start: {why}", why=why)
        end_with(why)
        self._reactor.stop()

    # -- replacing all

    def roll(self) -> None:
        """Replace the workers one after the other, with new code and new settings."""
        if self._rolling or self._stopping:
            self._log.info("workers are being replaced already, or stopped")
            return
        self._rolling = list(self._children)
        self._log.info("replacing {count} workers", count=len(self._rolling))
        self._successor = self._launch(self._rolling[0])

    def _roll_next(self, number: int) -> None:
        if self._rolling and self._rolling[0] == number:
            del self._rolling[0]
            if self._rolling:
                self._successor = self._launch(self._rolling[0])
            else:
                self._replaced()

    def _replaced(self) -> None:
        self._log.info("all workers were replaced")

    def _not_replaced(self, why: str) -> None:
        self._log.error("workers are not replaced, as a successor does not start: {why}", why=why)
