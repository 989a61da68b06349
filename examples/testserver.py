"""The field's standard test server: the mounts that the suites of SockJS clients talk to.

    python examples/testserver.py --listen tcp:8081:interface=127.0.0.1

It says ``listening on URL`` for each endpoint once it accepts connections; SIGTERM ends it.
"""

import argparse
import sys

from twisted.internet import endpoints, task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import SockJSConnection, SockJSRouter


class Echo(SockJSConnection):
    """Send every message back."""

    def on_message(self, message):
        self.send(message)


class Close(SockJSConnection):
    """Close at once."""

    def on_open(self, info):
        self.close(3000, "Go away!")


class Ticker(SockJSConnection):
    """Send ``tick!`` every second."""

    def on_open(self, info):
        self.clock = task.LoopingCall(self.send, "tick!")
        self.clock.start(1, now=False)

    def on_close(self):
        self.clock.stop()


class Broadcast(SockJSConnection):
    """Send every message to everybody."""

    def on_open(self, info):
        self.join("everybody")

    def on_message(self, message):
        self.room("everybody").send(message)


class Amplify(SockJSConnection):
    """Answer the number n, from 1 to 19, with 2**n times ``x``; anything else counts as 1."""

    def on_message(self, message):
        number = int(message) if message.isdecimal() else 1
        self.send("x" * 2 ** (number if 1 <= number <= 19 else 1))


MOUNTS = {
    "echo": (Echo, {"response_limit": 4096}),
    "disabled_websocket_echo": (Echo, {"disabled_transports": ["websocket", "rawwebsocket"]}),
    "cookie_needed_echo": (Echo, {"jsessionid": True}),
    "close": (Close, {}),
    "ticker": (Ticker, {}),
    "broadcast": (Broadcast, {}),
    "amplify": (Amplify, {}),
}


def routers(**common):
    """Give the routers of all mounts by name; keywords are settings for each of them."""
    return {
        name: SockJSRouter(connection, **settings, **common)
        for name, (connection, settings) in MOUNTS.items()
    }


def where(address, endpoint):
    if not hasattr(address, "port"):
        return endpoint  # a UNIX socket has no URL
    scheme = "https" if endpoint.startswith("ssl:") else "http"
    return f"{scheme}://{address.host}:{address.port}"


async def serve(reactor, options):
    served = routers(**({"sockjs_url": options.sockjs_url} if options.sockjs_url else {}))
    root = Resource()
    for name, router in served.items():
        root.putChild(name.encode(), router.resource())
    reactor.addSystemEventTrigger(
        "before",
        "shutdown",
        lambda: gatherResults([router.close(patience=1) for router in served.values()]),
    )
    # The reactor takes over SIGTERM when it starts: say nothing before.
    await task.deferLater(reactor, 0)
    for text in options.listen or ["tcp:8081:interface=127.0.0.1"]:
        try:
            port = await endpoints.serverFromString(reactor, text).listen(Site(root))
        except (ValueError, TypeError, CannotListenError) as problem:
            sys.exit(f"cannot listen on {text}: {problem}")
        print(f"listening on {where(port.getHost(), text)}", flush=True)
    await Deferred()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--listen",
        metavar="ENDPOINT",
        action="append",
        help="a server endpoint, repeatable (default: tcp:8081:interface=127.0.0.1)",
    )
    parser.add_argument("--sockjs-url", metavar="URL", help="the client that the iframe loads")
    options = parser.parse_args()
    task.react(lambda reactor: Deferred.fromCoroutine(serve(reactor, options)))


if __name__ == "__main__":
    main()
