"""The server of this project: ``/echo``, ``/broadcast``, ``/room`` with the default settings.

With the argument ``scraped`` its metrics are read once a second.
"""

import gc
import sys

import reactors

reactors.install()

from leash import listening  # noqa: E402
from twisted.internet import reactor, task  # noqa: E402
from twisted.internet.defer import ensureDeferred  # noqa: E402

from txsockjs import SockJSConnection, SockJSRouter  # noqa: E402
from txsockjs.service import SockJSService  # noqa: E402

try:
    from txsockjs.cli.garbage import look_seldom  # as `twistd sockjs` does
except ImportError:  # the code of an earlier revision
    look_seldom = gc.collect


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


class Room(SockJSConnection):
    def on_open(self, info):
        self.join("everyone")

    def on_message(self, message):
        self.room("everyone").send(message)


classes = {"/echo": Echo, "/broadcast": Broadcast, "/room": Room}
routers = [SockJSRouter(cls, prefix) for prefix, cls in classes.items()]
service = SockJSService("tcp:0:interface=127.0.0.1", routers)
service.startService()
if "scraped" in sys.argv:
    from txsockjs.admin.asking import Here
    from txsockjs.admin.metrics import metrics

    async def scrape():
        answer = await metrics(Here(reactor, service.answers))
        assert answer.status == 200, answer.body

    def failed(failure):
        failure.printTraceback()
        reactor.stop()  # which fails the row

    task.LoopingCall(lambda: ensureDeferred(scrape())).start(1.0).addErrback(failed)
reactor.callWhenRunning(look_seldom)
reactor.callWhenRunning(lambda: listening(service.ports.open_ports[0].getHost().port))
reactor.run()
