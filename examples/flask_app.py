"""A Flask application and an endpoint on one port; a view tells all browsers something.

Run it with ``twistd -n -y flask_app.py``.
"""

import os

from flask import Flask
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.web.wsgi import WSGIResource

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService


class News(SockJSConnection):
    def on_open(self, info):
        self.join("readers")


router = SockJSRouter(News, "/news")
readers = router.room("readers")
site = Flask("site")


@site.post("/tell/<text>")
def tell(text):
    reactor.callFromThread(readers.send, text)  # views run in threads
    return "told"


endpoint = os.environ.get("ENDPOINT", "tcp:8080:interface=127.0.0.1")
pages = WSGIResource(reactor, reactor.getThreadPool(), site)
application = Application("site")
SockJSService(endpoint, router, static=pages).setServiceParent(application)
