"""The two servers of the wire suite, each started once, and a `Site` on them for each test."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from examples.testserver import MOUNTS

from ..support.labs import Lab, LabOfNodes, Site
from ..support.redis_server import redis_server
from ..support.running import ROOT, Server, running
from ..support.ways import WAY, Nodes, nodes, write_plan

SOCKJS_URL = "http://127.0.0.1/sockjs.min.js"


@pytest.fixture(scope="session")
def field_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | Nodes]:
    if WAY:
        folder = tmp_path_factory.mktemp("plan")
        plan = write_plan(folder / "plan.toml", MOUNTS, sockjs_url=SOCKJS_URL)
        with nodes(plan) as several:
            yield several
            assert several.live, several.output
        assert "Traceback" not in several.output
        return
    program = os.path.join(ROOT, "examples", "testserver.py")
    endpoint = "tcp:0:interface=127.0.0.1"
    with running(program, "--listen", endpoint, "--sockjs-url", SOCKJS_URL) as server:
        yield server
        assert server.process.poll() is None, server.output
    assert "Traceback" not in server.output


@pytest.fixture(scope="session")
def lab_server() -> Iterator[Server | Nodes]:
    if WAY == "redis":
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(redis_server())
            command = ("-m", "tests.support.lab_server", redis.url)
            several = Nodes([stack.enter_context(running(*command)) for _ in range(2)])
            yield several
            assert several.live, several.output
        return
    _skip_on_a_way()
    with running("-m", "tests.support.lab_server") as server:
        yield server
        assert server.process.poll() is None, server.output
        assert Lab(server).forgotten() == []


def _skip_on_a_way() -> None:
    if WAY:
        pytest.skip("looks inside the server, which is several processes here")


@pytest.fixture
def site(field_server: Server | Nodes) -> Iterator[Site]:
    """The field's standard test server, `examples/testserver.py`."""
    site = Site(field_server)
    yield site
    site.close()


@pytest.fixture
def loud_lab(lab_server: Server | Nodes) -> Iterator[Lab]:
    """The lab, for a test that looks at the errors in its log itself."""
    lab = LabOfNodes(lab_server) if isinstance(lab_server, Nodes) else Lab(lab_server)
    yield lab
    lab.close()


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """A lab that no other test has used, for one that counts all that the process has."""
    _skip_on_a_way()
    with running("-m", "tests.support.lab_server") as server:
        lab = Lab(server)
        yield lab
        assert lab.errors() == []
        lab.close()


@pytest.fixture
def lab(loud_lab: Lab) -> Iterator[Lab]:
    """The lab; whatever the test did to it must have logged no error."""
    yield loud_lab
    assert loud_lab.errors() == []
