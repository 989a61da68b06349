"""The chat of the demo in Chromium while its server ends, and is started again: no line is lost."""

from __future__ import annotations

import sys

import pytest

from ..support.needed import program
from ..support.playing import Results, play
from ..support.ways import TWISTD
from .test_chromium import BROWSERS


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Results:
    return play(
        request,
        "demo_restarted_in_chromium.js",
        patience=600,
        chromium=program(*BROWSERS),
        command=[sys.executable, TWISTD, "--nodaemon", "--pidfile=", "sockjs"],
    )


@pytest.mark.parametrize(
    ("transport", "scenario"), [("websocket", "SIGKILL"), ("xhr-polling", "SIGTERM")]
)
def test_demo_restarted_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
