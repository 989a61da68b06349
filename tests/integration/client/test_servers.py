"""The client over real sockets, against this server, and by ``make peers`` those of others.

Those are installed as ``benchmarks`` installs them.
"""

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
from ...support.playing_client import Player, connected
from ...support.running import ROOT, Server, running

SCRIPTS = Path(ROOT, "tests", "support", "peers")
THIS = "this"
PEERS = {
    "sockjs-node": "node_peer.js",
    "sockjs-tornado": "tornado_peer.py",
    "aiohttp": "aiohttp_peer.py",
}
WITH_PEERS = pytest.mark.skipif(
    "SOCKJS_PEERS" not in os.environ, reason="make peers installs the servers of others"
)
NAMES = [THIS, *(pytest.param(name, marks=WITH_PEERS) for name in PEERS)]
EACH = pytest.mark.parametrize("transport", TRANSPORTS)


def benchmarks() -> Any:
    """The module that knows how to install them."""
    spec = importlib.util.spec_from_file_location("peers", Path(ROOT, "benchmarks", "peers.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules["peers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def peer(name: str) -> Iterator[Server]:
    """Run a server of others until the block ends."""
    peers = benchmarks()
    (found,) = [each for each in peers.PEERS if each.name == name]
    environments = peers.Environments(None, "epoll")
    try:
        environments.describe(found)  # it must be installed for that
        program, _ = environments.command(found)
    except peers.Unavailable as missing:
        lacking(str(missing))
    modules = peers.CACHE / "sockjs-node" / "node_modules"
    command = ["/usr/bin/env", f"NODE_PATH={modules}", program, str(SCRIPTS / PEERS[name])]
    server = Server(command, None)
    try:
        server.wait_until_listening(60)
        yield server
    finally:
        server.stop()


def serving(name: str) -> contextlib.AbstractContextManager[Server]:
    return running("-m", "tests.support.client_peer") if name == THIS else peer(name)


@pytest.fixture(scope="module", params=NAMES)
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


async def player(server: Server, transport: str, **options: Any) -> Player:
    # For slow machines.
    return await connected(f"{server.url}/echo", transports=transport, timeout=30, **options)


@EACH
@pytest_twisted.ensureDeferred
async def test_ten_thousand_echoes(server: Server, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes([str(number) for number in range(10_000)])
    client.close()
    assert (await client.over).code == 1000


@EACH
@pytest_twisted.ensureDeferred
async def test_any_text_and_a_mebibyte(server: Server, name: str, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes(["grüße", "\u2028\u200b\ufeff", "line\r\n\t\0", "😀" * 1000])
    if name == THIS:
        await client.echoes(["\ud800", "100%25", ""])
    await client.echoes(["x" * (1024 * 1024)])
    client.close()
    await client.over


@EACH
@pytest_twisted.ensureDeferred
async def test_close_codes(server: Server, transport: str) -> None:
    for code in (3000, 4999, 1011):
        client = await player(server, transport)
        client.send(f"close:{code}")
        reason = await client.over
        assert (reason.code, reason.reason) == (code, "as told")
        assert isinstance(reason, SessionLost) is (code == 1011)


@EACH
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_killed(own_server: Server, transport: str) -> None:
    client = await player(own_server, transport)
    await client.echoes(["there?"])
    own_server.process.kill()
    assert isinstance(await client.over, SessionLost)


@EACH
@pytest_twisted.ensureDeferred
async def test_a_server_that_stands_still(own_server: Server, name: str, transport: str) -> None:
    seconds = 2 if name == THIS else 4  # as their heartbeats come
    client = await player(own_server, transport, heartbeat_timeout=seconds)
    own_server.process.send_signal(signal.SIGSTOP)
    try:
        assert (await client.over).reason == f"The server was silent for {seconds} s"
    finally:
        own_server.process.send_signal(signal.SIGCONT)


@pytest_twisted.ensureDeferred
async def test_by_itself_it_takes_the_websocket(server: Server) -> None:
    client = await connected(f"{server.url}/echo", timeout=30)
    assert client.transport.name == WEBSOCKET
    client.close()
    await client.over
