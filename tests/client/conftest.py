"""The servers that the stock client talks to, and one run of all its scenarios."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples import testserver

from ..support import client_server, proxies
from ..support.playing import node, pages
from ..support.running import ROOT, Server, running
from ..support.ways import WAY, Mounts, nodes, write_plan


@pytest.fixture(scope="session")
def page_server() -> Iterator[str]:
    node()
    with pages() as url:
        yield url


@contextmanager
def calmly(*command: str, cwd: str | None = None) -> Iterator[Server]:
    """Run a server that, whatever its clients did, logs no traceback and ends well."""
    with running(*command, cwd=cwd) as server:
        yield server
        code = server.stop()
    assert "Traceback" not in server.output, server.output
    assert code == 0, server.output


@dataclass
class Balanced:
    """Where a balancer listens that sends each request to another node."""

    url: str


@contextmanager
def balanced(folder: Path, mounts: Mounts, client: str) -> Iterator[Balanced]:
    """Run the nodes of the way in, and nginx before them, as `calmly` runs a server."""
    with nodes(write_plan(folder / "plan.toml", mounts, sockjs_url=client)) as several:
        with proxies.nginx(folder, several.ports, sticky=False) as url:
            yield Balanced(url)
        assert several.live, several.output
        code = several.stop()
    assert "Traceback" not in several.output, several.output
    assert code == 0, several.output


@pytest.fixture(scope="session")
def field_server(
    page_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server | Balanced]:
    """The field's standard test server."""
    client = f"{page_server}/sockjs.min.js"
    if WAY:
        with balanced(tmp_path_factory.mktemp("field"), testserver.MOUNTS, client) as several:
            yield several
        return
    program = os.path.join(ROOT, "examples", "testserver.py")
    listen = "tcp:0:interface=127.0.0.1"
    with calmly(program, "--listen", listen, "--sockjs-url", client) as server:
        yield server


@pytest.fixture(scope="session")
def extra_server(
    page_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server | Balanced]:
    """The server that obeys orders."""
    client = f"{page_server}/sockjs.min.js"
    if WAY:
        folder = tmp_path_factory.mktemp("extra")
        mounts: Mounts = {**client_server.MOUNTS, "lines": (client_server.Lines, {})}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOCKJS_ENDINGS", str(folder))
            with balanced(folder, mounts, client) as several:
                yield several
        return
    with calmly("-m", "tests.support.client_server", "--sockjs-url", client) as server:
        yield server
