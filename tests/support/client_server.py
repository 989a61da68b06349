"""A server for what the field's test server can't show: it obeys orders and beats quickly.

Run as a program (``python -m tests.support.client_server``); it says ``listening on URL``.
Endpoints: ``/echo`` with the default limits, ``/beating`` with a short heartbeat, ``/patient`` with
connections that do what a message, a JSON object, tells them, ``/orders`` with the same ones and
short delays, ``/multiplex`` with channels of both kinds, and ``/lines`` with a LineReceiver that
knows nothing of SockJS. ``/connections`` tells how many TCP connections were made to this server.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from typing import Any

from twisted.internet import endpoints, reactor, task
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import LineReceiver
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import ConnectionInfo, SockJSConnection, SockJSRouter
from txsockjs.factory import SockJSResource
from txsockjs.multiplex import MultiplexConnection
from txsockjs.protocols.connection import ProtocolConnection


class Echo(SockJSConnection):
    """Send every message back."""

    def on_message(self, message: Any) -> None:
        self.send(message)


class Endings:
    """How named connections ended, in a folder: the nodes of a cluster share nothing else."""

    def __init__(self) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="endings-")
        self._folder = os.environ.get("SOCKJS_ENDINGS", self._own.name)

    def note(self, name: str, reason: tuple[int, str] | None) -> None:
        with open(self._path(name), "a", encoding="utf-8") as file:
            file.write(json.dumps(reason) + "\n")

    def of(self, name: str) -> list[Any]:
        """Give the reason of each end so far."""
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


ENDINGS = Endings()


class Orders(SockJSConnection):
    """Do what each message says: ``{"do": "close", "code": 4000, "reason": "enough"}``."""

    name: str | None = None

    def on_open(self, info: ConnectionInfo) -> None:
        self.told = info

    def on_message(self, message: Any) -> Any:
        if isinstance(message, bytes):
            self.send(message)
            return None
        order = json.loads(message)
        return getattr(self, "do_" + order.pop("do"))(**order)

    def on_event(self, event: Any) -> None:
        self.do_push(**event)

    def on_close(self) -> None:
        if self.name is not None:
            ENDINGS.note(self.name, self.close_reason)

    def answer(self, **values: Any) -> None:
        self.send(json.dumps(values))

    def do_info(self) -> None:
        """Tell what the connection knows of its client, and which server this is."""
        self.answer(transport=self.told.transport, ip=self.told.ip, pid=os.getpid())

    def do_close(self, code: int, reason: str) -> None:
        self.close(code, reason)

    def do_push(self, start: int = 0, count: int = 0, bursts: int = 1, **close: Any) -> None:
        """Send ``count`` messages, each burst in a turn of its own, and then maybe close."""
        size = count // bursts
        for number in range(start, start + size):
            self.send(f"pushed {number}")
        if bursts > 1:
            rest = {"start": start + size, "count": count - size, "bursts": bursts - 1}
            self.post({**rest, **close})
        elif close:
            self.close(**close)

    def do_name(self, name: str) -> None:
        """Give this connection a name by which its end can be watched."""
        self.name = name
        self.answer(named=name)

    async def do_watch(self, name: str) -> None:
        """Answer when the connection of that name has ended."""
        while not ENDINGS.of(name):
            await task.deferLater(reactor, 0.02)  # type: ignore[arg-type]
        ends = ENDINGS.of(name)
        self.answer(name=name, times=len(ends), reason=ends[-1])


class Multiplex(MultiplexConnection):
    """Echoes and orders, by the names that the scenarios have for them."""

    channels = {
        "echo": Echo,
        "échos, ☃ and 😀": Echo,
        "orders": Orders,
        "more orders": Orders,
    }


class CountingSite(Site):
    """A site that counts the TCP connections made to it."""

    made = 0

    def buildProtocol(self, addr: IPv4Address) -> Protocol:
        self.made += 1
        return super().buildProtocol(addr)


class Connections(Resource):
    """Tell a site's count."""

    isLeaf = True
    site: CountingSite

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(self.site.made).encode()


class Backwards(LineReceiver):
    """Send every line back in reverse."""

    MAX_LENGTH = 2 * 1024 * 1024

    def connectionMade(self) -> None:
        self.sendLine(b"hello")

    def lineReceived(self, line: bytes) -> None:
        if line == b"quit":
            self.sendLine(b"bye")
            self.transport.loseConnection()
        else:
            self.sendLine(line.decode()[::-1].encode())


class Lines(ProtocolConnection):
    """What ``/lines`` serves, where only connection classes can be named."""

    factory = Factory.forProtocol(Backwards)


# A poll that the browser can't take back holds its session until the next heartbeat, and then
# for as long as the session waits for another one: short, for the tests that wait for that.
QUICK = {"heartbeat_delay": 0.5, "disconnect_delay": 2, "session_check_interval": 0.1}
MOUNTS: dict[str, tuple[type[SockJSConnection], dict[str, Any]]] = {
    "echo": (Echo, {}),
    "beating": (Echo, {"heartbeat_delay": 0.5}),
    "orders": (Orders, QUICK),
    "multiplex": (Multiplex, QUICK),
    "patient": (Orders, {}),
}


async def serve(reactor: Any, options: argparse.Namespace) -> None:
    common: dict[str, Any] = {"trusted_proxies": options.trusted_proxy}
    if options.sockjs_url:
        common["sockjs_url"] = options.sockjs_url
    routers = {
        name: SockJSRouter(connection, **settings, **common)
        for name, (connection, settings) in MOUNTS.items()
    }
    root = Resource()
    for name, router in routers.items():
        root.putChild(name.encode(), router.resource())
    lines = SockJSResource(Lines.factory, common, reactor=reactor)
    root.putChild(b"lines", lines)
    counter = Connections()
    root.putChild(b"connections", counter)
    counter.site = CountingSite(root)
    served = [*routers.values(), lines]
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: gatherResults([each.close() for each in served])
    )
    port = await endpoints.serverFromString(reactor, options.listen).listen(counter.site)
    print(f"listening on http://{port.getHost().host}:{port.getHost().port}", flush=True)
    await Deferred()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", metavar="ENDPOINT", default="tcp:0:interface=127.0.0.1")
    parser.add_argument("--sockjs-url", metavar="URL")
    parser.add_argument("--trusted-proxy", metavar="NETWORK", action="append", default=[])
    options = parser.parse_args()
    task.react(lambda reactor: Deferred.fromCoroutine(serve(reactor, options)))


if __name__ == "__main__":
    main()
