"""What a request costs that comes to another node than its session's, beside one that does not.

    python benchmarks/relay.py --buses local,redis --rounds 5

One hundred clients poll and send over connections that are kept open; a message is sent while its
poll waits, and echoed. The figure is the processor time of both nodes for a poll and a send, from
the same sessions' owner over its own connections (local) and over those of the other node
(relayed), one after the other in each round. Redis's own time is told beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
CLIENTS = 100
ROUND_TRIPS = 60
HEADERS = (
    "Host: server.example\r\n"
    "Origin: http://page.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n"
    "Accept: */*\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Referer: http://page.example/chat\r\n"
)
APP = """
import os
from txsockjs import SockJSConnection


class Echo(SockJSConnection):
    def on_open(self, info):
        self.send(str(os.getpid()))

    def on_message(self, message):
        self.send(message)
"""
TICKS = os.sysconf("SC_CLK_TCK")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def spent(pid: int) -> float:
    """Give the processor time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def process(*command: str, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends."""
    program = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield program
    finally:
        program.terminate()
        program.wait()


@contextlib.contextmanager
def serving(bus: str, folder: str) -> Iterator[tuple[list[int], int | None]]:
    """Run two nodes; give the ports that lead to them, and the process of their broker."""
    twistd = [sys.executable, "-m", "twisted", "sockjs", "--app", "relay_app.Echo"]
    with contextlib.ExitStack() as stack:
        if bus == "local":
            port = free_port()
            listen = f"tcp:{port}:interface={HOST}"
            stack.enter_context(
                process(*twistd, "--workers", "2", "--listen", listen, folder=folder)
            )
            yield [port], None
            return
        redis = shutil.which("redis-server")
        if redis is None:
            sys.exit("redis-server is not installed")
        broker_port = free_port()
        broker = stack.enter_context(
            process(redis, "--port", str(broker_port), "--save", "", folder=folder)
        )
        ports = [free_port(), free_port()]
        cluster = ["--cluster", f"redis://{HOST}:{broker_port}/0"]
        for port in ports:
            listen = f"tcp:{port}:interface={HOST}"
            stack.enter_context(process(*twistd, *cluster, "--listen", listen, folder=folder))
        yield ports, broker.pid


async def ask(connection: Connection, path: str, body: bytes = b"") -> bytes:
    """Send a request and give the body of its answer."""
    reader, writer = connection
    head = f"POST {path} HTTP/1.1\r\n{HEADERS}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", answer)
    return await reader.readexactly(int(length[1])) if length else b""


async def connect(ports: list[int]) -> dict[int, list[Connection]]:
    """Open connections until there are enough to each of two nodes; give them by its process."""
    found: dict[int, list[Connection]] = {}
    number = 0
    while len(found) < 2 or min(map(len, found.values())) < 2 * CLIENTS:
        number += 1
        try:
            connection = await asyncio.open_connection(HOST, ports[number % len(ports)])
            assert await ask(connection, f"/000/c{number}/xhr") == b"o\n"
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.1)
            continue
        pid = int(re.findall(rb"\d+", await ask(connection, f"/000/c{number}/xhr"))[0])
        found.setdefault(pid, []).append(connection)
    await asyncio.sleep(7)  # until those sessions are gone
    return found


async def client(session: str, owner: Connection, poll: Connection, send: Connection) -> None:
    await ask(owner, f"/000/{session}/xhr")
    await ask(owner, f"/000/{session}/xhr")
    for _ in range(ROUND_TRIPS):
        answer = asyncio.ensure_future(ask(poll, f"/000/{session}/xhr"))
        await ask(send, f"/000/{session}/xhr_send", b'["hello"]')
        got = await answer
        if got != b'a["hello"]\n':
            raise AssertionError(f"{got!r} was received")


async def measure(bus: str, rounds: int, folder: str) -> None:
    with serving(bus, folder) as (ports, broker):
        await asyncio.sleep(2)
        connections = await connect(ports)
        owner, other = list(connections)[:2]
        costs: dict[str, list[float]] = {"local": [], "relayed": [], "broker": []}
        for number in range(rounds):
            for kind, over in (("local", owner), ("relayed", other)):
                watched = [owner, other] + ([] if broker is None else [broker])
                before = [spent(pid) for pid in watched]
                tasks = [
                    client(
                        f"{kind}{number}x{place}",
                        connections[owner][place],
                        connections[over][place],
                        connections[over][CLIENTS + place],
                    )
                    for place in range(CLIENTS)
                ]
                await asyncio.gather(*tasks)
                took = [spent(pid) - start for pid, start in zip(watched, before)]
                scale = 1e6 / (CLIENTS * ROUND_TRIPS)
                costs[kind].append(scale * sum(took[:2]))
                if broker is not None and kind == "relayed":
                    costs["broker"].append(scale * took[2])
        local, relayed = (statistics.median(costs[kind]) for kind in ("local", "relayed"))
        told = f", and {statistics.median(costs['broker']):.0f} us of Redis" if broker else ""
        print(
            f"{bus}: {local:.0f} us local, {relayed:.0f} us relayed{told}: "
            f"{relayed / local:.1f} times",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buses", default="local,redis", help="local, redis, or both")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-") as folder:
        Path(folder, "relay_app.py").write_text(APP)
        for bus in options.buses.split(","):
            if bus not in ("local", "redis"):
                sys.exit(f"a bus is local or redis, not {bus!r}")
            began = time.monotonic()
            asyncio.run(measure(bus, options.rounds, folder))
            print(f"({time.monotonic() - began:.0f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
