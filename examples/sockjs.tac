"""Two endpoints as a service of an application, beside whatever else the application does.

Run it with ``twistd -n -y sockjs.tac``.
"""

import os

from twisted.application.service import Application

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Reverse(SockJSConnection):
    def on_message(self, message):
        self.send(message[::-1])


endpoint = os.environ.get("ENDPOINT", "tcp:8080:interface=127.0.0.1")
routers = [SockJSRouter(Echo, "/echo"), SockJSRouter(Reverse, "/reverse")]
application = Application("sockjs")
SockJSService(endpoint, routers).setServiceParent(application)
