"""The server of this project: ``/echo`` and ``/broadcast`` with the default settings."""

import reactors

reactors.install()

from leash import listening  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.web.resource import Resource  # noqa: E402

from txsockjs import SockJSConnection, SockJSRouter  # noqa: E402
from txsockjs.site import SockJSSite  # noqa: E402


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Broadcast(SockJSConnection):
    everyone = set()

    def on_open(self, info):
        self.everyone.add(self)

    def on_message(self, message):
        self.broadcast(self.everyone, message)

    def on_close(self):
        self.everyone.discard(self)


root = Resource()
routers = {b"echo": SockJSRouter(Echo), b"broadcast": SockJSRouter(Broadcast)}
for path, router in routers.items():
    root.putChild(path, router.resource())
site = SockJSSite(root, router.settings.max_body_size)
port = reactor.listenTCP(0, site, interface="127.0.0.1")
reactor.callWhenRunning(listening, port.getHost().port)
reactor.run()
