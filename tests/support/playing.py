"""Have Node or Chromium play scenarios with the stock client, and learn how each went."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest

from .needed import lacking, program
from .running import ROOT

HERE = Path(ROOT) / "tests" / "client"
MODULES = HERE / "node_modules"
OLDEST_NODE = 20
CLIENT = MODULES / "sockjs-client" / "dist"
# What a page loads to come back by itself.
SCRIPT = str(Path(ROOT) / "txsockjs" / "script" / "txsockjs.js")
MULTIPLEX_CLIENT = MODULES / "websocket-multiplex" / "multiplex_client.js"

# What each scenario shows is told in scenarios.js.
ECHOED = [
    "echo_plain",
    "echo_empty",
    "echo_unicode",
    "echo_percent",
    "echo_script",
    "echo_astral",
    "echo_surrogate",
    "echo_controls",
    "echo_escapable",
    "echo_json",
]
SCENARIOS = [
    "transport_in_use",
    *ECHOED,
    "burst_of_500_echoed",
    "burst_of_500_pushed",
    "message_of_512_kib",
    "message_of_512_kib_over_the_response_limit",
    "amplified_to_512_kib",
    "reconnects_at_the_response_limit",
    "closed_by_the_server",
    "close_flushes",
    "closed_by_the_server_at_once",
    "closed_by_the_client",
    "heartbeats",
    "tick",
    "broadcast_to_two",
    "cookie_needed",
    "wrapped_line_receiver",
    "wrapped_line_receiver_closes",
]
# With the client of websocket-multiplex beside the stock client.
MULTIPLEX_SCENARIOS = [
    "multiplex_echo",
    "multiplex_documented",
    "multiplex_unknown_channel",
    "multiplex_closed_by_the_server",
    "multiplex_closed_by_the_client",
    "multiplex_ends_with_its_connection",
]

# How a played scenario went: what went wrong, or None.
Results = dict[str, dict[str, Optional[str]]]


def node() -> str:
    """Give the path of Node, if it is there with what the tests need."""
    path = program("node")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        lacking(f"Node is {version.strip()}, and the tests need {OLDEST_NODE}")
    if not (MODULES / ".installed").exists():
        lacking("the Node modules of the client tests are not installed (make test does it)")
    return path


def play(
    request: pytest.FixtureRequest,
    script: str,
    patience: float,
    among: Mapping[str, Any] | None = None,
    **config: Any,
) -> Results:
    """Run a script of this folder, with the scenarios that the chosen tests of this module ask for.

    ``among`` is what the parameters of those tests have to be. Gives the results that it prints.
    """
    # The keys of the inner ones are a set with an order.
    scenarios: dict[str, dict[str, None]] = {}
    for item in request.session.items:
        if getattr(item, "module", None) is request.module and hasattr(item, "callspec"):
            asked = item.callspec.params
            if "scenario" in asked and asked.items() >= (among or {}).items():
                scenarios.setdefault(asked["transport"], {})[asked["scenario"]] = None
    names = {transport: list(chosen) for transport, chosen in scenarios.items()}
    config.update(transports=list(names), scenarios=names)
    process = subprocess.Popen(
        [node(), str(HERE / script), json.dumps(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that a browser goes with a script that hangs.
        start_new_session=True,
    )
    try:
        said, complained = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, complained = process.communicate()
        complained += f"\n{script} was not done after {patience} s"
    assert process.returncode == 0, complained + said
    results: Results = json.loads(said)
    return results


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serve the page of the tests, and the clients as npm installed them."""

    def translate_path(self, path: str) -> str:
        name = path.split("?")[0].lstrip("/")
        if name == MULTIPLEX_CLIENT.name:
            return str(MULTIPLEX_CLIENT)
        if name == Path(SCRIPT).name:
            return SCRIPT
        folder = CLIENT if name.startswith("sockjs.") else HERE
        return str(folder / Path(name).name)

    def log_message(self, *parameters: Any) -> None:
        """Keep quiet."""


@contextmanager
def pages() -> Iterator[str]:
    """Serve the pages on a port of their own, which makes them another origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
