"""The servers that the stock client talks to, and one run of all its scenarios."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..support.playing import node, pages
from ..support.running import ROOT, Server, running


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


@pytest.fixture(scope="session")
def field_server(page_server: str) -> Iterator[Server]:
    """The field's standard test server."""
    program = os.path.join(ROOT, "examples", "testserver.py")
    listen = "tcp:0:interface=127.0.0.1"
    client = f"{page_server}/sockjs.min.js"
    with calmly(program, "--listen", listen, "--sockjs-url", client) as server:
        yield server


@pytest.fixture(scope="session")
def extra_server(page_server: str) -> Iterator[Server]:
    """The server that obeys orders."""
    client = f"{page_server}/sockjs.min.js"
    with calmly("-m", "tests.support.client_server", "--sockjs-url", client) as server:
        yield server
