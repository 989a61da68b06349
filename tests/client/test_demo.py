"""The demo of ``twistd sockjs`` in Chromium: two people, each transport that the page offers."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from ..support.needed import program
from ..support.playing import HERE, Results, node, play
from ..support.running import Server
from .conftest import calmly
from .test_chromium import BROWSERS

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
TRANSPORTS = [
    "websocket",
    "xhr-streaming",
    "xhr-polling",
    "eventsource",
    "iframe-eventsource",
    "iframe-htmlfile",
    "iframe-xhr-polling",
    "jsonp-polling",
]
SCENARIOS = [
    "offered",
    "connects",
    "chat",
    "echo",
    "burst_of_500",
    "statistics",
    "on_a_phone",
    "without_the_client_script",
]


def serve_demo(*options: str) -> AbstractContextManager[Server]:
    """The demo as it comes; in this folder, it finds the installed client."""
    node()
    command = [TWISTD, "--nodaemon", "--pidfile=", "sockjs", *options]
    return calmly(*command, "--listen", "tcp:0:interface=127.0.0.1", cwd=str(HERE))


def play_demo(request: pytest.FixtureRequest, server: Server) -> Results:
    return play(
        request,
        "demo_in_chromium.js",
        patience=600,
        chromium=program(*BROWSERS),
        url=f"{server.url}/",
        offered=TRANSPORTS,
    )


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Iterator[Results]:
    with serve_demo() as server:
        yield play_demo(request, server)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_demo_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
