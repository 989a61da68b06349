"""The server that ``idle_sessions.py`` measures: an endpoint that says nothing, and its own state.

It says ``listening on PORT``. After that it answers each line on its standard input with one line
of JSON: what it holds at that moment. It ends when its standard input does, so that it never
outlives who started it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys

from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import SockJSConnection, SockJSRouter

DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
MEMORY = "/proc/self/smaps_rollup"


class Idle(SockJSConnection):
    """An application that does nothing; ``alive`` is how many of them are in memory."""

    alive = 0

    def __init__(self, session: object) -> None:
        super().__init__(session)
        Idle.alive += 1

    def __del__(self) -> None:
        Idle.alive -= 1


def resident_kib() -> float:
    """Give the memory that is resident now; where that can't be read, the most there ever was."""
    if os.path.exists(MEMORY):
        with open(MEMORY) as lines:
            return float(next(line for line in lines if line.startswith("Rss:")).split()[1])
    import resource  # noqa: PLC0415

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 if sys.platform == "darwin" else float(most)


class Control(LineOnlyReceiver):
    """Answers ``state``, and ``collect``, which collects garbage before."""

    delimiter = b"\n"

    def __init__(self, router: SockJSRouter) -> None:
        self.router = router

    def lineReceived(self, line: bytes) -> None:
        if line == b"collect":
            gc.collect()
        self.sendLine(json.dumps(self.state()).encode())

    def connectionLost(self, reason: object = None) -> None:
        if reactor.running:
            reactor.stop()

    def state(self) -> dict[str, float]:
        """Count what is held."""
        return {
            "memory": resident_kib(),
            "sessions": len(self.router.sessions),
            "applications": Idle.alive,
            "timers": len(reactor.getDelayedCalls()),
            "descriptors": len(os.listdir(DESCRIPTORS)),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="The server that idle_sessions.py measures.")
    parser.add_argument("--heartbeat-delay", type=float, required=True, metavar="SECONDS")
    options = parser.parse_args()
    router = SockJSRouter(Idle, heartbeat_delay=options.heartbeat_delay)
    root = Resource()
    root.putChild(b"idle", router.resource())
    port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
    StandardIO(Control(router))
    reactor.callWhenRunning(print, "listening on", port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
