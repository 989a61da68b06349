"""Statistics written for sockjs-tornado: one endpoint broadcasts, another one reports on it.

Only the imports and what is under ``__main__`` were changed for txsockjs.
Run it with ``python stats.py tcp:8080:interface=127.0.0.1``.
"""

import json
import sys

from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs.service import SockJSService
from txsockjs.tornado import SockJSConnection, SockJSRouter
from txsockjs.tornado.migrate import PeriodicCallback


class BroadcastConnection(SockJSConnection):
    clients = set()

    def on_open(self, info):
        self.clients.add(self)

    def on_message(self, message):
        self.broadcast(self.clients, message)

    def on_close(self):
        self.clients.remove(self)


class StatsConnection(SockJSConnection):
    def on_open(self, info):
        self.report()
        self.timer = PeriodicCallback(self.report, 1000)
        self.timer.start()

    def on_close(self):
        self.timer.stop()

    def report(self):
        self.send(json.dumps(BroadcastRouter.stats.dump()))


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    BroadcastRouter = SockJSRouter(BroadcastConnection, "/broadcast")
    StatsRouter = SockJSRouter(StatsConnection, "/statsconn")
    service = SockJSService(sys.argv[1], [BroadcastRouter, StatsRouter])
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
