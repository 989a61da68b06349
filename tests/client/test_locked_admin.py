"""The page of an admin site in Chromium that tells nothing without a token, at a path of a site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.needed import program
from ..support.playing import Results, node, play
from ..support.running import running
from .test_admin import TOKEN, TRANSPORTS
from .test_chromium import BROWSERS

SCENARIOS = ["asks_for_the_token_first", "live"]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Iterator[Results]:
    node()
    with running("-m", "tests.support.admin_server", TOKEN) as server:
        yield play(
            request,
            "admin_in_chromium.js",
            patience=600,
            chromium=program(*BROWSERS),
            admin=f"{server.url}/ops/",
            sessions=f"{server.url}/chat",
            token=TOKEN,
            processes="^here",
        )


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_locked_admin_page_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
