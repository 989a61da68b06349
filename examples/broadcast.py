"""A program of its own that tells all its clients the time, once a second.

Run it with ``python broadcast.py tcp:8080:interface=127.0.0.1``.
"""

import sys
import time

from twisted.internet import reactor, task
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService


class Listener(SockJSConnection):
    everyone = set()

    def on_open(self, info):
        self.everyone.add(self)

    def on_close(self):
        self.everyone.discard(self)


globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
router = SockJSRouter(Listener, "/time")
service = SockJSService(sys.argv[1], router)
service.startService()
reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
task.LoopingCall(lambda: router.broadcast(Listener.everyone, time.ctime())).start(1)
reactor.run()
