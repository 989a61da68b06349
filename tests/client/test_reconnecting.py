"""The script for pages with the stock client: connections that are cut, and workers that end.

What is played is told in ``reconnecting.js``: numbers that go both ways, none lost, doubled or out
of order. A sample of it, and with ``make resume`` all of it, 10,000 of them each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from ..support.needed import program
from ..support.numbers_app import MOUNTS
from ..support.playing import SCRIPT, Results, play
from ..support.redis_server import redis_server
from ..support.ways import Nodes, node, write_plan
from . import test_chromium, test_node

FULL = bool(os.environ.get("SOCKJS_RESUME"))
COUNT, BREAKS = (10000, 20) if FULL else (200, 3)

TRANSPORTS = {"node": test_node.TRANSPORTS, "chromium": test_chromium.TRANSPORTS}
PLAIN = ["begins_anew_with_a_plain_server", "closes_when_all_has_arrived"]
CUT = ["cut_at_random_places"]
ENDED = ["through_rolls", "through_stops", "through_kills"]
SCENARIOS = {
    "one": [*CUT, *PLAIN],  # process
    "workers": [*CUT, *ENDED],  # two behind one port
    "redis": [*CUT, *ENDED],  # two nodes of two workers each
}
SAMPLE = {
    ("node", "one"): (TRANSPORTS["node"], CUT),
    ("chromium", "workers"): (["websocket", "xhr-polling"], [*CUT, "through_kills"]),
}
ALL = {
    (browser, way): (TRANSPORTS[browser], scenarios)
    for way, scenarios in SCENARIOS.items()
    for browser in TRANSPORTS
}
GROUPS = ALL if FULL else SAMPLE


@contextmanager
def serving(folder: Path, way: str, client: str) -> Iterator[Nodes]:
    plan = write_plan(folder / "plan.toml", MOUNTS, sockjs_url=client)
    workers = () if way == "one" else ("--workers", "2")
    if way != "redis":
        with node(plan, *workers) as server:
            yield Nodes([server])
        return
    with redis_server() as redis:
        cluster = ("--cluster", redis.url)
        with node(plan, *workers, *cluster) as one, node(plan, *workers, *cluster) as two:
            yield Nodes([one, two])


@pytest.fixture(scope="module")
def play_all(
    request: pytest.FixtureRequest, page_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Results]:
    @cache
    def play_all(browser: str, way: str) -> Results:
        client = f"{page_server}/sockjs.min.js"
        with serving(tmp_path_factory.mktemp(way), way, client) as servers:
            results = play(
                request,
                f"reconnecting_in_{browser}.js",
                among={"browser": browser, "way": way},
                patience=7200 if FULL else 900,
                source=SCRIPT,
                chromium=program(*test_chromium.BROWSERS) if browser == "chromium" else None,
                page=f"{page_server}/reconnecting.html",
                ports=servers.ports,
                pids=servers.pids,
                count=COUNT,
                breaks=BREAKS,
            )
        assert "Traceback" not in servers.output, servers.output
        return results

    return play_all


@pytest.mark.parametrize(
    ("browser", "way", "transport", "scenario"),
    [
        (*group, transport, scenario)
        for group, (transports, scenarios) in GROUPS.items()
        for transport in transports
        for scenario in scenarios
    ],
)
def test_reconnecting(
    play_all: Callable[[str, str], Results], browser: str, way: str, transport: str, scenario: str
) -> None:
    assert play_all(browser, way)[transport][scenario] is None
