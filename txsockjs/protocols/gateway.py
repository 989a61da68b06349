"""`Upstream`: a client endpoint that sessions are bridged to, with no application in between.

Rules: each session has its own connection; bytes pass unchanged, text or binary; the faster side is
paused while the slower one does not read. When one side ends, the other is closed. The browser gets
the reason in fixed words, and details go to the log.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet import defer, error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import (
    IAddress,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.connection import SockJSConnection
from ..actors.deadlines import Deadline, Patience
from ..errors import SettingsError
from ..server.ports import what_is_wrong
from .connection import connection_class
from .transport import Reason, SockJSTransport

_log = Logger()

CONNECT_TIMEOUT = 30.0

# How many seconds an upstream has to read what a browser sent before it left.
CLOSE_TIMEOUT = 30.0

UPSTREAM_CLOSED: Reason = (3000, "Upstream closed the connection")
# 1014 is registered for gateways (RFC 6455 section 11.7, the IANA registry).
UPSTREAM_LOST: Reason = (1014, "Upstream connection lost")
UNREACHABLE: Reason = (1014, "Cannot connect upstream")
TIMED_OUT: Reason = (1014, "Upstream did not answer in time")

_TIMEOUTS = (error.TimeoutError, defer.TimeoutError)


@dataclass(frozen=True)
class Upstream:
    """A client endpoint as text, such as ``tcp:irc.example.net:6667``, and how to bridge to it.

    ``connect_timeout`` is in seconds; ``fallback_encoding`` is the encoding of bytes that are not
    UTF-8, for browsers that only take text (see `SockJSTransport`).
    """

    description: str
    connect_timeout: float = CONNECT_TIMEOUT
    fallback_encoding: str | None = None

    def connection(self, reactor: IReactorTime) -> type[SockJSConnection]:
        """Make the connection class that bridges to the endpoint.

        Raises `SettingsError` if the text does not describe an endpoint.
        """
        try:
            endpoint = clientFromString(reactor, self.description)
        except Exception as wrong:  # parsers, plugins included, may raise anything
            why = what_is_wrong(self.description, wrong)
            raise SettingsError(f"cannot bridge to {self.description!r}: {why}") from wrong
        gateway = Gateway(endpoint, reactor, self.connect_timeout, self.description)
        return connection_class(gateway, self.fallback_encoding)


class Gateway(Factory):
    """Makes a bridge for each session; ``name`` is the endpoint's name in the log."""

    noisy = False

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: IReactorTime,
        connect_timeout: float = CONNECT_TIMEOUT,
        name: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.reactor = reactor
        self.connect_timeout = connect_timeout
        self.name = name or repr(endpoint)

    def buildProtocol(self, addr: IAddress | None) -> Bridge:
        """Make the browser's end of a bridge."""
        return Bridge(self)


@implementer(IPushProducer)
class Bridge(Protocol):
    """The browser's end of a bridge: connects upstream and passes on the browser's messages.

    It is the producer of the upstream connection, so that a slow upstream pauses the browser.
    """

    transport: SockJSTransport

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connecting: Deferred[Any] | None = None
        self._upstream: Any | None = None
        self._over = False
        self._closing: Deadline | None = None

    # -- the browser

    def connectionMade(self) -> None:
        """Connect upstream; the browser's messages wait until that is done."""
        self.transport.pauseProducing()
        gateway = self._gateway
        self._connecting = gateway.endpoint.connect(_UpstreamFactory(self))
        clock: Any = Patience(gateway.reactor)
        self._connecting.addTimeout(gateway.connect_timeout, clock)
        self._connecting.addErrback(self._failed)

    def dataReceived(self, data: bytes) -> None:
        """Pass on the browser's messages."""
        if self._upstream is not None:
            self._upstream.write(data)

    def connectionLost(self, reason: object = None) -> None:
        """Close upstream once it has read what the browser sent, or after `CLOSE_TIMEOUT`."""
        self._over = True
        if self._upstream is not None:
            upstream, self._upstream = self._upstream, None
            upstream.unregisterProducer()
            reactor = self._gateway.reactor
            self._closing = Deadline(reactor, CLOSE_TIMEOUT, upstream.abortConnection)
            upstream.loseConnection()
        elif self._connecting is not None:
            self._connecting.cancel()

    # -- the upstream connection

    def connected_upstream(self, end: _UpstreamEnd) -> None:
        """Pass bytes both ways, each as fast as the other side reads."""
        upstream: Any = end.transport
        if self._over:
            upstream.loseConnection()
            return
        self._upstream = upstream
        upstream.registerProducer(self, True)
        self.transport.registerProducer(end, True)
        self.transport.resumeProducing()

    def lost_upstream(self, reason: Failure) -> None:
        """Close the browser's session, with a code that tells how the upstream ended."""
        self._upstream = None
        if self._closing is not None:
            closing, self._closing = self._closing, None
            closing.cancel()
        if not self._over:
            clean = reason.check(error.ConnectionDone)
            self._end(UPSTREAM_CLOSED if clean else UPSTREAM_LOST)

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        if not self._over:
            _log.warn(
                "cannot connect {peer} to {name}: {why}",
                peer=self.transport.getPeer(),
                name=self._gateway.name,
                why=failure.getErrorMessage(),
            )
            self._end(TIMED_OUT if failure.check(*_TIMEOUTS) else UNREACHABLE)

    def _end(self, reason: Reason) -> None:
        self._over = True
        self.transport.unregisterProducer()
        self.transport.loseConnection(*reason)

    # -- IPushProducer: tells whether the upstream reads

    def pauseProducing(self) -> None:
        """Pause the browser."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Resume the browser."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: `lost_upstream` is called with the reason."""


class _UpstreamFactory(Factory):
    """Makes the upstream end of a bridge."""

    noisy = False

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _UpstreamEnd(self._bridge)


@implementer(IPushProducer)
class _UpstreamEnd(Protocol):
    """The upstream end of a bridge, and the producer of what the browser reads."""

    transport: Any

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def connectionMade(self) -> None:
        self._bridge.connected_upstream(self)

    def dataReceived(self, data: bytes) -> None:
        self._bridge.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self._bridge.lost_upstream(reason)

    def pauseProducing(self) -> None:
        """Pause the upstream."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Resume the upstream."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: `Bridge.connectionLost` closes the upstream, after the browser's messages."""
