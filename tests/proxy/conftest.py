"""Two servers, and each of the proxies before the first of them or before both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.proxies import BALANCERS, PROXIES
from ..support.running import Server, running


@pytest.fixture(scope="package")
def servers() -> Iterator[list[Server]]:
    command = ["-m", "tests.support.client_server", "--trusted-proxy", "127.0.0.1"]
    with running(*command) as first, running(*command) as second:
        yield [first, second]
    for server in (first, second):
        assert "Traceback" not in server.output, server.output


@pytest.fixture(scope="package", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest,
    servers: list[Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of a proxy before one server."""
    folder = tmp_path_factory.mktemp(request.param)
    with PROXIES[request.param](folder, [servers[0].port]) as url:
        yield url


@pytest.fixture(scope="package", params=BALANCERS)
def balancer(
    request: pytest.FixtureRequest,
    servers: list[Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of a proxy before two servers."""
    folder = tmp_path_factory.mktemp(request.param)
    with BALANCERS[request.param](folder, [server.port for server in servers]) as url:
        yield url
