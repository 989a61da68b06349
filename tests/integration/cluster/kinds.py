"""The kinds of buses that the common tests run against: how nodes of each are made and ended.

A kind makes nodes on the real reactor, and can end one as a killed process ends: at once and
without a word. ``cut`` and ``heal`` keep a node from its broker; None where there is no broker.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet import reactor

from txsockjs.cluster.bus import Bus
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork


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
        self.network = MemoryNetwork(reactor, lease=0.7, renewal=0.1)
        self.buses: list[MemoryBus] = []

    async def make(self) -> Bus:
        bus = MemoryBus(self.network)
        self.buses.append(bus)
        return bus

    async def kill(self, bus: Any) -> None:
        self.network.kill(bus)

    async def cut(self, bus: Any) -> None:
        self.network.cut(bus)

    async def heal(self, bus: Any) -> None:
        self.network.heal(bus)

    async def end(self) -> None:
        for bus in self.buses:
            bus.stop()


#: By name. A kind that needs a program which is not here is made by `needed`.
KINDS: dict[str, Callable[[], Kind]] = {"memory": Memory}

__all__ = ["KINDS", "Kind", "Memory"]
