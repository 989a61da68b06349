"""Two services over one connection, to which a page subscribes by name.

Run it with ``twistd -n sockjs --app multiplex.Services --prefix /multiplex``.
"""

from txsockjs import SockJSConnection
from txsockjs.multiplex import MultiplexConnection


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Counter(SockJSConnection):
    count = 0

    def on_message(self, message):
        self.count += 1
        self.send(str(self.count))


class Services(MultiplexConnection):
    channels = {"echo": Echo, "counter": Counter}
