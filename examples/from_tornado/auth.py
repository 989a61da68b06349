"""Authentication by a message, written for sockjs-tornado: first a token, then anything.

A client says ``auth,TOKEN`` and then ``say,TEXT``, or ``who`` for a list of who is there. Only the
imports and what is under ``__main__`` were changed for txsockjs.
Run it with ``python auth.py tcp:8080:interface=127.0.0.1``.
"""

import sys

from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs.service import SockJSService
from txsockjs.tornado import SockJSConnection, SockJSRouter

TOKENS = {"1234": "ann", "5678": "bob"}


class AuthConnection(SockJSConnection):
    users = {}

    def on_open(self, request):
        if request.get_argument("banned"):
            return False
        self.user = None
        return True

    def on_message(self, message):
        verb, _, text = message.partition(",")
        if verb == "auth":
            self.enter(TOKENS.get(text))
        elif self.user is None:
            self.send({"error": "say who you are"})
        elif verb == "say":
            self.broadcast(self.users.values(), {"from": self.user, "text": text})
        elif verb == "who":
            self.send(sorted(self.users))

    def enter(self, user):
        if user is None:
            self.session.close(4001, "Unknown token")
        else:
            self.user = user
            self.users[user] = self

    def on_close(self):
        if self.user is not None:
            del self.users[self.user]


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    AuthRouter = SockJSRouter(AuthConnection, "/auth")
    service = SockJSService(sys.argv[1], AuthRouter)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
