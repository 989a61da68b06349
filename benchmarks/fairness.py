"""How long a bystander waits for an echo while others flood the server, for each kind of flood.

    python benchmarks/fairness.py --floods echoes,infos --clients 8 --seconds 5

The clients of a flood send as fast as they can and read what comes; the bystander is one websocket
that sends a message, waits for its echo, and sends the next one a little later. The exit code is 1
if an echo took longer than ``--at-most``, or did not come.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Callable, NamedTuple

import peers

PATH = "/echo"
HOST = "127.0.0.1"
CHUNK = 256 * 1024
# How long the bystander rests between an echo and its next message, in seconds.
REST = 0.002
# How long the floods run before the bystander is timed, in seconds.
WARMUP = 0.5
# When an echo is given up, in seconds.
PATIENCE = 30.0


class Failed(Exception):
    """The bystander's echo did not come."""


# -- what is sent


def frame(payload: bytes, opcode: int = 1, final: bool = True) -> bytes:
    """Give a client's frame, masked with zeros."""
    return bytes((opcode | final << 7, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def upgrade() -> bytes:
    """Give the request that opens a websocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return request(
        "GET",
        f"/0/{os.urandom(6).hex()}/websocket",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """Give the bytes of a request."""
    length = [f"Content-Length: {len(body)}"] if body else []
    head = [f"{method} {PATH}{path} HTTP/1.1", f"Host: {HOST}", *lines, *length, "", ""]
    return "\r\n".join(head).encode() + body


class Flood(NamedTuple):
    """What one kind of client sends: once on each of some connections, then without end."""

    about: str
    openings: Callable[[str], list[bytes]]
    again: Callable[[str], bytes]


def _frames(*frames: bytes) -> Callable[[str], bytes]:
    return lambda name: b"".join(frames)


def _websocket(name: str) -> list[bytes]:
    return [upgrade()]


def _receiver_and_sender(name: str) -> list[bytes]:
    return [request("POST", f"/0/{name}/xhr_streaming"), b""]


def _nothing(name: str) -> list[bytes]:
    return [b""]


# A message of many fragments, which is longer than what is read at once.
_FRAGMENTS = [frame(b'"', final=False), *[frame(b"x", 0, False)] * 20_000, frame(b'"', 0)]

FLOODS = {
    "echoes": Flood("websocket messages", _websocket, _frames(frame(b'"x"'))),
    "pings": Flood("websocket pings", _websocket, _frames(frame(b"", 9))),
    "fragments": Flood("one-byte fragments of messages", _websocket, _frames(*_FRAGMENTS)),
    "empties": Flood("empty websocket messages", _websocket, _frames(frame(b""))),
    "sends": Flood(
        "pipelined xhr_send",
        _receiver_and_sender,
        lambda name: request("POST", f"/0/{name}/xhr_send", body=b"[]"),
    ),
    "preflights": Flood(
        "pipelined OPTIONS", _nothing, lambda name: request("OPTIONS", f"/0/{name}/xhr")
    ),
    "infos": Flood("pipelined GET of info", _nothing, lambda name: request("GET", "/info")),
}


# -- the flood


def connect(port: int) -> socket.socket:
    """Connect to the server."""
    connection = socket.create_connection((HOST, port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def flood(port: int, name: str, clients: int) -> None:
    """Send as fast as the server takes it, and read what comes, until the process is ended."""
    kind = FLOODS[name]
    waiting: dict[socket.socket, tuple[memoryview, memoryview]] = {}
    with selectors.DefaultSelector() as selector:
        for number in range(clients):
            session = f"{name}{number}"
            for opening in kind.openings(session):
                connection = connect(port)
                if opening:
                    connection.sendall(opening)
                    connection.recv(CHUNK)
                selector.register(connection, selectors.EVENT_READ)
            once = kind.again(session)
            again = memoryview(once * max(1, CHUNK // len(once)))
            waiting[connection] = again, again
            selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
            connection.setblocking(False)
        while True:
            for key, events in selector.select():
                connection = key.fileobj
                if events & selectors.EVENT_READ and not connection.recv(CHUNK):
                    sys.exit(f"the server ended a client of {name}")
                if events & selectors.EVENT_WRITE:
                    left, again = waiting[connection]
                    with contextlib.suppress(BlockingIOError):
                        left = left[connection.send(left) :]
                    waiting[connection] = left or again, again


@contextlib.contextmanager
def flooding(port: int, name: str, clients: int) -> Iterator[multiprocessing.Process]:
    """Flood the server until the block ends."""
    process = multiprocessing.get_context("fork").Process(
        target=flood, args=(port, name, clients), daemon=True
    )
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


# -- the bystander


class Bystander:
    """A websocket with one message under way."""

    def __init__(self, port: int) -> None:
        self._connection = connect(port)
        self._buffer = b""
        self._connection.sendall(upgrade())
        self._wait_for(frame_of_server(b"o"))

    def echo(self, number: int) -> float:
        """Send a message, and return how many seconds its echo took."""
        text = b'"%d"' % number
        start = time.perf_counter()
        self._connection.sendall(frame(text))
        self._wait_for(frame_of_server(b"a[" + text + b"]"))
        return time.perf_counter() - start

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _wait_for(self, wanted: bytes) -> None:
        while wanted not in self._buffer:  # there may be a heartbeat before it
            data = self._connection.recv(CHUNK)
            if not data:
                raise Failed("the server ended the bystander's connection")
            self._buffer += data
        self._buffer = self._buffer.partition(wanted)[2]


def frame_of_server(payload: bytes) -> bytes:
    """Give a server's frame."""
    return bytes((0x81, len(payload))) + payload


def measure(port: int, name: str, clients: int, seconds: float) -> list[float]:
    """Return how long each echo took during a flood, in seconds."""
    bystander = Bystander(port)
    with flooding(port, name, clients) as process, contextlib.closing(bystander):
        taken: list[float] = []
        begin = time.perf_counter() + WARMUP
        while not taken or time.perf_counter() < begin + seconds:
            took = bystander.echo(len(taken))
            if time.perf_counter() > begin:
                taken.append(took)
            time.sleep(REST)
        if not process.is_alive():
            raise Failed("the flood did not last")
    return taken


def _names(given: str, known: list[str]) -> list[str]:
    names = given.split(",") if given else known
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description="Time a bystander's echoes while others flood.")
    parser.add_argument(
        "--floods",
        type=lambda given: _names(given, list(FLOODS)),
        default=list(FLOODS),
        help=f"some of {', '.join(FLOODS)}",
    )
    parser.add_argument(
        "--servers",
        type=lambda given: _names(given, peers.NAMES),
        default=["txsockjs"],
        help=f"some of {', '.join(peers.NAMES)} (default: txsockjs)",
    )
    parser.add_argument(
        "--clients", type=int, default=8, metavar="N", help="that flood (default: 8)"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, metavar="S", help="for each flood (default: 5)"
    )
    parser.add_argument(
        "--at-most",
        type=float,
        default=100.0,
        metavar="MS",
        help="how long an echo of txsockjs may take, in milliseconds (default: 100)",
    )
    options = parser.parse_args()
    environments, cores = peers.Environments(None, "epoll"), peers.Cores()
    os.sched_setaffinity(0, {cores.load})
    complaints = []
    print(f"{options.clients} clients flood, an echo of a bystander takes (ms):")
    print(f"{'':16}{'flood':12}{'echoes':>8}{'median':>9}{'99 %':>9}{'worst':>9}", flush=True)
    for name in options.floods:
        for server in options.servers:
            peer = peers.PEERS[peers.NAMES.index(server)]
            try:
                with peers.serving(environments.command(peer), cores.server) as running:
                    taken = measure(running.port, name, options.clients, options.seconds)
            except (Failed, OSError, peers.Unavailable) as error:
                complaints.append(f"{server}, {name}: {error}")
                continue
            milliseconds = sorted(1000 * each for each in taken)
            worst = milliseconds[-1]
            late = milliseconds[int(len(milliseconds) * 0.99)]
            middle = statistics.median(milliseconds)
            print(
                f"{server:16}{name:12}{len(taken):8,}{middle:9.1f}{late:9.1f}{worst:9.1f}",
                flush=True,
            )
            if server == "txsockjs" and worst > options.at_most:
                complaints.append(f"{name}: an echo took {worst:.0f} ms")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
