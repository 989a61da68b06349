"""`SockJSService`: routers on one Site, listening on endpoints, as part of an `Application`.

Rules: ports are opened in `privilegedStartService`, so that ports below 1024 work and a port in use
stops the program from starting. Stopping is orderly: new sessions are refused; every session gets
its close frame and ``on_close``; then the ports are closed and the remaining connections dropped.
Each step has a time limit.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar, Union, cast

from twisted.application.service import Service
from twisted.internet import reactor as global_reactor  # Klein installs it in any case
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource

from ._kinds import SECONDS, Unfit
from .actors.deadlines import Deadline
from .admin.answers import ProcessAnswers
from .admin.asking import Here
from .admin.health import Readiness
from .admin.site import AdminSite
from .cluster.bus import Bus
from .errors import SettingsError
from .router import SockJSRouter
from .server.ports import Endpoint, Ports
from .server.root import Directory, Root
from .site import SockJSSite

__all__ = ["SockJSService"]

_T = TypeVar("_T")
# The result of a DeferredList: whether each succeeded, and its result or Failure.
_Results = list[tuple[bool, Any]]

Static = Union[None, str, "os.PathLike[str]", IResource]

# How many seconds connections have to send their last bytes once all sessions are over.
DROP_DELAY = 2.0
POLL_INTERVAL = 0.05


class SockJSService(Service):
    """Serve routers, each at its own prefix, on one or more endpoints.

    ``endpoint`` is an endpoint string, an `IStreamServerEndpoint` or a list of these. ``static`` is
    a directory or a resource for the paths that no router has. When the service stops, sessions are
    first ended evenly over ``drain`` seconds; the others then get ``stop_timeout`` seconds to end.
    ``admin`` is the endpoint of an `AdminResource`, ``admin_token`` and ``admin_names`` are its
    token and names. ``bus`` is for the routers that have none yet; the buses of all routers are
    started and stopped with the service. ``ports.open_ports`` are the listening ports;
    ``ports.urls`` and ``admin_ports.urls`` are their URLs.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: Endpoint | Iterable[Endpoint],
        routers: SockJSRouter | Iterable[SockJSRouter],
        *,
        static: Static = None,
        reactor: Any = None,
        stop_timeout: float = 10.0,
        drain: float = 0.0,
        admin: Endpoint | None = None,
        admin_token: str | None = None,
        admin_names: Iterable[str] = (),
        bus: Bus | None = None,
    ) -> None:
        reactor = reactor or global_reactor
        self.routers = _listed(routers)
        if not self.routers:
            raise SettingsError("a service must have at least one router, not none")
        root = Root(fallback(static))
        for router in self.routers:
            if not callable(getattr(router, "resource", None)):
                raise SettingsError(f"a service serves routers, not {router!r}")
            if static is not None and not router.prefix:
                raise SettingsError("static files need the root, and a router is mounted there")
            root.mount(router.prefix, router.resource())
            if bus is not None and router.bus is None:
                router.join_bus(bus)
        self.buses = [bus for bus in {router.bus for router in self.routers} if bus is not None]
        self.site = SockJSSite(root, self.routers, reactor=reactor)
        self.answers = ProcessAnswers(self.routers, reactor, self.site, self.buses)
        self.ports = Ports(reactor, _listed(endpoint))
        self._reactor = reactor
        self._stop_timeout = stop_timeout
        self._drain = checked_drain(drain)
        self._admin = AdminSite(
            reactor,
            admin,
            asker=Here(reactor, self.answers),
            everywhere=self.answers.nodes,
            token=admin_token,
            names=admin_names,
            readiness=self.readiness,
        )
        self.admin_ports = self._admin.ports
        self._bound = False
        self._state = Readiness(False, "starting")
        self._stopped: Deferred[None] | None = None
        self._hurried = False
        self._timer: Deadline | None = None  # for the current step of stopping
        self._starting: Deferred[None] | None = None
        #: Fires once connections are accepted; fails if an ``on_start`` fails.
        self.started: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        """Bind the ports. Raises `ListenError` if an endpoint fails at once."""
        super().privilegedStartService()
        self._bound = True
        self.ports.open(self.site)
        self._admin.open()
        # Clients that connect meanwhile wait in the system's queue.
        self.ports.pause()

    def startService(self) -> None:
        """Accept connections once every ``on_start`` is done."""
        super().startService()
        if not self._bound:
            self.privilegedStartService()
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        if self.running:
            self._starting = Deferred.fromCoroutine(self._start())
            self._starting.addCallbacks(self._serve, self._start_failed)

    async def _start(self) -> None:
        for bus in self.buses:
            # Nothing waits for this: without its bus, a node serves its own sessions.
            bus.start().addErrback(lambda failure: self._log.failure("a bus failed", failure))
        for router in self.routers:
            await router.start()

    def _serve(self, _: None) -> None:
        if self.running:
            self._state = Readiness(True, "")
            self.ports.resume()
            self.started.callback(None)

    def _start_failed(self, failure: Failure) -> None:
        if self.running:
            self.not_started(failure)
            self.started.addErrback(lambda _: None)  # it was logged, even if nobody listens
            self.started.errback(failure)
        elif not failure.check(CancelledError):
            self._log.failure("an on_start failed while the service was stopped", failure)

    def not_started(self, failure: Failure) -> None:
        """Handle an ``on_start`` that failed: nothing is served."""
        self._log.failure("a service can't start, and serves nobody", failure)
        self._state = Readiness(False, "on_start failed")

    def readiness(self) -> Readiness:
        """Return whether requests may be sent here, with the reason in one line."""
        if not self._state.ready:
            return self._state
        for bus in self.buses:
            if not bus.reached:
                return Readiness(False, "the cluster's broker was not reached yet")
        if all(bus.connected for bus in self.buses):
            return Readiness(True, "ready")
        return Readiness(True, "ready, but the cluster's broker can't be reached now")

    def stopService(self) -> Deferred[None]:
        """End all sessions in an orderly way; fires when no connection is left."""
        super().stopService()
        if self._stopped is None:
            self._state = Readiness(False, "stopping")
            self._stopped = Deferred.fromCoroutine(self._stop())
        return self._stopped

    def hurry(self) -> None:
        """Stop at once: `stopService` waits for nothing more."""
        self._hurried = True
        self._stop_timeout = 0.0
        self.stopService()
        self._close_routers()  # ends a drain, and drops what does not end by itself
        if self._timer is not None and self._timer.active():
            self._timer.reset(0.0)

    def _close_routers(self) -> list[Deferred[None]]:
        return [
            maybeDeferred(router.close, *router.settings.shutdown, patience=self._stop_timeout)
            for router in self.routers
        ]

    async def _stop(self) -> None:
        if self._drain and not self._hurried:
            self._state = Readiness(False, "draining")
            await DeferredList(
                [router.drain(self._drain, *router.settings.shutdown) for router in self.routers]
            )
        # The ports stay open meanwhile: between two polls a client has no connection, and must poll
        # once more to get its close frame. The routers refuse new sessions.
        await self._bounded(self._close_routers())
        if self._starting is not None:
            self._starting.cancel()
            await self._bounded([self._starting])
        await self._bounded([Deferred.fromCoroutine(router.stop()) for router in self.routers])
        await self._bounded(self.ports.close())
        if self.site.connections():
            # The requests on the connections accepted last have not been read yet.
            await deferLater(self._reactor, POLL_INTERVAL)
            relays = [router.relay for router in self.routers if router.relay is not None]
            await self._bounded([relay.leave() for relay in relays])
        for transport in self.site.connections():
            transport.unregisterProducer()  # TLS would wait for its producer, the channel
            transport.loseConnection()
        polls = round(
            DROP_DELAY / POLL_INTERVAL
        )  # counted, not timed: nothing is sent while the process is stopped
        while self.site.connections() and polls:
            polls = 0 if self._hurried else polls - 1
            await deferLater(self._reactor, POLL_INTERVAL)
        for transport in self.site.connections():
            transport.abortConnection()
        await self._bounded([self._admin.close(), *(bus.stop() for bus in self.buses)])
        self.answers.stop()

    async def _bounded(self, ending: list[Deferred[None]]) -> None:
        """Wait until all of these have fired, for at most ``stop_timeout``."""
        waiting: Deferred[_Results] = Deferred()

        def give_up() -> None:
            self._log.warn("not all had ended after {seconds} s", seconds=self._stop_timeout)
            waiting.callback([])

        def finish(results: _Results) -> None:
            if timer.active():
                timer.cancel()
                waiting.callback(results)

        timer = self._timer = Deadline(self._reactor, self._stop_timeout, give_up)
        DeferredList(ending, consumeErrors=True).addCallback(finish)
        for succeeded, result in await waiting:
            if not succeeded:
                self._log.failure("a part of the service did not stop", result)


def checked_drain(value: object) -> float:
    """Return how many seconds a drain takes; raise `SettingsError` for anything else."""
    try:
        return 0.0 if value == 0 else cast(float, SECONDS.check(value))
    except Unfit as unfit:
        raise SettingsError(f"drain must be {SECONDS.rule}, or 0, not {unfit.culprit!r}") from None


def _listed(value: _T | Iterable[_T]) -> list[_T]:
    several = isinstance(value, Iterable) and not isinstance(value, str)
    return list(cast("Iterable[_T]", value)) if several else [cast("_T", value)]


def fallback(static: Static) -> IResource | None:
    """Return the resource of static files; raise `SettingsError` if the directory is missing."""
    if static is None or IResource.providedBy(static):
        return static
    if not os.path.isdir(static):
        raise SettingsError(f"static must be a directory, not {os.fspath(static)!r}")
    return Directory(os.fspath(static))
