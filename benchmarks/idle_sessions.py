"""What an idle websocket session costs in memory, and whether its end gives everything back.

    python benchmarks/idle_sessions.py --at-most 16

Starts a server of its own, opens sessions over loopback, lets each of them answer a heartbeat's
ping, measures, and ends them: half with a closing handshake, half by vanishing. The exit code is 1
if a session costs more than ``--at-most``, or if sessions, applications, timers or file
descriptors are not back where they were before the first session.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import platform
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "idle_server.py")
# Descriptors that a process needs besides one for each session.
SPARE_DESCRIPTORS = 100
# How many sessions are opened between two looks for pings.
ANSWER_EVERY = 100

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
OPEN_FRAME = b"o"

State = dict[str, float]
ROWS = {
    "memory": "resident memory, KiB",
    "sessions": "sessions",
    "applications": "application objects",
    "timers": "timers",
    "descriptors": "file descriptors",
}
RETURNING = ("sessions", "applications", "timers", "descriptors")


class Measured(NamedTuple):
    """What the server held before the first session, with all of them, and after the last."""

    sessions: int
    before: State
    full: State
    after: State

    @property
    def kib_per_session(self) -> float:
        """How much memory a session takes."""
        return (self.full["memory"] - self.before["memory"]) / self.sessions

    def table(self) -> str:
        """Give the numbers for a reader."""
        lines = [f"{'':24}{'before':>12}{'with them':>12}{'after':>12}"]
        for key, words in ROWS.items():
            states = (self.before, self.full, self.after)
            lines.append(f"{words:24}" + "".join(f"{state[key]:12,.0f}" for state in states))
        return "\n".join([*lines, f"{self.kib_per_session:.2f} KiB per session"])

    def complaints(self, at_most: float | None) -> list[str]:
        """Say what is not as it should be."""
        found = [
            f"{ROWS[key]}: {self.after[key]:,.0f} after the end, {self.before[key]:,.0f} before"
            for key in RETURNING
            if self.after[key] > self.before[key]
        ]
        if at_most is not None and self.kib_per_session > at_most:
            found.append(f"a session may cost {at_most:g} KiB, not {self.kib_per_session:.2f}")
        return found


class Server:
    """The server's process, its port, and its answers."""

    def __init__(self, command: list[str]) -> None:
        paths = [os.path.dirname(HERE), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        said = self._line()
        self.port = int(said.rpartition(" ")[2])

    def state(self, question: str = "state") -> State:
        """Ask what it holds; ``collect`` lets it collect its garbage before."""
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the server ended with exit code {self.process.wait()}")
        return line

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def serving(command: list[str]) -> Iterator[Server]:
    """Run a server until the block ends."""
    server = Server(command)
    try:
        yield server
    finally:
        server.stop()


class Client:
    """One websocket that does nothing but answer pings."""

    def __init__(self, port: int, number: int) -> None:
        self.pongs = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            b"GET /idle/000/s%d/websocket HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\n"
            b"Upgrade: websocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: %s\r\n\r\n" % (number, port, base64.b64encode(os.urandom(16)))
        )
        self._received = b""
        while b"\r\n\r\n" not in self._received:
            self._read()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            sys.exit("no websocket: " + head.decode("latin-1").splitlines()[0])
        frames = list(self._frames())
        while not frames:
            self._read()
            frames = list(self._frames())
        if frames[0] != (TEXT, OPEN_FRAME):
            sys.exit(f"no open frame: {frames[0]}")

    def receive(self) -> None:
        """Read what came, and answer each ping."""
        self._read()
        for opcode, payload in self._frames():
            if opcode == PING:
                self._send(PONG, payload)
                self.pongs += 1

    def end(self, politely: bool) -> None:
        """Close, with or without the closing handshake."""
        if politely:
            self._send(CLOSE, b"\x03\xe8")
            with contextlib.suppress(OSError):
                while self.socket.recv(4096):
                    pass
        self.socket.close()

    def _read(self) -> None:
        received = self.socket.recv(4096)
        if not received:
            sys.exit("the server closed a connection")
        self._received += received

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        # A server's frames are unmasked; those that come here are shorter than 126 bytes.
        while len(self._received) >= 2 and len(self._received) >= 2 + self._received[1]:
            end = 2 + self._received[1]
            yield self._received[0], self._received[2:end]
            self._received = self._received[end:]

    def _send(self, opcode: int, payload: bytes) -> None:
        # Masked with zeroes, which leaves the payload as it is.
        self.socket.sendall(bytes((opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


class Clients:
    """Many clients, of which none leaves a ping unanswered for long."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: list[Client] = []
        self._selector = selectors.DefaultSelector()

    def open(self, count: int) -> None:
        """Open that many more, one after the other."""
        for number in range(count):
            client = Client(self._port, len(self._clients))
            self._clients.append(client)
            self._selector.register(client.socket, selectors.EVENT_READ, client)
            if number % ANSWER_EVERY == 0:
                self._answer(0)

    def wait_for_pings(self, patience: float) -> None:
        """Answer until each has answered at least one."""
        deadline = time.monotonic() + patience
        while not all(client.pongs for client in self._clients):
            if time.monotonic() > deadline:
                sys.exit(f"not every session got a ping within {patience:g} seconds")
            self._answer(1)

    def end(self) -> None:
        """End every other one with a closing handshake, and let the rest vanish."""
        self._selector.close()
        for number, client in enumerate(self._clients):
            client.end(politely=number % 2 == 0)

    def _answer(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            key.data.receive()


def measure(sessions: int, heartbeat_delay: float, patience: float) -> Measured:
    """Open that many sessions on a server of their own, and end them."""
    command = [sys.executable, SERVER, "--heartbeat-delay", str(heartbeat_delay)]
    with serving(command) as server:

        def opened(count: int) -> Clients:
            clients = Clients(server.port)
            clients.open(count)
            clients.wait_for_pings(heartbeat_delay + patience)
            return clients

        before = server.state("collect")
        # What the first session makes the server import and compile is not a session's cost.
        opened(1).end()
        before["memory"] = server.state("collect")["memory"]

        clients = opened(sessions)
        full = server.state()
        clients.end()

        # The router's own timers stop when its averages per second are zero again.
        deadline = time.monotonic() + patience
        while True:
            measured = Measured(sessions, before, full, server.state("collect"))
            if not measured.complaints(None) or time.monotonic() > deadline:
                return measured
            time.sleep(0.25)


def allow_descriptors(wanted: int) -> None:
    """Raise this process's limit, which its server inherits."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{wanted} file descriptors are needed, and {hard} allowed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def surroundings() -> str:
    """Say what was measured on what."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("Twisted", "autobahn", "klein"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{python}, {libraries}; {machine}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Measure what an idle websocket session costs, and that its end is complete."
    )
    parser.add_argument("--sessions", type=int, default=2000, metavar="N", help="default: 2000")
    parser.add_argument("--at-most", type=float, metavar="KIB", help="fail above this cost")
    parser.add_argument(
        "--heartbeat-delay",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="the server's setting; each session answers one heartbeat (default: 5)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long the server may take to give everything back (default: 30)",
    )
    options = parser.parse_args()
    allow_descriptors(options.sessions + SPARE_DESCRIPTORS)
    print(f"{options.sessions:,} idle websocket sessions: {surroundings()}", flush=True)
    measured = measure(options.sessions, options.heartbeat_delay, options.patience)
    print(measured.table())
    complaints = measured.complaints(options.at_most)
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
