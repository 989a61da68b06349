"""The stock client before websocket servers that know nothing of it, over each transport."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.playing import node
from ..support.running import ROOT, Server, running
from ..support.ways import ANY_PORT, TWISTD

HERE = os.path.join(ROOT, "tests", "client")
TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]
SCENARIOS = ["echoes", "burst", "closed", "dropped", "whoever"]
BACKENDS = ["ws", "websockets", "sockjs"]


@contextlib.contextmanager
def backend_of_node() -> Iterator[Server]:
    server = Server([node(), os.path.join(HERE, "ws_backend.js")], None)
    try:
        server.wait_until_listening(60)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = str(tmp_path_factory.mktemp("bridges"))
    with contextlib.ExitStack() as stack:
        ws = stack.enter_context(backend_of_node())
        other = stack.enter_context(running("-m", "tests.support.websockets_backend"))
        # A server of SockJS upstream: another bridge.
        urls = {"ws": f"{ws.url}/chat", "websockets": f"{other.url}/chat"}
        mounts = [f"--mount=/{name}={url}" for name, url in urls.items()]
        command = (TWISTD, "-n", "--pidfile=", "sockjs", "--listen", ANY_PORT)
        inner = stack.enter_context(running(*command, *mounts, cwd=folder))
        mounts.append(f"--mount=/sockjs={inner.url}/ws")
        front = stack.enter_context(running(*command, *mounts, cwd=folder))
        bases = [f"{front.url}/{name}" for name in BACKENDS]
        ran = subprocess.run(
            [node(), os.path.join(HERE, "through_bridges.js"), *bases],
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert ran.returncode == 0, ran.stderr
        for server in (inner, front):
            assert server.stop() == 0
            assert "Traceback" not in server.output, server.output
        return dict(zip(BACKENDS, json.loads(ran.stdout).values()))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_through_a_bridge(
    played: dict[str, Any], backend: str, transport: str, scenario: str
) -> None:
    assert played[backend][transport][scenario] is None
