"""Many channels over one connection, written for sockjs-tornado with a multiplexer of its own.

A client says ``sub,name`` to open a channel, ``msg,name,payload`` in it and ``uns,name`` to leave
it. Only the imports and what is under ``__main__`` were changed for txsockjs.
Run it with ``python multiplex.py tcp:8080:interface=127.0.0.1``.
"""

import sys

from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService


class Channel(SockJSConnection):
    """A connection inside another one, with the same methods."""

    def __init__(self, base, name):
        super().__init__(base.session)
        self.base = base
        self.name = name

    @property
    def is_closed(self):
        return self.base.is_closed or self.base.channels.get(self.name) is not self

    def send(self, message, binary=False):
        if not self.is_closed:
            self.base.send(f"msg,{self.name},{message}")

    def broadcast(self, clients, message):
        for client in clients:
            client.send(message)

    def close(self):
        if not self.is_closed:
            self.base.send(f"uns,{self.name}")
            self.base.leave(self.name)


class MultiplexConnection(SockJSConnection):
    classes = {}

    @classmethod
    def get(cls, **classes):
        """Return a connection class that has these channels."""
        return type("Multiplex", (cls,), {"classes": classes})

    def on_open(self, info):
        self.info = info
        self.channels = {}

    def on_message(self, message):
        verb, _, rest = message.partition(",")
        name, _, payload = rest.partition(",")
        if verb == "sub":
            self.enter(name)
        elif verb == "uns":
            self.leave(name)
        elif verb == "msg" and name in self.channels:
            self.channels[name].on_message(payload)

    def on_close(self):
        for name in list(self.channels):
            self.leave(name)

    def enter(self, name):
        if name in self.classes and name not in self.channels:
            channel = self.channels[name] = self.classes[name](self, name)
            if channel.on_open(self.info) is False:
                channel.close()

    def leave(self, name):
        channel = self.channels.pop(name, None)
        if channel is not None:
            channel.on_close()


class Echo(Channel):
    def on_message(self, message):
        self.send(message)


class Room(Channel):
    rooms = {}

    def on_open(self, info):
        self.people = self.rooms.setdefault(self.name, set())
        self.people.add(self)
        self.broadcast(self.people, f"{len(self.people)} here")

    def on_message(self, message):
        if message == "bye":
            self.close()
        else:
            self.broadcast(self.people, message)

    def on_close(self):
        self.people.remove(self)
        self.broadcast(self.people, f"{len(self.people)} here")


Services = MultiplexConnection.get(echo=Echo, red=Room, blue=Room)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    service = SockJSService(sys.argv[1], SockJSRouter(Services, "/multiplex"))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
