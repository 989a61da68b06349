"""Members only: the first message must be a token, and it must come in time.

Run it with ``twistd -n sockjs --app auth.Members --prefix /members``.
"""

from twisted.internet import reactor

from txsockjs import SockJSConnection

TOKENS = {"a-long-random-string": "Ann", "another-long-random-string": "Bob"}
DEADLINE = 5.0


class Members(SockJSConnection):
    name = None

    def on_open(self, info):
        self.deadline = reactor.callLater(DEADLINE, self.close, 4001, "Too late")

    def on_message(self, message):
        if self.name is not None:
            self.send(f"{self.name} said {message}")
        elif message in TOKENS:
            self.name = TOKENS[message]
            self.deadline.cancel()
            self.send(f"welcome, {self.name}")
        else:
            self.close(4003, "Unknown token")

    def on_close(self):
        if self.deadline.active():
            self.deadline.cancel()
