"""``twistd sockjs``: its options under twistd, its service, and how the process ends.

Rules: an error in the command line, or with a port, ends the process with one line on standard
error and exit code 1; a signal ends it in an orderly way, with exit code 0.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from typing import Any, Callable

from twisted.application.service import Service
from twisted.internet import reactor as global_reactor  # Klein installs it in any case
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from ..actors.connection import SockJSConnection
from ..clock import use_monotonic_time
from ..cluster.bus import Bus
from ..errors import ListenError, SettingsError
from ..router import SockJSRouter
from ..script import NAME, ScriptResource
from ..server.ports import Endpoint
from ..server.root import Page
from ..service import SockJSService, fallback
from ..settings import Settings
from .garbage import look_seldom
from .logs.access import AccessLog
from .logs.process_log import PROCESS_LOG, is_in_foreground
from .logs.start_line import log_start
from .logs.usr1 import on_usr1
from .options import Options as PlainOptions
from .plan import Plan
from .start_error import StartError, end_with

__all__ = ["Options", "StartError", "makeService"]


class Process(SockJSService):
    """The service in its own process, which ends with a message and an exit code."""

    _told_to_stop = False

    #: Set before the service is started.
    access_log: AccessLog | None = None

    def privilegedStartService(self) -> None:
        """Listen; raise `StartError` if an endpoint fails at once."""
        # Before listening, so that this runs before the ports are announced.
        self._reactor.callWhenRunning(self._handle_signals)
        self._reactor.callWhenRunning(on_usr1, self._reactor, self.reopen_logs)
        try:
            super().privilegedStartService()
        except ListenError as error:
            sys.stderr = sys.__stderr__  # twistd has redirected it to the log
            raise StartError(str(error)) from error

    def startService(self) -> None:
        """Serve, with the final privileges; raise `StartError` if a log can't be opened."""
        if self.access_log is not None:
            self.access_log.open()
        super().startService()
        self._reactor.callWhenRunning(look_seldom)  # everything is imported by then

    def reopen_logs(self) -> None:
        """Reopen the log files that were moved or could not be opened."""
        PROCESS_LOG.rotate()
        if self.access_log is not None:
            self.access_log.file.reopen()

    def stopService(self) -> Deferred[None]:
        """Stop, and then write the rest of the access log."""
        return super().stopService().addCallback(self._close_logs)

    def _close_logs(self, _: None) -> None:
        if self.access_log is not None:
            self.access_log.file.close()

    def _handle_signals(self) -> None:
        # After an orderly shutdown, twistd kills itself with the signal it got. For a process
        # supervisor, an orderly shutdown is exit code 0.
        if signal.getsignal(signal.SIGTERM) != self._reactor.sigTerm:
            return
        signal.signal(signal.SIGTERM, self._stop_on_signal)
        if signal.getsignal(signal.SIGINT) == self._reactor.sigInt:
            signal.signal(signal.SIGINT, self._interrupt)
        # Sent when a terminal is closed; under nohup, it is ignored.
        hangup = getattr(signal, "SIGHUP", None)  # not on Windows
        if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:
            signal.signal(hangup, self._stop_on_signal)

    def _stop_on_signal(self, number: int, frame: object) -> None:
        name = signal.Signals(number).name
        if self._told_to_stop:
            self._log.info("received {name} again, stopping at once", name=name)
            self._reactor.callFromThread(self.hurry)
        else:
            self._told_to_stop = True
            self._log.info("received {name}, shutting down", name=name)
            self._reactor.callFromThread(self._stop_reactor)

    def _interrupt(self, number: int, frame: object) -> None:
        if self._told_to_stop:
            self._stop_on_signal(number, frame)
        else:
            # Twistd ends the process with this signal, which is right for a terminal's.
            self._told_to_stop = True
            self._reactor.sigInt(number, frame)

    def _stop_reactor(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            self._log.debug("shutting down already")

    def not_started(self, failure: Failure) -> None:
        """End the process with a line and exit code 1, because an ``on_start`` failed."""
        super().not_started(failure)
        what = failure.value
        words = " ".join(f"{type(what).__name__}: {what}".split())
        end_with(f"on_start failed: {words}")
        self._stop_reactor()


class Options(PlainOptions):
    """The command line under twistd, where the process owns the reactor."""

    def parseOptions(self, options: list[str] | None = None) -> None:
        """Make time monotonic first, because importing an application may schedule calls."""
        if self.parent is not None:
            try:
                use_monotonic_time(global_reactor)
            except RuntimeError as error:
                Logger().warn("steps of the wall clock will be felt: {error}", error=error)
        super().parseOptions(options)

    def postOptions(self) -> None:
        """Set up the log of this process before twistd does."""
        super().postOptions()
        if self.parent is not None:
            PROCESS_LOG.take_over(self.parent, self.plan.log_format)
            if self.plan.access_log == "-" and not is_in_foreground(self.parent):
                raise usage.UsageError("--access-log - needs twistd -n: a daemon has no output")


def makeService(options: PlainOptions) -> Service:
    """Make the service for a parsed command line: one that serves, or the parent of workers."""
    try:
        if options.plan.workers > 1:
            from .workers.supervisor import Supervisor  # noqa: PLC0415  # few need it

            return Supervisor(options, global_reactor)
        if options.plan.reload:
            from .workers.reloading import Reloader  # noqa: PLC0415  # few need it

            return Reloader(options, global_reactor)
        plan = options.plan
        token = plan.read_admin_token()
        server = make_server(plan, plan.listen, admin=plan.admin, admin_token=token)
        server.started.addCallback(
            lambda _: log_start(plan, server.ports.urls, server.admin_ports.urls)
        )
        return server
    except SettingsError as error:
        raise StartError(f"sockjs: {error}") from error


def make_server(
    plan: Plan,
    endpoints: Iterable[Endpoint],
    bus: Bus | None = None,
    admin: str | None = None,
    worker: int | None = None,
    output: int = 1,
    admin_token: str | None = None,
) -> Process:
    """Make the service for a plan: its mounts, or the demo if there are none.

    ``bus`` is the bus of its routers if the plan names no cluster; ``worker`` is its number among
    several processes; ``output`` is the descriptor of standard output.
    """
    reactor = global_reactor
    if plan.cluster is not None:
        from ..cluster.redis import RedisBus  # noqa: PLC0415  # few need it

        bus = RedisBus(plan.cluster, reactor, plan.cluster_secret)
    if plan.mounts:
        routers = [
            _make_router(mount.connection_on(reactor), mount.prefix, plan.settings_of(mount))
            for mount in plan.mounts
        ]
        static = _with_script(plan)
    else:
        from .demo import Demo  # noqa: PLC0415  # only a server without an application shows it

        demo = Demo(plan.settings, reactor)
        routers, static = demo.routers, demo.page
    server = Process(
        endpoints,
        routers,
        static=static,
        reactor=reactor,
        drain=plan.drain,
        admin=admin,
        admin_token=admin_token,
        admin_names=plan.admin_names,
        bus=bus,
    )
    server.access_log = AccessLog.of(plan, reactor, worker, output)
    if server.access_log is not None:
        for router in routers:
            router.end_observers.append(server.access_log.ended)
    return server


def _with_script(plan: Plan) -> Any:
    """Return the static files, with the client script unless they contain it."""
    if any(not mount.prefix for mount in plan.mounts):
        return plan.static  # every path belongs to that mount
    files: Any = Page() if plan.static is None else fallback(plan.static)
    if plan.static is None or not os.path.exists(os.path.join(plan.static, NAME)):
        files.putChild(NAME.encode(), ScriptResource())
    return files


def _make_router(
    connection: type[SockJSConnection], prefix: str, settings: Settings
) -> SockJSRouter:
    # Classes of txsockjs.tornado have their own router, whose sessions have more methods.
    make: Callable[..., SockJSRouter] | None = getattr(connection, "make_router", None)
    if make is None:
        return SockJSRouter(connection, prefix, settings, global_reactor)
    return make(prefix, settings, global_reactor)
