"""The stock client in Node, over every transport that it has there."""

from __future__ import annotations

import pytest

from ..support.playing import SCENARIOS, Results, play
from ..support.running import Server

TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling", "eventsource"]
NAMES = {transport: list(SCENARIOS) for transport in TRANSPORTS}
NAMES["xhr-polling"].append("falls_back_without_websocket")


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, field_server: Server, extra_server: Server) -> Results:
    return play(
        request,
        "in_node.js",
        patience=600,
        test=field_server.url,
        extra=extra_server.url,
    )


@pytest.mark.parametrize(
    ("transport", "scenario"),
    [(transport, name) for transport in TRANSPORTS for name in NAMES[transport]],
)
def test_client_in_node(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
