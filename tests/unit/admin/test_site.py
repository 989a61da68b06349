"""An admin site on an endpoint: whether it is exposed is told by the port."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import capturedLogs
from zope.interface import implementer

from txsockjs.admin.site import AdminSite

from ...support.memory import Lab


class Port:
    def __init__(self, address: Any) -> None:
        self.address = address

    def getHost(self) -> Any:
        return self.address

    def stopListening(self) -> None:
        pass


@implementer(IStreamServerEndpoint)
class Endpoint:
    """Listens at an address at once, or never."""

    def __init__(self, address: Any) -> None:
        self.address = address

    def listen(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        return Deferred() if self.address is None else succeed(Port(self.address))


def opened(lab: Lab, address: Any, **options: Any) -> tuple[bool, list[str]]:
    """Return whether a site there is exposed, and what it warned of."""
    lab.clock.callWhenRunning = lambda *arguments, **more: None  # type: ignore[attr-defined]
    site = AdminSite(lab.clock, Endpoint(address), routers=[lab.router], **options)
    with capturedLogs() as logs:
        site.open()
    warnings = [str(event.get("rule")) for event in logs if event.get("rule")]
    here = IPv4Address("TCP", "127.0.0.1", 1)
    assert site.resource is not None
    exposed = site.resource.guard.needs_token({}, here)
    site.close()
    return exposed, warnings


@pytest.mark.parametrize(
    "address",
    [
        IPv4Address("TCP", "127.0.0.1", 8081),
        IPv6Address("TCP", "::1", 8081),
        UNIXAddress(b"/run/admin"),
    ],
)
def test_on_this_machine_it_is_not(address: Any) -> None:
    lab = Lab()
    assert opened(lab, address) == (False, [])
    lab.settle()


@pytest.mark.parametrize(
    "address",
    [
        IPv4Address("TCP", "0.0.0.0", 8081),
        IPv4Address("TCP", "192.0.2.1", 8081),
        IPv6Address("TCP", "::", 8081),
        None,
    ],
)
def test_elsewhere_it_is_and_says_what_is_missing(address: Any) -> None:
    lab = Lab()
    exposed, warnings = opened(lab, address)
    assert exposed
    assert len(warnings) == 1
    assert "--admin-token" in warnings[0]
    assert opened(lab, address, token="a-token-of-the-tests") == (True, [])
    lab.settle()


def test_there_need_not_be_one() -> None:
    lab = Lab()
    site = AdminSite(lab.clock, None, routers=[lab.router])
    site.open()
    gone: list[Any] = []
    site.close().addCallback(gone.append)
    assert gone == [[]]
    lab.settle()
