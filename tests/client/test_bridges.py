"""The stock client before websocket servers that know nothing of it, over each transport."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.needed import program
from ..support.playing import node
from ..support.running import ROOT, Server, running
from ..support.ways import ANY_PORT, TWISTD
from .test_chromium import BROWSERS

HERE = os.path.join(ROOT, "tests", "client")
TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"]
SCENARIOS = ["echoes", "burst", "closed", "dropped", "whoever"]
BACKENDS = ["ws", "websockets", "sockjs"]
# In Chromium, one mount of a ws:// URL and one of an http:// URL.
KINDS = ["ws", "sockjs"]
TRANSPORTS_OF_PAGES = ["websocket", "xhr-polling", "jsonp-polling"]


@contextlib.contextmanager
def backend_of_node() -> Iterator[Server]:
    server = Server([node(), os.path.join(HERE, "ws_backend.js")], None)
    try:
        server.wait_until_listening(60)
        yield server
    finally:
        server.stop()


class Bridges:
    """Two servers with mounts of others' URLs, one before the other."""

    def __init__(self, front: Server) -> None:
        self.urls = {name: f"{front.url}/{name}" for name in BACKENDS}

    def play(self, backends: list[str], transports: list[str], **config: str) -> dict[str, Any]:
        """Play all scenarios with a client in Node, or in Chromium if it is given; by backend."""
        urls = [self.urls[name] for name in backends]
        told = json.dumps({"urls": urls, "transports": transports, **config})
        ran = subprocess.run(
            [node(), os.path.join(HERE, "through_bridges.js"), told],
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert ran.returncode == 0, ran.stderr
        return dict(zip(backends, json.loads(ran.stdout).values()))


@pytest.fixture(scope="module")
def bridges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridges]:
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
        yield Bridges(front)
        for server in (inner, front):
            assert server.stop() == 0
            assert "Traceback" not in server.output, server.output


@pytest.fixture(scope="module")
def played(bridges: Bridges) -> dict[str, Any]:
    return bridges.play(BACKENDS, TRANSPORTS)


@pytest.fixture(scope="module")
def played_in_chromium(bridges: Bridges, page_server: str) -> dict[str, Any]:
    chromium = program(*BROWSERS)
    return bridges.play(
        KINDS, TRANSPORTS_OF_PAGES, chromium=chromium, page=f"{page_server}/page.html"
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_through_a_bridge(
    played: dict[str, Any], backend: str, transport: str, scenario: str
) -> None:
    assert played[backend][transport][scenario] is None


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS_OF_PAGES)
@pytest.mark.parametrize("backend", KINDS)
def test_through_a_bridge_in_chromium(
    played_in_chromium: dict[str, Any], backend: str, transport: str, scenario: str
) -> None:
    assert played_in_chromium[backend][transport][scenario] is None
