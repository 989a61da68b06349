"""The client over real sockets: what only this server can show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import BrowserLikePolicyForHTTPS

from txsockjs.client import ConnectionFailed
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


async def player(server: Server, transport: str, **options: Any) -> Player:
    return await connected(f"{server.url}/echo", transports=transport, **{**PATIENT, **options})


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
    # With more time for the websocket, or it would take another transport of a slow server.
    program.write_text(
        re.sub('"http://127.0.0.1:8080(.*?)"', rf'"{server.url}\1", timeout=30', code)
    )
    ran = ended(tmp_path, str(program))
    assert (ran.stdout, ran.stderr, ran.returncode) == (
        "got hello over websocket\nclosed with 1000 Normal closure\n",
        "",
        0,
    )
