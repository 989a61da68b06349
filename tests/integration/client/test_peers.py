"""The client against the servers of others, as ``benchmarks`` installs them: ``make peers``."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from txsockjs.client import SessionLost
from txsockjs.client.options import TRANSPORTS, WEBSOCKET

from ...support.needed import lacking
from ...support.playing_client import connected
from ...support.running import ROOT, Server

SCRIPTS = Path(ROOT, "tests", "support", "peers")
PEERS = {
    "sockjs-node": "node_peer.js",
    "sockjs-tornado": "tornado_peer.py",
    "aiohttp": "aiohttp_peer.py",
}

pytestmark = pytest.mark.skipif(
    "SOCKJS_PEERS" not in os.environ, reason="make peers installs the servers of others"
)
EACH = pytest.mark.parametrize("transport", TRANSPORTS)


def benchmarks() -> Any:
    """The module that knows how to install them."""
    spec = importlib.util.spec_from_file_location("peers", Path(ROOT, "benchmarks", "peers.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules["peers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def serving(name: str) -> Iterator[Server]:
    """Run a peer until the block ends."""
    peers = benchmarks()
    (peer,) = [peer for peer in peers.PEERS if peer.name == name]
    environments = peers.Environments(None, "epoll")
    try:
        environments.describe(peer)  # it must be installed for that
        program, _ = environments.command(peer)
    except peers.Unavailable as missing:
        lacking(str(missing))
    modules = peers.CACHE / "sockjs-node" / "node_modules"
    command = ["/usr/bin/env", f"NODE_PATH={modules}", program, str(SCRIPTS / PEERS[name])]
    server = Server(command, None)
    try:
        server.wait_until_listening(60)
        yield server
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGCONT)
        server.stop()


@pytest.fixture(scope="module", params=PEERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(name: str) -> Iterator[Server]:
    with serving(name) as server:
        yield server


@pytest.fixture
def own_server(name: str) -> Iterator[Server]:
    with serving(name) as server:
        yield server


async def player(server: Server, transport: str, **options: Any) -> Any:
    url = f"{server.url}/echo"
    return await connected(url, transports=transport, timeout=30, **options)


@EACH
@pytest_twisted.ensureDeferred
async def test_ten_thousand_echoes(server: Server, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes([str(number) for number in range(10_000)])
    client.close()
    assert (await client.over).code == 1000


@EACH
@pytest_twisted.ensureDeferred
async def test_unicode_and_a_mebibyte(server: Server, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes(["grüße", "\u2028\u200b\ufeff", "line\r\n\t\0", "😀" * 1000])
    await client.echoes(["x" * (1024 * 1024)])
    client.close()
    await client.over


@EACH
@pytest_twisted.ensureDeferred
async def test_close_codes(server: Server, transport: str) -> None:
    client = await player(server, transport)
    client.send("close:3456")
    reason = await client.over
    assert (reason.code, reason.reason) == (3456, "as told")


@EACH
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_killed(own_server: Server, transport: str) -> None:
    client = await player(own_server, transport)
    await client.echoes(["there?"])
    own_server.process.kill()
    assert isinstance(await client.over, SessionLost)


@EACH
@pytest_twisted.ensureDeferred
async def test_a_server_that_stands_still(own_server: Server, transport: str) -> None:
    client = await player(own_server, transport, heartbeat_timeout=4)
    await client.echoes(["there?"])
    own_server.process.send_signal(signal.SIGSTOP)
    assert (await client.over).reason == "The server was silent for 4 s"


@pytest_twisted.ensureDeferred
async def test_by_itself_it_takes_the_websocket(server: Server) -> None:
    client = await connected(f"{server.url}/echo", timeout=30)
    assert client.transport.name == WEBSOCKET
    client.close()
    await client.over
