"""Endpoints of a server that listen on nothing, and note what happened to their ports."""

from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from zope.interface import implementer

ADDRESS = IPv4Address("TCP", "127.0.0.1", 8080)


class Port:
    """A port that listens, and the Deferred of its end."""

    def __init__(self, happened, address):
        self.happened = happened
        self.address = address
        self.closed = succeed(None)

    def getHost(self):
        return self.address

    def stopListening(self):
        self.happened.append("port closed")
        return self.closed


@implementer(IStreamServerEndpoint)
class Endpoint:
    """An endpoint with one result, and a record of what happened to its port."""

    def __init__(self, happened=None, result=None, address=ADDRESS):
        self.happened = [] if happened is None else happened
        self.port = Port(self.happened, address)
        self.result = succeed(self.port) if result is None else result

    def __repr__(self):
        return "<Endpoint>"

    def listen(self, factory):
        self.happened.append("listening")
        return self.result
