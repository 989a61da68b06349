"""sockjs-tornado for `txsockjs.client`: ``/echo`` echoes, and closes when it is told to."""

import asyncio

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


class Echo(SockJSConnection):
    def on_message(self, message):
        word, _, rest = message.partition(":")
        if word == "close":
            self.session.close(int(rest), "as told")
        else:
            self.send(message)


async def main():
    urls = SockJSRouter(Echo, "/echo", {"heartbeat_delay": 1}).urls
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application(urls, log_function=lambda handler: None)).add_sockets(sockets)
    print(f"listening on http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
