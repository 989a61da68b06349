"""`Report`: the figures of one process: its sessions, its bus, its reactor, its memory.

Rules: figures are read when somebody asks; going through the sessions takes bounded turns. An
answer is JSON.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from twisted import __version__ as twisted_version

from .. import __version__
from ..cluster.bus import Bus
from ..router import SockJSRouter
from .histogram import Histogram
from .lateness import Lateness
from .process import process_usage
from .turns import in_turns

#: Upper bounds, in bytes as the limits of mailboxes and output count them.
SIZES = (0, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
# How many sessions one turn goes through.
_STRETCH = 500


class SiteForReports(Protocol):
    """What a report needs from a site."""

    refused: int
    ended: dict[str, int]

    def connections(self) -> list[object]:
        """Return the transports that are still connected."""
        ...


class Report:
    """Answers the question ``report``; `stop` leaves no timer behind.

    The answer is a table::

        {"mounts": [{"mount", "transports": {name: {"open", "opened", "ended": {cause: ...},
                     "messages_in", "messages_out", "frames_out", "bytes_in", "bytes_out"}},
                     "refused": {cause: ...}, "dropped", "suspended", "connections", "claims",
                     "mailboxes": histogram, "outputs": histogram}],
         "buses": [{"node", "connected", "nodes", "counters": {name: ...}}],
         "site": {"connections", "refused", "ended": {cause: ...}} or None,
         "delay": histogram with "longest",
         "host": name, "process": `process_usage`, "versions": {"txsockjs", "twisted", "python"}}

    All are totals since the process began, except ``open``, ``suspended``, ``connections``,
    ``claims``, ``nodes``, ``connected`` and the histograms of mailboxes and outputs, which show the
    present. A histogram is as `Histogram.dump` returns it.
    """

    def __init__(
        self,
        routers: Iterable[SockJSRouter],
        reactor: IReactorTime,
        site: SiteForReports | None = None,
    ) -> None:
        self._routers = list(routers)
        self._reactor = reactor
        self._site = site
        self._lateness = Lateness(reactor)

    def stop(self) -> None:
        """Stop measuring the reactor's delays."""
        self._lateness.stop()

    async def answer(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Return the table; takes no arguments."""
        mounts = [await self._mount(router) for router in self._routers]
        buses = {id(router.bus): router.bus for router in self._routers if router.bus is not None}
        return {
            "mounts": mounts,
            "buses": [_bus(bus) for bus in buses.values()],
            "site": None if self._site is None else _of_site(self._site),
            "delay": self._lateness.ask(),
            "host": platform.node(),
            "process": process_usage(),
            "versions": {
                "txsockjs": __version__,
                "twisted": twisted_version,
                "python": platform.python_version(),
            },
        }

    async def _mount(self, router: SockJSRouter) -> dict[str, object]:
        stats = router.stats
        mailboxes, outputs = Histogram(SIZES), Histogram(SIZES)
        async for session in in_turns(router.sessions, self._reactor, _STRETCH):
            if session.transport and session.close_reason is None:
                stats.add_up(session)
                for_application, for_client = session.waiting
                mailboxes.add(for_application)
                outputs.add(for_client)
        off = router.settings.disabled_transports
        return {
            "mount": router.prefix or "/",
            "transports": {
                name: traffic.dump()
                for name, traffic in stats.transports.items()
                if traffic.opened or name not in off
            },
            "refused": dict(stats.refusals),
            "dropped": stats.messages_dropped,
            "suspended": len(router.suspended),
            "connections": stats.connections_active,
            "claims": 0 if router.relay is None else router.relay.claimed,
            "mailboxes": mailboxes.dump(),
            "outputs": outputs.dump(),
        }


def _bus(bus: Bus) -> dict[str, object]:
    return {
        "node": bus.node,
        "connected": bus.connected,
        "nodes": len(bus.nodes),
        "counters": dict(bus.counters),
    }


def _of_site(site: SiteForReports) -> dict[str, object]:
    return {
        "connections": len(site.connections()),
        "refused": site.refused,
        "ended": dict(site.ended),
    }
