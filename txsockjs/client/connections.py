"""`Connections`: what HTTP requests go over, so that it ends with the session.

Rules: an end is said, and the server has `CLOSE_TIMEOUT` to agree; one that is gone, or that goes
on sending, would keep a connection over TLS for ever. Heads are bounded, which Twisted's are not.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ..actors.deadlines import Deadline

# In seconds.
CLOSE_TIMEOUT = 5.0
# In bytes; what comes together with its end is not counted.
_LONGEST_HEAD = 64 * 1024


@implementer(IAgentEndpointFactory)
class Connections:
    """Makes connections as ``endpoints`` does, and knows which are open."""

    def __init__(self, reactor: Any, endpoints: IAgentEndpointFactory) -> None:
        self.reactor = reactor
        self.open: dict[Any, int] = {}
        self._endpoints = endpoints

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint of a server."""
        endpoint: IStreamClientEndpoint = _Endpoint(self, self._endpoints.endpointForURI(uri))
        return endpoint

    def end(self, at_once: bool) -> None:
        """End all that are open; ``at_once`` is whether the server is not told."""
        for connection in list(self.open):
            if at_once:
                connection.abortConnection()
            else:
                connection.end(self.reactor)


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, connections: Connections, endpoint: IStreamClientEndpoint) -> None:
        self._connections = connections
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        factory = _Factory(protocolFactory)
        factory.protocols = self._connections.open
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(_unwrapped)


class _Connection(ProtocolWrapper):
    """One connection."""

    _patience: Deadline | None = None
    # How much of a head has come; None in a body.
    _head: int | None = 0

    def write(self, data: bytes) -> None:
        """Send a part of a request, which is answered by a head."""
        self._head = 0
        super().write(data)

    def pauseProducing(self) -> None:
        """Read nothing: until somebody takes the body, at the end of a head."""
        self._head = None
        transport: Any = self.transport
        transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """Pass on what came, unless it is more than any head has."""
        if self._head is not None:
            if self._head > _LONGEST_HEAD:
                self.abortConnection()
                return
            self._head += len(data)
        super().dataReceived(data)

    def end(self, reactor: Any) -> None:
        """Say the end, and wait for it."""
        if self._patience is None:
            self._patience = Deadline(reactor, CLOSE_TIMEOUT, self.abortConnection)
            self.resumeProducing()  # the server's word is read
            self.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Wait no more."""
        if self._patience is not None:
            self._patience.cancel()
        super().connectionLost(reason)


class _Factory(WrappingFactory):
    noisy = False
    protocol = _Connection


def _unwrapped(connection: _Connection) -> Any:
    protocol = connection.wrappedProtocol
    if protocol is None:  # some endpoints wait between the connection and this
        raise ConnectionLost()
    return protocol
