"""The server that ``soak.py`` loads: ``/echo`` and ``/broadcast``, and its own state.

It speaks as ``idle_server.py`` does, and tells besides how many objects Python's collector knows.
"""

from __future__ import annotations

import argparse
import gc

from idle_server import Control, Idle
from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.web.resource import Resource

from txsockjs import ConnectionInfo, SockJSRouter
from txsockjs.site import SockJSSite


class Echo(Idle):
    """Sends back what comes."""

    def on_message(self, message: str | bytes) -> None:
        self.send(message)


class Broadcast(Idle):
    """Sends what comes to everyone."""

    everyone: set[Broadcast] = set()

    def on_open(self, info: ConnectionInfo) -> None:
        self.everyone.add(self)

    def on_message(self, message: str | bytes) -> None:
        self.broadcast(self.everyone, message)

    def on_close(self) -> None:
        self.everyone.discard(self)


class SoakControl(Control):
    """Counts the sessions of several routers."""

    def __init__(self, routers: list[SockJSRouter]) -> None:
        super().__init__(routers[0])
        self.routers = routers

    def state(self) -> dict[str, float]:
        """Count what is held."""
        return {
            **super().state(),
            "sessions": sum(len(router.sessions) for router in self.routers),
            "objects": len(gc.get_objects()),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="The server that soak.py loads.")
    parser.add_argument("--heartbeat-delay", type=float, required=True, metavar="SECONDS")
    parser.add_argument("--disconnect-delay", type=float, required=True, metavar="SECONDS")
    delays = vars(parser.parse_args())
    root = Resource()
    routers = {
        f"/{connection.__name__.lower()}": SockJSRouter(connection, **delays)
        for connection in (Echo, Broadcast)
    }
    for path, router in routers.items():
        root.putChild(path[1:].encode(), router.resource())
    site = SockJSSite(root, routers.values())
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    StandardIO(SoakControl(list(routers.values())))
    reactor.callWhenRunning(print, "listening on", port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
