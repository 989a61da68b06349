"""The kinds of buses that the common tests run against: how nodes of each are made and ended.

A kind makes nodes on the real reactor, and can end one as a killed process ends: at once and
without a word. ``cut`` and ``heal`` keep a node from its broker; None where there is no broker.
No lease ends by itself, however long the machine stands still: that of a node that is killed is
ended by hand, and the others see it when they next renew theirs.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from typing import Any, Callable

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.protocol import Factory

from txsockjs.cluster.bus import Bus
from txsockjs.cluster.directory import Directory
from txsockjs.cluster.local import LocalBus
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork
from txsockjs.cluster.redis import RedisBus

from .redis_server import RedisServer
from .waiting import until

LEASE = 60.0  # seconds, longer than any test


class Kind:
    """A kind of bus. ``make`` makes a node that is not started; ``end`` ends all that it made."""

    can_be_cut = True

    async def make(self) -> Bus:
        raise NotImplementedError

    async def kill(self, bus: Any) -> None:
        """End a node as a process that is killed."""
        raise NotImplementedError

    async def cut(self, bus: Any) -> None:
        """Keep a node from its broker, until `heal`."""
        raise NotImplementedError

    async def heal(self, bus: Any) -> None:
        raise NotImplementedError

    async def end(self) -> None:
        """End all, and leave nothing behind."""


class Memory(Kind):
    def __init__(self) -> None:
        self.network = MemoryNetwork(reactor, lease=LEASE, renewal=0.1)
        self.buses: list[MemoryBus] = []

    async def make(self) -> Bus:
        bus = MemoryBus(self.network)
        self.buses.append(bus)
        return bus

    async def kill(self, bus: Any) -> None:
        self.network.kill(bus)
        self.network.leases[bus.node] = 0.0

    async def cut(self, bus: Any) -> None:
        self.network.cut(bus)

    async def heal(self, bus: Any) -> None:
        self.network.heal(bus)

    async def end(self) -> None:
        for bus in self.buses:
            bus.stop()


class Local(Kind):
    can_be_cut = False

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="sockjs-")
        self.directory = Directory(reactor)  # type: ignore[arg-type]
        self.buses: list[LocalBus] = []

    async def make(self) -> Bus:
        ours, theirs = socket.socketpair()
        factory = Factory.forProtocol(self.directory.member)  # type: ignore[arg-type]
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)  # type: ignore[attr-defined]
        ours.close()
        bus = LocalBus(reactor, theirs.detach(), self.folder)
        self.buses.append(bus)
        return bus

    async def kill(self, bus: Any) -> None:
        bus._stopped = True
        bus._control.transport.abortConnection()
        for peer in bus._peers.values():
            peer.transport.abortConnection()
        await bus._port.stopListening()

    async def end(self) -> None:
        for bus in self.buses:
            if bus.reached:
                await bus.stop()
        self.directory.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Kind):
    def __init__(self) -> None:
        self.server = RedisServer()
        self.server.start()
        self.buses: list[RedisBus] = []

    async def make(self) -> Bus:
        bus = RedisBus(self.server.url, reactor, lease=LEASE, renewal=0.2)
        self.buses.append(bus)
        return bus

    async def kill(self, bus: Any) -> None:
        # Or what is on its way would renew the lease after its end.
        await until(lambda: bus._leases._asked_at is None, "it was renewed")
        bus._connection._running = False
        bus._leases.stop()
        bus._links.stop()
        bus._stopped = True
        bus._connection.abort()
        self.server.end_lease(bus.node)

    async def cut(self, bus: Any) -> None:
        bus._connection.url = bus.url._replace(port=1)
        bus._connection.abort()

    async def heal(self, bus: Any) -> None:
        bus._connection.url = bus.url

    async def end(self) -> None:
        for bus in self.buses:
            await bus.stop()
        self.server.end()


#: By name. A kind that needs a program which is not here is made by `needed`.
KINDS: dict[str, Callable[[], Kind]] = {"memory": Memory, "local": Local, "redis": Redis}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Run a test with each kind."""
    found = KINDS[request.param]()
    yield found
    pytest_twisted.blockon(ensureDeferred(found.end()))


__all__ = ["KINDS", "Kind", "Memory", "Redis", "kind"]
