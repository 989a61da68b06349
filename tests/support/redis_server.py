"""A Redis of a test's own: on a free port, without persistence, ended by its id."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from .needed import program

_PATIENCE = 30.0


class RedisServer:
    """A server that can be stopped and started again, empty, on its port."""

    def __init__(self, *options: str) -> None:
        self._program = program("redis-server", "valkey-server")
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @staticmethod
    def free_port() -> int:
        """Return a port that nobody listens on now."""
        return _free_port()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        """Start it; ``options`` hold for this time only."""
        # A port that is free now may be taken a moment later, by another test or for a client.
        for _ in range(1 if self.port else 10):
            port = self.port or _free_port()
            if self._try(port, options):
                self.port = port
                return
        raise AssertionError(f"redis-server did not start on port {port}")

    def _try(self, port: int, options: tuple[str, ...]) -> bool:
        alone = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        place = ("--port", str(port), "--dir", self._folder.name)
        self._process = subprocess.Popen(
            [self._program, *alone, *place, *self._options, *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return self._process.poll() is None
            time.sleep(0.01)
        self.kill()
        return False

    def command(self, *words: str) -> bytes:
        """Send a command, and return its reply as it comes."""
        with socket.create_connection(("127.0.0.1", self.port), _PATIENCE) as connection:
            encoded = [word.encode() for word in words]
            connection.sendall(
                b"*%d\r\n" % len(words)
                + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
                + b"*1\r\n$4\r\nQUIT\r\n"
            )
            reply = b""
            while data := connection.recv(65536):
                reply += data
        return reply.removesuffix(b"+OK\r\n")

    def end_lease(self, node: str) -> None:
        """Let the time of a node's lease be over."""
        self.command("ZADD", "txsockjs:nodes", "XX", "1", node)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """End it for good."""
        self.kill()
        self._folder.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server until the block ends."""
    server = RedisServer(*options)
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Run a server for one test."""
    with redis_server() as server:
        yield server
