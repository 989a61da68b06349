"""The demo of ``twistd sockjs --workers 2`` in Chromium: one chat, whichever process serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.needed import program
from ..support.playing import HERE, Results, node, play
from ..support.running import Server
from .conftest import calmly
from .test_chromium import BROWSERS
from .test_demo import TRANSPORTS, TWISTD


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    node()
    command = [TWISTD, "--nodaemon", "--pidfile=", "sockjs", "--workers", "2"]
    with calmly(*command, "--listen", "tcp:0:interface=127.0.0.1", cwd=str(HERE)) as server:
        yield server


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, demo: Server) -> Results:
    return play(
        request,
        "demo_in_chromium.js",
        patience=120,
        chromium=program(*BROWSERS),
        url=f"{demo.url}/",
        offered=TRANSPORTS,
    )


@pytest.mark.parametrize("scenario", ["connects", "chat", "nodes", "echo"])
@pytest.mark.parametrize("transport", ["websocket", "xhr-polling"])
def test_demo_of_workers_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
