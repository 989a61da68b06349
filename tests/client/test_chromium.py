"""The stock client on a page in Chromium, over every transport that it has there.

The page comes from another origin than the servers do.
"""

from __future__ import annotations

import pytest

from ..support.needed import program
from ..support.pages import blocks
from ..support.playing import MULTIPLEX_SCENARIOS, SCENARIOS, Results, play
from ..support.running import Server

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
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
NAMES = {
    transport: [*SCENARIOS, "closed_with_its_tab", *MULTIPLEX_SCENARIOS] for transport in TRANSPORTS
}
NAMES["xhr-streaming"].append("falls_back_without_websocket")
# Not the client's: the browser's own websockets.
NAMES["raw-websocket"] = [
    "raw_echo",
    "raw_binary",
    "raw_closed_by_the_server",
    "raw_closed_by_the_browser",
]


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, page_server: str, field_server: Server, extra_server: Server
) -> Results:
    return play(
        request,
        "in_chromium.js",
        patience=900,
        chromium=program(*BROWSERS),
        page=f"{page_server}/page.html",
        test=field_server.url,
        extra=extra_server.url,
        documented=blocks("multiplexing", "js")[0],
    )


@pytest.mark.parametrize(
    ("transport", "scenario"),
    [(transport, name) for transport, names in NAMES.items() for name in names],
)
def test_client_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
