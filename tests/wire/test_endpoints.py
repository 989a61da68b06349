"""The same server behind other endpoints than plain TCP: TLS and UNIX sockets."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..support.peer import PATIENCE, Peer
from ..support.running import ROOT, Server, running
from ..support.websocket import WebSocket

PROGRAM = os.path.join(ROOT, "examples", "testserver.py")
LARGE = "x" * 300_000


def certificate(folder: Path) -> Path:
    """Make a key and a certificate of its own, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=365 * 100))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class Wrapped(Peer):
    """A peer over another kind of socket."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._held = b""


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pem = certificate(tmp_path_factory.mktemp("tls"))
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    with running(PROGRAM, "--listen", endpoint) as server:
        assert server.url.startswith("https://")
        yield server
    assert "Traceback" not in server.output


@pytest.fixture(scope="module")
def unix_path() -> Iterator[str]:
    # Not in pytest's folder: the path of a UNIX socket has to be short.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with running(PROGRAM, "--listen", f"unix:{path}") as server:
            yield path
        assert "Traceback" not in server.output


@pytest.fixture(params=["tls", "unix"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.param == "tls":
        server = request.getfixturevalue("tls_server")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        made: socket.socket = context.wrap_socket(plain)
    else:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(PATIENCE)
        made.connect(request.getfixturevalue("unix_path"))
    peer = Wrapped(made)
    yield peer
    peer.close()


def test_a_websocket_echoes_small_and_large(peer: Peer) -> None:
    websocket = WebSocket(peer, "/echo/000/s/websocket")
    assert websocket.text() == "o"
    for message in ("small", LARGE, "small again"):
        websocket.say(f'["{message}"]')
        assert websocket.text() == f'a["{message}"]'


def test_polls_share_the_connection(peer: Peer) -> None:
    peer.ask("POST", "/echo/000/poll/xhr")
    assert peer.response("POST").body == b"o\n"
    peer.ask("POST", "/echo/000/poll/xhr_send", body=f'["{LARGE}"]'.encode())
    assert peer.response("POST").status == 204
    peer.ask("POST", "/echo/000/poll/xhr")
    assert peer.response("POST").body == f'a["{LARGE}"]\n'.encode()
