"""A Klein application with an endpoint beside its own routes.

Run it with ``python klein_app.py``.
"""

import sys

from klein import Klein
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.web.server import Site

from txsockjs import SockJSConnection, SockJSRouter


class Shout(SockJSConnection):
    def on_message(self, message):
        self.send(message.upper())


app = Klein()


@app.route("/hello/<name>")
def hello(request, name):
    return f"hello {name}"


router = SockJSRouter(Shout, "/shout")
router.apply_routes(app)

if __name__ == "__main__":
    try:
        reactor.listenTCP(8080, Site(app.resource()), interface="127.0.0.1")
    except CannotListenError as error:
        sys.exit(str(error))
    print("listening on http://127.0.0.1:8080/")
    reactor.addSystemEventTrigger("before", "shutdown", router.close)
    reactor.run()
