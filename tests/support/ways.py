"""The ways in to the sites of the wire suite and of the stock client's.

``SOCKJS_WAY`` in the environment chooses: nothing, one process; ``workers``, two of them behind one
port; ``redis``, two nodes with ports of their own, joined by a Redis. On all but the first any
connection comes to any of the processes, whoever owns its session.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from txsockjs.actors.connection import SockJSConnection

from .redis_server import redis_server
from .running import Server, running

WAY = os.environ.get("SOCKJS_WAY", "")
WAYS = ("workers", "redis")
assert WAY in ("", *WAYS), f"SOCKJS_WAY must be {' or '.join(WAYS)}, not {WAY!r}"

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
ANY_PORT = "tcp:0:interface=127.0.0.1"

Mounts = Mapping[str, tuple[type[SockJSConnection], Mapping[str, Any]]]


class Nodes:
    """Several servers that are one; ``port`` is another one's each time."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    @property
    def pids(self) -> list[int]:
        return [server.pid for server in self.servers]

    @property
    def port(self) -> int:
        return random.choice(self.servers).port

    @property
    def output(self) -> str:
        return "".join(server.output for server in self.servers)

    @property
    def live(self) -> bool:
        return all(server.process.poll() is None for server in self.servers)

    def stop(self) -> int:
        """End all, and give the first exit code that is none of success, or 0."""
        codes = [server.stop() for server in self.servers]
        return next((code for code in codes if code), 0)


def write_plan(path: Path, mounts: Mounts, **common: Any) -> Path:
    """Write the TOML file that mounts connection classes, each with its settings."""
    lines = ["[settings]", *(f"{name} = {json.dumps(value)}" for name, value in common.items())]
    for prefix, (connection, settings) in mounts.items():
        pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
        app = f"{connection.__module__}.{connection.__qualname__}"
        mount = {"prefix": f"/{prefix}", "app": app}
        lines += ["[[mount]]", *(f"{name} = {json.dumps(value)}" for name, value in mount.items())]
        lines.append(f"settings = {{ {pairs} }}")
    path.write_text("\n".join([*lines, ""]))
    return path


@contextlib.contextmanager
def node(plan: Path, *options: str) -> Iterator[Server]:
    """Run ``twistd sockjs`` on a free port until the block ends; it has reached its cluster."""
    command = [TWISTD, "-n", "--pidfile=", "sockjs", "--config", str(plan), "--listen", ANY_PORT]
    with running(*command, *options) as server:
        deadline = time.monotonic() + 30
        while "--cluster" in options and " can be used" not in server.output:
            assert time.monotonic() < deadline, server.output
            time.sleep(0.02)
        yield server


@contextlib.contextmanager
def nodes(plan: Path, way: str = WAY, count: int = 2) -> Iterator[Nodes]:
    """Run the nodes of a way in until the block ends."""
    with contextlib.ExitStack() as stack:
        if way == "workers":
            servers = [stack.enter_context(node(plan, "--workers", str(count)))]
        else:
            redis = stack.enter_context(redis_server())
            each = ["--cluster", redis.url]
            servers = [stack.enter_context(node(plan, *each)) for _ in range(count)]
        yield Nodes(servers)
