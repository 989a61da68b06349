"""A chat room written for sockjs-tornado: everybody hears what anybody says.

Only the imports and what is under ``__main__`` were changed for txsockjs.
Run it with ``python chat.py tcp:8080:interface=127.0.0.1``.
"""

import sys

from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs.service import SockJSService
from txsockjs.tornado import SockJSConnection, SockJSRouter


class ChatConnection(SockJSConnection):
    participants = set()

    def on_open(self, info):
        self.info = info
        self.broadcast(self.participants, f"Someone joined from {info.ip}.")
        self.participants.add(self)

    def on_message(self, message):
        if message == "/quit":
            self.close()
        else:
            self.broadcast(self.participants, message)

    def on_close(self):
        self.participants.remove(self)
        self.broadcast(self.participants, f"Someone from {self.info.ip} left.")


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    ChatRouter = SockJSRouter(ChatConnection, "/chat")
    service = SockJSService(sys.argv[1], ChatRouter)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
