"""The client over real sockets, against this server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import BrowserLikePolicyForHTTPS

from txsockjs.client import ConnectionFailed, SessionLost
from txsockjs.client.endpoints import Endpoints
from txsockjs.client.options import TRANSPORTS

from ...support.docs import found
from ...support.playing_client import Player, connected
from ...support.running import Server, ended, running
from ...wire.test_endpoints import certificate

EACH = pytest.mark.parametrize("transport", TRANSPORTS)
# Slow machines.
PATIENT = {"timeout": 30.0}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running("-m", "tests.support.client_peer") as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[Server]:
    with running("-m", "tests.support.client_peer") as server:
        yield server


async def player(server: Server, transport: str, **options: Any) -> Player:
    return await connected(f"{server.url}/echo", transports=transport, **{**PATIENT, **options})


@EACH
@pytest_twisted.ensureDeferred
async def test_ten_thousand_echoes(server: Server, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes([str(number) for number in range(10_000)])
    client.close()
    assert (await client.over).code == 1000


@EACH
@pytest_twisted.ensureDeferred
async def test_any_text_and_a_mebibyte(server: Server, transport: str) -> None:
    client = await player(server, transport)
    await client.echoes(["grüße", "\u2028\u200b\ufeff\ud800", "100%25 \r\n\t\0", "", "😀" * 1000])
    await client.echoes(["é" * (512 * 1024)])
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
async def test_a_server_that_stands_still(own_server: Server, transport: str) -> None:
    client = await player(own_server, transport, heartbeat_timeout=2)
    await client.echoes(["there?"])
    own_server.process.send_signal(signal.SIGSTOP)
    try:
        reason = await client.over
        assert reason.reason == "The server was silent for 2 s"
    finally:
        own_server.process.send_signal(signal.SIGCONT)


@EACH
@pytest_twisted.ensureDeferred
async def test_an_application_that_is_behind_holds_the_sender(
    server: Server, transport: str
) -> None:
    client = await player(server, transport)
    client.send("wait:0.5")
    await client.echoes(["x" * 60_000] * 100)
    client.close()
    await client.over


@pytest_twisted.ensureDeferred
async def test_over_tls_with_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    root = trustRootFromCertificates([Certificate.loadPEM(pem.read_bytes())])
    endpoints = Endpoints(reactor, BrowserLikePolicyForHTTPS(root))
    description = f"ssl:0:interface=127.0.0.1:privateKey={pem}"
    with running("-m", "tests.support.client_peer", description) as server:
        url = server.url.replace("http://127.0.0.1", "https://localhost") + "/echo"
        for transport in TRANSPORTS:
            client = await connected(url, transports=transport, endpoints=endpoints, **PATIENT)
            await client.echoes(["one", "two"])
            client.close()
            await client.over
        with pytest.raises(ConnectionFailed, match="certificate verify failed"):
            await connected(url, **PATIENT)


def test_the_program_of_the_page(server: Server, tmp_path: Path) -> None:
    (code,) = [code for _, code in found("client.md") if code.startswith("# talk.py")]
    program = tmp_path / "talk.py"
    program.write_text(code.replace("http://127.0.0.1:8080", server.url))
    ran = ended(tmp_path, str(program))
    assert (ran.stdout, ran.stderr, ran.returncode) == (
        "got hello over websocket\nclosed with 1000 Normal closure\n",
        "",
        0,
    )
