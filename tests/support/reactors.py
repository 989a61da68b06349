"""A reactor in memory that resolves the names of hosts, as Twisted before 25 asks of one."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostResolution, IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Nothing is under way."""


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """Every name is its address."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver: Any = self

    def installNameResolver(self, resolver: Any) -> Any:
        raise NotImplementedError

    def resolveHostName(
        self,
        receiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        receiver.resolutionBegan(_Resolution(hostName))
        receiver.addressResolved(IPv4Address("TCP", hostName, portNumber))
        receiver.resolutionComplete()
        return receiver
