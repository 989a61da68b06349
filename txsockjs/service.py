"""`SockJSService`: routers on one Site, listening on endpoints, as part of an `Application`.

Rules: ports are opened in `privilegedStartService`, so that ports below 1024 work and one that is
in use ends the start. Stopping is orderly: new sessions are refused; every session gets its close
frame and ``on_close``; then ports are closed and the connections that are left dropped. Each step
has a bounded time.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar, Union, cast

from twisted.application.service import Service
from twisted.internet import reactor as global_reactor  # which Klein installs in any case
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.resource import IResource

from .actors.deadlines import Deadline
from .cluster.bus import Bus
from .errors import SettingsError
from .router import SockJSRouter
from .server.ports import Endpoint, Ports
from .server.root import Directory, Root
from .site import SockJSSite

__all__ = ["SockJSService"]

_T = TypeVar("_T")
# Of a DeferredList: whether each succeeded, and its result or Failure.
_Results = list[tuple[bool, Any]]

Static = Union[None, str, "os.PathLike[str]", IResource]

# How long connections may take, in seconds, to send their last bytes once all sessions are over.
DROP_DELAY = 2.0
POLL_INTERVAL = 0.05


class SockJSService(Service):
    """Serve routers, each at its own prefix, on one or more endpoints.

    ``endpoint`` is an endpoint string, an `IStreamServerEndpoint` or a list of these; ``static``
    is a directory or a resource for the paths that no router has; ``stop_timeout`` is how many
    seconds sessions get to end. ``bus`` is for those routers that have none yet; the buses of all
    are started and stopped with the service. ``ports.open_ports`` are the ports that listen.
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
        bus: Bus | None = None,
    ) -> None:
        reactor = reactor or global_reactor
        self.routers = _listed(routers)
        if not self.routers:
            raise SettingsError("a service must have at least one router, not none")
        root = Root(_fallback(static))
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
        self.ports = Ports(reactor, _listed(endpoint))
        self._reactor = reactor
        self._stop_timeout = stop_timeout
        self._started = False
        self._stopped: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """Listen. Raises `ListenError` if an endpoint fails at once."""
        super().privilegedStartService()
        self._started = True
        self.ports.open(self.site)

    def startService(self) -> None:
        """Listen, if that was not done with privileges before."""
        super().startService()
        if not self._started:
            self.privilegedStartService()
        for bus in self.buses:
            # Nobody waits: without its bus a node serves those who are its own.
            bus.start().addErrback(lambda failure: self._log.failure("a bus failed", failure))

    def stopService(self) -> Deferred[None]:
        """End all sessions in order; fires when no connection is left."""
        super().stopService()
        if self._stopped is None:
            self._stopped = Deferred.fromCoroutine(self._stop())
        return self._stopped

    async def _stop(self) -> None:
        # The ports stay open meanwhile: between two polls a client has no connection, and it has to
        # poll once more to get its close frame. The routers refuse new sessions.
        await self._bounded(
            [maybeDeferred(router.close, patience=self._stop_timeout) for router in self.routers]
        )
        await self._bounded(self.ports.close())
        for transport in self.site.connections():
            transport.unregisterProducer()  # TLS would wait for the channel, which is its producer
            transport.loseConnection()
        polls = round(
            DROP_DELAY / POLL_INTERVAL
        )  # counted, not timed: nothing is sent while the process is stopped
        while self.site.connections() and polls:
            polls -= 1
            await deferLater(self._reactor, POLL_INTERVAL)
        for transport in self.site.connections():
            transport.abortConnection()
        await self._bounded([bus.stop() for bus in self.buses])

    async def _bounded(self, ending: list[Deferred[Any]]) -> None:
        """Wait until all of these fired, for ``stop_timeout`` at most."""
        waiting: Deferred[_Results] = Deferred()

        def give_up() -> None:
            self._log.warn("not all had ended after {seconds} s", seconds=self._stop_timeout)
            waiting.callback([])

        def finish(results: _Results) -> None:
            if timer.active():
                timer.cancel()
                waiting.callback(results)

        timer = Deadline(self._reactor, self._stop_timeout, give_up)
        DeferredList(ending, consumeErrors=True).addCallback(finish)
        for succeeded, result in await waiting:
            if not succeeded:
                self._log.failure("a part of the service did not stop", result)


def _listed(value: _T | Iterable[_T]) -> list[_T]:
    several = isinstance(value, Iterable) and not isinstance(value, str)
    return list(cast("Iterable[_T]", value)) if several else [cast("_T", value)]


def _fallback(static: Static) -> IResource | None:
    if static is None or IResource.providedBy(static):
        return static
    if not os.path.isdir(static):
        raise SettingsError(f"static must be a directory, not {os.fspath(static)!r}")
    return Directory(os.fspath(static))
