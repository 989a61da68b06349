"""A server for `txsockjs.client`, as a process: ``/echo`` echoes, and closes when it is told to.

With ``tls`` it listens over TLS, with the certificate of this file.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.site import SockJSSite


class Echo(SockJSConnection):
    def on_message(self, message: Any) -> Any:
        word, _, rest = message.partition(":")
        if word == "close":
            self.close(int(rest), "as told")
        elif word == "wait":
            return deferLater(reactor, float(rest), lambda: None)
        else:
            self.send(message)
        return None


def serve(description: str) -> None:
    router = SockJSRouter(Echo, "/echo", heartbeat_delay=0.5)
    site = SockJSSite(router.resource(), [router])
    port = serverFromString(reactor, description).listen(site)
    port.addCallback(
        lambda port: print(f"listening on http://127.0.0.1:{port.getHost().port}", flush=True)
    )


if __name__ == "__main__":
    serve(sys.argv[1] if sys.argv[1:] else "tcp:0:interface=127.0.0.1")
    reactor.run()
