"""The demo of ``twistd sockjs --workers 2`` in Chromium: one chat, whichever process serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.playing import Results
from .test_demo import play_demo, serve_demo


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Iterator[Results]:
    with serve_demo("--workers", "2") as server:
        yield play_demo(request, server)


@pytest.mark.parametrize("scenario", ["connects", "chat", "nodes", "echo"])
@pytest.mark.parametrize("transport", ["websocket", "xhr-polling"])
def test_demo_of_workers_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
