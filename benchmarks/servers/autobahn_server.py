"""Plain Autobahn: a websocket echo without SockJS, but for the letters that make its frames.

What a client sends is a JSON array of messages, and what it wants back is an ``a`` before it.
"""

import reactors

reactors.install()

from autobahn.twisted.websocket import (  # noqa: E402
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from leash import listening  # noqa: E402
from twisted.internet import reactor  # noqa: E402


class Echo(WebSocketServerProtocol):
    def onOpen(self):
        self.sendMessage(b"o")

    def onMessage(self, payload, isBinary):
        self.sendMessage(b"a" + payload)


class Broadcast(Echo):
    everyone = set()

    def onOpen(self):
        self.everyone.add(self)
        self.sendMessage(b"o")

    def onMessage(self, payload, isBinary):
        prepared = self.factory.prepareMessage(b"a" + payload)
        for one in self.everyone:
            one.sendPreparedMessage(prepared)

    def onClose(self, wasClean, code, reason):
        self.everyone.discard(self)


class Factory(WebSocketServerFactory):
    def buildProtocol(self, addr):
        protocol = Chooser()
        protocol.factory = self
        return protocol


class Chooser(Echo):
    def onConnect(self, request):
        if request.path.startswith("/broadcast"):
            self.__class__ = Broadcast


port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
reactor.callWhenRunning(listening, port.getHost().port)
reactor.run()
