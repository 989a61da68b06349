"""`Output`: the writing side of a site's connection, and whether its peer reads.

Rules: the transport has a producer once something was written (`tcp.write`), and none while the
connection ends, because TLS would not end with one. The peer's time to take data starts when the
data has to wait.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from zope.interface import implementer

from ..http.exchange import Exchange
from ..http.page import Page
from .tcp import tune, unsent, watch, write
from .timeouts import Progress


class SiteForConnections(Protocol):
    """What a connection needs from its site."""

    max_body_size: int
    reactor: IReactorTime
    #: The pages of each router by its path, below ``/<server>/<session>/``.
    pages: Mapping[str, Mapping[str, Page]]

    # `Any`: the site also takes the channels of twisted.web, which are not `Output`.
    def enter(self, connection: Any) -> None:
        """Note a new connection, and check from time to time whether its time is over."""

    def leave(self, connection: Any) -> None:
        """Forget a connection that ended or has another protocol now."""

    def web_protocol(self, address: IAddress | None) -> Any:
        """Make the protocol of twisted.web for a connection."""


@implementer(IPushProducer)
class Output:
    """The writing side of a connection; its producer methods tell the current exchange."""

    __slots__ = (
        *("_address", "_exchange", "_leaving", "_registered", "_site", "described"),
        *("peer_timeout", "transport"),
    )

    def __init__(self, site: SiteForConnections, address: IAddress | None) -> None:
        self._site = site
        self._address = address
        self._exchange: Exchange | None = None
        self._leaving: Progress | None = None  # while the peer has written data to take
        self._registered = False  # whether this is the transport's producer
        self.peer_timeout: float | None = None  # the one set in the options of the socket
        self.described: tuple[bytes, bytes] | None = None  # as of `direct.ConnectionForExchanges`
        self.transport: Any | None = None

    @property
    def address(self) -> IAddress | None:
        """The address at the other end."""
        if self._address is not None and isinstance(self.transport, tcp.Connection):
            return self._address
        peer: IAddress = self.transport.getPeer()  # type: ignore[union-attr]
        return peer  # the transport may know better by now

    def keep_description(self, head: bytes, description: bytes) -> None:
        """Keep the description of requests with this head."""
        self.described = (head, description)

    def set_peer_timeout(self, seconds: float) -> None:
        """Set it in the options of the socket."""
        self.peer_timeout = seconds
        tune(self, seconds)

    def send(self, data: bytes) -> None:
        """Write."""
        if self.transport is not None:
            if not self._registered:
                self._register()
            write(self.transport, data, self)

    def _register(self) -> None:
        transport: Any = self.transport
        self._registered = True
        watch(transport, self)
        with contextlib.suppress(AttributeError, OSError):  # not TCP after all
            transport.setTcpNoDelay(True)

    def _unregister(self) -> None:
        # TLS does not end while it has a producer.
        if self._registered:
            self._registered = False
            self.transport.unregisterProducer()  # type: ignore[union-attr]

    def _lose(self) -> None:
        """End once the peer has taken everything written."""
        transport: Any = self.transport
        if self._leaving is None:
            self._watch_leaving()
        self._unregister()
        transport.loseConnection()

    def _watch_leaving(self) -> None:
        self._leaving = Progress(self._site.reactor.seconds(), -unsent(self.transport))

    # -- IPushProducer: the transport tells whether the peer reads

    def pauseProducing(self) -> None:
        self._watch_leaving()
        if self._exchange is not None:
            self._exchange.pauseProducing()

    def resumeProducing(self) -> None:
        self._leaving = None
        if self._exchange is not None:
            self._exchange.resumeProducing()

    def stopProducing(self) -> None:
        if self._exchange is not None:
            self._exchange.stopProducing()
