"""sockjs-tornado: ``/echo`` and ``/broadcast``; no cookie, as elsewhere, and no access log."""

import asyncio

from leash import listening
from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Broadcast(SockJSConnection):
    everyone = set()

    def on_open(self, request):
        self.everyone.add(self)

    def on_message(self, message):
        self.broadcast(self.everyone, message)

    def on_close(self):
        self.everyone.discard(self)


async def main():
    settings = {"jsessionid": False}
    urls = SockJSRouter(Echo, "/echo", settings).urls
    urls += SockJSRouter(Broadcast, "/broadcast", settings).urls
    sockets = bind_sockets(0, "127.0.0.1")
    application = Application(urls, log_function=lambda handler: None)
    HTTPServer(application).add_sockets(sockets)
    listening(sockets[0].getsockname()[1])
    await asyncio.Event().wait()


asyncio.run(main())
