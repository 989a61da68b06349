"""Certificates that are renewed while a server runs: taken at a handshake, or left alone."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent

from txsockjs.cli.workers.sockets import Adopter
from txsockjs.server.certificates import INTERVAL, endpoint_of

from ...wire.test_endpoints import certificate

# It is Twisted that does what newer releases of pyOpenSSL warn of.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class Server:
    """An endpoint whose key and certificate are files of a folder."""

    def __init__(self, folder: Path, around: str = "") -> None:
        self.folder = folder
        self.reactor = MemoryReactorClock()
        self.renew()
        files = f"privateKey={folder / 'key.pem'}:certKey={folder / 'cert.pem'}"
        self.description = f"{around}ssl:443:{files}"
        self.taken = f"took the renewed certificate of {self.description}"
        endpoint_of(self.reactor, self.description).listen(Factory())
        ((_, _, self.context, *_),) = self.reactor.sslServers

    def renew(self, *names: str) -> None:
        """Write another key and certificate, or only one of them."""
        key, begin, rest = certificate(self.folder).read_text().partition("-----BEGIN CERT")
        made = {"key.pem": key, "cert.pem": begin + rest}
        for name in names or made:
            (self.folder / name).write_text(made[name])

    def later(self, seconds: float = INTERVAL) -> list[str]:
        """Have a handshake after a while; gives what was logged."""
        self.reactor.advance(seconds)
        with capturedLogs() as logged:
            self.context.getContext()
        assert all(event["log_level"] <= LogLevel.warn for event in logged)
        return [formatEvent(event) for event in logged]

    def shown(self) -> Any:
        """Give the certificate that a client sees."""
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        server = SSL.Connection(self.context.getContext())
        client.set_connect_state()
        server.set_accept_state()
        for _ in range(4):
            for one, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(one.bio_read(65536))
        return client.get_peer_certificate().digest("sha256")


@pytest.fixture(params=["", "haproxy:"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    return Server(tmp_path, request.param)


def test_a_renewed_certificate_is_taken_within_a_minute(server: Server) -> None:
    first = server.shown()
    server.renew()
    assert server.later(INTERVAL - 1) == []
    assert server.shown() == first
    assert server.later(1) == [server.taken]
    second = server.shown()
    assert second != first
    server.renew()
    server.later()
    assert server.shown() not in (first, second)


def test_what_did_not_change_keeps_its_context(server: Server) -> None:
    context = server.context.getContext()
    assert server.later() == server.later() == []
    assert server.context.getContext() is context


@pytest.mark.parametrize("half", ["key.pem", "cert.pem"])
def test_what_does_not_fit_together_is_not_taken(server: Server, half: str) -> None:
    first = server.shown()
    server.renew(half)
    (told,) = server.later()
    assert told.startswith(f"kept the certificate of {server.description}: ")
    assert "do not match" in told
    assert server.later() == []  # it was told
    assert server.shown() == first
    server.renew()
    assert server.later() == [server.taken]
    assert server.shown() != first


def test_files_that_are_gone_or_nonsense_change_nothing(server: Server) -> None:
    first = server.shown()
    (server.folder / "cert.pem").write_text("nonsense")
    (told,) = server.later()
    assert told.startswith(f"kept the certificate of {server.description}: ")
    (server.folder / "cert.pem").unlink()
    (told,) = server.later()
    assert "FileNotFoundError: " in told and "cert.pem" in told
    assert server.shown() == first
    # What is told again is told anew once it was right in between.
    server.renew()
    server.later()
    (server.folder / "cert.pem").unlink()
    assert len(server.later()) == 1


def test_other_endpoints_are_twisteds_own() -> None:
    reactor = MemoryReactorClock()
    endpoint_of(reactor, "tcp:80").listen(Factory())
    assert [port for port, *_ in reactor.tcpServers] == [80]
    with pytest.raises(ValueError, match="Unknown endpoint type: 'nonsense'"):
        endpoint_of(reactor, "nonsense:80")
    with pytest.raises(FileNotFoundError):
        endpoint_of(reactor, "ssl:443:privateKey=nowhere.pem")


def test_workers_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[Any] = []
    monkeypatch.setattr(
        Adopter, "listenSSL", lambda self, *words, **options: listening.append(words)
    )
    server = Server(tmp_path)
    endpoint_of(Adopter(server.reactor, 3), server.description).listen(Factory())
    ((_, _, server.context),) = listening
    server.renew()
    assert server.later() == [server.taken]
