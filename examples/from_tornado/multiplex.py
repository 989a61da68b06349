"""Many services over one connection, written for sockjs-tornado with a multiplexer of its own.

A client says ``sub,name`` to open a channel, ``msg,name,payload`` in it and ``uns,name`` to leave
it. Only the imports and what is under ``__main__`` were changed for txsockjs.
Run it with ``python multiplex.py tcp:8080:interface=127.0.0.1``.
"""

import sys

from twisted.internet import reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from txsockjs.service import SockJSService
from txsockjs.tornado import SockJSConnection, SockJSRouter
from txsockjs.tornado.session import BaseSession
from txsockjs.tornado.transports.base import BaseTransportMixin


class ChannelSession(BaseSession):
    """The session of one channel, carried by the session of ``base``."""

    def __init__(self, conn, server, base, name):
        super().__init__(conn, server)
        self.base = base
        self.name = name

    def send_message(self, msg, stats=True, binary=False):
        self.base.session.send_message(f"msg,{self.name},{msg}", stats, binary)

    def on_message(self, msg):
        self.conn.on_message(msg)

    def close(self, code=3000, message="Go away!"):
        if not self.is_closed:
            self.base.send(f"uns,{self.name}")
            self.base.channels.pop(self.name, None)
            self.end(code, message)

    def end(self, code=3000, message="Go away!"):
        """Close without a word to the client."""
        super().close(code, message)


class ChannelTransport(BaseTransportMixin):
    name = "multiplex"

    def __init__(self, info):
        self.info = info

    def get_conn_info(self):
        return self.info


class MultiplexConnection(SockJSConnection):
    services = {}

    @classmethod
    def get(cls, **services):
        """Return a connection class that has these services."""
        return type("Multiplex", (cls,), {"services": services})

    def on_open(self, info):
        self.channels = {}
        self.transport = ChannelTransport(info)

    def on_message(self, message):
        verb, _, rest = message.partition(",")
        name, _, payload = rest.partition(",")
        if name in self.channels:
            if verb == "msg":
                self.channels[name].on_message(payload)
            elif verb == "uns":
                self.channels.pop(name).end()
        elif verb == "sub" and name in self.services:
            session = ChannelSession(self.services[name], self.session.server, self, name)
            session.set_handler(self.transport)
            self.channels[name] = session
            session.verify_state()

    def on_close(self):
        for session in self.channels.values():
            session.end()


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Room(SockJSConnection):
    people = set()

    def on_open(self, info):
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


class Address(SockJSConnection):
    """Says where the client is, and goes."""

    def on_open(self, info):
        self.send(info.ip)
        self.close()


Services = MultiplexConnection.get(echo=Echo, room=Room, address=Address)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    service = SockJSService(sys.argv[1], SockJSRouter(Services, "/multiplex"))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
