"""A program of its own that tells all its clients the time, once a second.

Run it with ``python broadcast.py``; an endpoint to listen on may follow.
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
endpoint = sys.argv[1] if sys.argv[1:] else "tcp:8080:interface=127.0.0.1"
service = SockJSService(endpoint, router)
service.startService()
reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
task.LoopingCall(lambda: router.broadcast(Listener.everyone, time.ctime())).start(1)
reactor.run()
