"""`AdminSite`: an admin site on its own endpoint.

Rules: bodies are bounded, and no connection is kept for ever. A site that other machines can reach
is exposed; the bound port decides this, not the endpoint's description.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger

from ..server.ports import Endpoint, Ports
from ..site import SockJSSite
from .guard import NO_TOKEN, is_loopback
from .request import LONGEST_BODY
from .resource import AdminResource

_log = Logger()


class AdminSite:
    """An admin site, served by ``ports`` once opened; without an ``endpoint`` there is none.

    ``options`` are those of `AdminResource`.
    """

    def __init__(self, reactor: IReactorTime, endpoint: Endpoint | None, **options: Any) -> None:
        self.ports = Ports(reactor, [] if endpoint is None else [endpoint])
        self.resource: AdminResource | None = None
        if endpoint is not None:
            self.resource = AdminResource(reactor=reactor, **options)
            self._site = SockJSSite(self.resource, max_body_size=2 * LONGEST_BODY, reactor=reactor)
            self._site.displayTracebacks = False

    def open(self) -> None:
        """Listen; raise `ListenError`."""
        if self.resource is None:
            return
        self.ports.open(self._site)
        local = [_is_local(port.getHost()) for port in self.ports.open_ports]
        if local and all(local):
            return
        # An endpoint that opens late counts as exposed, because its address is not known yet.
        self.resource.guard.expose()
        if not self.resource.guard.has_token:
            _log.warn("the admin site has /health and /ready only: {rule}", rule=NO_TOKEN)

    def close(self) -> Deferred[Any]:
        """Accept nothing more, and tell the page's watchers; fires when that is done."""
        ending = [*self.ports.close()]
        if self.resource is not None:
            ending.append(self.resource.close())
        return DeferredList(ending, consumeErrors=True)


def _is_local(address: IAddress | None) -> bool:
    return isinstance(address, UNIXAddress) or is_loopback(getattr(address, "host", ""))
