"""A resource that echoes bodies, on a site in memory, and the requests for it."""

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from zope.interface import directlyProvides, providedBy

from txsockjs.site import SockJSSite

LIMIT = 1000
ADDRESS = IPv4Address("TCP", "127.0.0.1", 1)


class Echo(Resource):
    isLeaf = True

    def render_POST(self, request):
        return b"got %d" % len(request.content.read())


class Transport(StringTransport):
    """An in-memory TCP connection that records how its server ended it."""

    connected = True
    aborted = half_closed = False

    def setTcpNoDelay(self, enabled):
        self.no_delay = enabled

    def loseWriteConnection(self):
        self.half_closed = True

    def abortConnection(self):
        self.aborted = True
        super().abortConnection()

    def close(self, channel):
        self.connected = False
        channel.connectionLost(Failure(ConnectionDone()))


def connecting():
    """Give a function that connects to a new site; in the end no connection or timer is left."""
    clock = Clock()
    opened = []

    def connect(limit=LIMIT, secure=False):
        site = SockJSSite(Echo(), (), limit, reactor=clock)
        channel = site.buildProtocol(ADDRESS)
        transport = Transport(hostAddress=ADDRESS, peerAddress=ADDRESS)
        if secure:
            directlyProvides(transport, ISSLTransport, providedBy(transport))
        channel.makeConnection(transport)
        opened.append((channel, transport))
        return site, channel, transport

    yield connect
    for channel, transport in opened:
        if transport.connected:
            transport.close(channel)
    assert clock.getDelayedCalls() == []


def post(*headers, body=b""):
    lines = (b"POST / HTTP/1.1", b"Host: a", *headers, b"", b"")
    return b"\r\n".join(lines) + body


def length(size):
    return b"Content-Length: %d" % size
