"""A site with an echo at ``/chat`` and, at ``/ops/``, an admin site that takes a token for all."""

from __future__ import annotations

import sys

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.admin import AdminResource
from txsockjs.site import SockJSSite


class Echo(SockJSConnection):
    def on_message(self, message: str | bytes) -> None:
        self.send(message)


def main() -> None:
    router = SockJSRouter(Echo)
    root = Resource()
    root.putChild(b"chat", router.resource())
    root.putChild(b"ops", AdminResource([router], token=sys.argv[1], exposed=True))
    listening = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
        SockJSSite(root, [router])
    )
    listening.addCallback(
        lambda port: print(f"listening on http://127.0.0.1:{port.getHost().port}", flush=True)
    )
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
