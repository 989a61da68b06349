"""`Connections`: the connections of a session's HTTP requests, which end with the session.

Rules: the server is told of the end, and has `CLOSE_TIMEOUT` to agree; otherwise a server that is
gone, or keeps sending, would keep a TLS connection open for ever. Response heads are bounded, which
Twisted does not do.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ..actors.deadlines import Deadline

# In seconds.
CLOSE_TIMEOUT = 5.0
# In bytes; what arrives together with the end of the head is not counted.
_LONGEST_HEAD = 64 * 1024


@implementer(IAgentEndpointFactory)
class Connections:
    """Makes connections through ``endpoints``, and knows which are open."""

    def __init__(self, reactor: IReactorTime, endpoints: IAgentEndpointFactory) -> None:
        self.reactor = reactor
        self.open: dict[Any, int] = {}
        self._endpoints = endpoints

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint of a server."""
        endpoint: IStreamClientEndpoint = _Endpoint(self, self._endpoints.endpointForURI(uri))
        return endpoint

    def end(self, at_once: bool) -> None:
        """End all open connections; ``at_once`` drops them without telling the server."""
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
    # How many bytes of a head have arrived; None in a body.
    _head: int | None = 0

    def write(self, data: bytes) -> None:
        """Send a part of a request; the answer begins with a head."""
        self._head = 0
        super().write(data)

    def pauseProducing(self) -> None:
        """Stop reading, as at the end of a head, until somebody takes the body."""
        self._head = None
        transport: Any = self.transport
        transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """Pass on the data, unless it is more than any head may have."""
        if self._head is not None:
            if self._head > _LONGEST_HEAD:
                self.abortConnection()
                return
            self._head += len(data)
        super().dataReceived(data)

    def end(self, reactor: IReactorTime) -> None:
        """End the connection, and wait for the server's end."""
        if self._patience is None:
            self._patience = Deadline(reactor, CLOSE_TIMEOUT, self.abortConnection)
            self.resumeProducing()  # to read the server's end
            self.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Stop waiting."""
        if self._patience is not None:
            self._patience.cancel()
        super().connectionLost(reason)


class _Factory(WrappingFactory):
    noisy = False
    protocol = _Connection


def _unwrapped(connection: _Connection) -> object:
    protocol = connection.wrappedProtocol
    if protocol is None:  # some endpoints build the protocol some time after they connect
        raise ConnectionLost()
    return protocol
