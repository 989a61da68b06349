"""The page of the admin site in Chromium, as an operator uses it."""

from __future__ import annotations

import os
import re
import sysconfig
import time
from collections.abc import Iterator

import pytest

from ..support.needed import program
from ..support.playing import Results, node, play
from ..support.raw import PATIENCE
from ..support.running import Server
from .conftest import calmly
from .test_chromium import BROWSERS

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
TOKEN = "a-token-of-the-tests"
HERE = "interface=127.0.0.1"
TRANSPORTS = ["websocket", "xhr-polling"]
SCENARIOS = [
    "live",
    "shows_one_of_the_processes",
    "finds_who_floods_and_ends_it",
    "what_clients_choose_is_text",
    "says_what_is_wrong_with_a_filter",
    "charts_are_read_by_keyboard",
    "on_a_phone",
    "fits_whatever_it_shows",
    "in_both_schemes",
]
APP = "tests.support.admin_server.Echo"


def urls(server: Server, count: int) -> list[str]:
    """Return so many different URLs that the server listens on."""
    end = time.monotonic() + PATIENCE
    while True:
        found = list(dict.fromkeys(re.findall(r"listening on (http://\S+)", server.output)))
        if len(found) >= count:
            return found
        assert time.monotonic() < end, server.output
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["1", "2"])
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Results]:
    """What went wrong with one process and no token, or with two workers and a token."""
    node()
    workers = request.param
    token = tmp_path_factory.mktemp("admin") / "token"
    token.write_text(f"{TOKEN}\n")
    options = ["--workers", workers]
    if workers != "1":
        options += ["--admin-token", str(token)]
    command = [TWISTD, "-n", "--pidfile=", "sockjs", "--app", APP, "--prefix", "/chat", *options]
    listen = ["--listen", f"tcp:0:{HERE}", "--admin", f"tcp:0:{HERE}"]
    with calmly(*command, *listen) as server:
        first, second = urls(server, 2)[:2]
        # The parent of workers has its own line first.
        sessions, admin = (first, second) if workers == "1" else (second, first)
        yield play(
            request,
            "admin_in_chromium.js",
            patience=900,
            chromium=program(*BROWSERS),
            admin=f"{admin}/",
            sessions=f"{sessions}/chat",
            token=TOKEN if workers != "1" else "",
            processes="^here" if workers == "1" else r"^\s*1.*2",
        )


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_admin_page_in_chromium(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
