"""Mounts that are URLs, through twistd: over TLS, with workers, and what is wrong with one."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from txsockjs.client.options import TRANSPORTS

from ..support.raw import post
from ..support.running import ended, running
from ..wire.test_endpoints import certificate
from .test_gateway import told_of_no_upstream

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
COMMAND = (TWISTD, "-n", "--pidfile=", "sockjs", "--listen", "tcp:0:interface=127.0.0.1")
PEER = ("-m", "tests.support.client_peer")


def converse(url: str) -> None:
    """Poll through a bridge."""
    session = f"{url}/0/{os.urandom(8).hex()}"
    assert post(session + "/xhr") == b"o\n"
    post(session + "/xhr_send", '["grüße"]'.encode())
    assert post(session + "/xhr") == 'a["grüße"]\n'.encode()
    post(session + "/xhr_send", b'["close:3456"]')
    assert post(session + "/xhr") == b'c[3456,"as told"]\n'


def test_over_tls_to_a_server_whose_certificate_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path)
    with running(*PEER, f"ssl:0:interface=127.0.0.1:privateKey={pem}") as peer:
        urls = [f"{scheme}://localhost:{peer.port}/echo" for scheme in ("wss", "https")]
        mounts = [f"--mount=/raw={urls[0]}/websocket", f"--mount=/sockjs={urls[1]}"]
        with running(*COMMAND, *mounts, cwd=str(tmp_path)) as stranger:
            told_of_no_upstream(stranger, "/raw", "certificate verify failed")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with running(*COMMAND, *mounts, cwd=str(tmp_path)) as server:
            converse(server.url + "/raw")
            converse(server.url + "/sockjs")
            server.stop()
            assert "Traceback" not in server.output


def test_with_workers(tmp_path: Path) -> None:
    with running(*PEER) as peer:
        mount = f"--mount=/x=ws://127.0.0.1:{peer.port}/echo/websocket"
        with running(*COMMAND, "--workers", "2", mount, cwd=str(tmp_path)) as server:
            for _ in range(6):
                converse(server.url + "/x")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_endpoint_of_a_sockjs_server_is_a_proxy_of_it(tmp_path: Path, transport: str) -> None:
    with running(*PEER) as peer:
        url = f"http://127.0.0.1:{peer.port}/echo:transports={transport}:timeout=30"
        mount = f"--mount=/x=endpoint:sockjs:{url}"
        with running(*COMMAND, mount, cwd=str(tmp_path)) as server:
            session = f"{server.url}/x/0/{os.urandom(8).hex()}"
            assert post(session + "/xhr") == b"o\n"
            post(session + "/xhr_send", '["grüße"]'.encode())
            assert post(session + "/xhr") == 'a["grüße"]\n'.encode()
            post(session + "/xhr_send", b'["close:3456"]')
            assert post(session + "/xhr") == b'c[3000,"Upstream closed the connection"]\n'
            server.stop()
            assert "Traceback" not in server.output


@pytest.mark.parametrize(
    ("mount", "line"),
    [
        ("/x=ws://", "sockjs: a URL must be http"),
        ("/x=ws://me:secret@host/", "sockjs: a URL must have no name and password"),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path: Path, mount: str, line: str) -> None:
    ran: Any = ended(tmp_path, *COMMAND, "--mount", mount)
    assert ran.returncode == 1
    assert line in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
