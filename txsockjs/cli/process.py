"""``twistd sockjs``: its options under twistd, the service it makes, and how the process ends.

Rules: what is wrong with a command line, or with a port, ends the process with one line on
standard error and exit code 1; a signal ends it in order, with exit code 0.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from typing import Callable

from twisted.application.service import Service
from twisted.internet import reactor as global_reactor  # which Klein installs in any case
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.connection import SockJSConnection
from ..clock import use_monotonic_time
from ..cluster.bus import Bus
from ..errors import ListenError, SettingsError
from ..router import SockJSRouter
from ..server.ports import Endpoint
from ..service import SockJSService, Static
from ..settings import Settings
from .options import Options as PlainOptions
from .plan import Plan
from .start_error import StartError, end_with

__all__ = ["Options", "StartError", "makeService"]


class Process(SockJSService):
    """The service as a process of its own, which ends with a message and an exit code."""

    _told_to_stop = False

    def privilegedStartService(self) -> None:
        """Listen; raise `StartError` if an endpoint fails at once."""
        # Before listening: the first to be registered runs before the ports are announced.
        self._reactor.callWhenRunning(self._handle_signals)
        try:
            super().privilegedStartService()
        except ListenError as error:
            sys.stderr = sys.__stderr__  # twistd has sent it to the log
            raise StartError(str(error)) from error

    def _handle_signals(self) -> None:
        # After an orderly shutdown twistd kills itself with the signal that it got. To what
        # supervises it, an orderly shutdown is exit code 0.
        if signal.getsignal(signal.SIGTERM) != self._reactor.sigTerm:
            return
        signal.signal(signal.SIGTERM, self._stop_on_signal)
        if signal.getsignal(signal.SIGINT) == self._reactor.sigInt:
            signal.signal(signal.SIGINT, self._interrupt)
        # Sent when a terminal is closed; nohup has set it to be ignored.
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
            # Twistd ends the process as by this signal, as is right for the one of a terminal.
            self._told_to_stop = True
            self._reactor.sigInt(number, frame)

    def _stop_reactor(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            self._log.debug("shutting down already")

    def not_started(self, failure: Failure) -> None:
        """End the process with a line and exit code 1: an ``on_start`` failed."""
        super().not_started(failure)
        what = failure.value
        words = " ".join(f"{type(what).__name__}: {what}".split())
        end_with(f"on_start failed: {words}")
        self._stop_reactor()


class Options(PlainOptions):
    """The command line under twistd, where the process has the reactor for itself."""

    def parseOptions(self, options: list[str] | None = None) -> None:
        """Make time monotonic first: importing an application may schedule calls."""
        if self.parent is not None:
            try:
                use_monotonic_time(global_reactor)
            except RuntimeError as error:
                Logger().warn("steps of the wall clock will be felt: {error}", error=error)
        super().parseOptions(options)


def makeService(options: PlainOptions) -> Service:
    """Make the service of a parsed command line: one that serves, or the parent of workers."""
    try:
        if options.plan.workers > 1:
            from .workers.supervisor import Supervisor  # noqa: PLC0415  # few need it

            return Supervisor(options, global_reactor)
        return make_server(options.plan, options.plan.listen, admin=options.plan.admin)
    except SettingsError as error:
        raise StartError(f"sockjs: {error}") from error


def make_server(
    plan: Plan,
    endpoints: Iterable[Endpoint],
    bus: Bus | None = None,
    admin: str | None = None,
) -> Process:
    """Make the service that serves a plan: its mounts, or the demo if there are none.

    ``bus`` is that of its routers if the plan names no cluster.
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
        static: Static = plan.static
    else:
        from .demo import Demo  # noqa: PLC0415  # only a server without an application shows it

        demo = Demo(plan.settings, reactor)
        routers, static = demo.routers, demo.page
    return Process(
        endpoints,
        routers,
        static=static,
        reactor=reactor,
        drain=plan.drain,
        admin=admin,
        bus=bus,
    )


def _make_router(
    connection: type[SockJSConnection], prefix: str, settings: Settings
) -> SockJSRouter:
    # Classes of txsockjs.tornado bring a router of their own, whose sessions have more methods.
    make: Callable[..., SockJSRouter] | None = getattr(connection, "make_router", None)
    if make is None:
        return SockJSRouter(connection, prefix, settings, global_reactor)
    return make(prefix, settings, global_reactor)
