"""The listening sockets of workers: bound once, one for each where the system spreads them."""

from __future__ import annotations

import pathlib
import socket
from collections.abc import Iterator

import pytest
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from txsockjs.cli.workers import sockets as module
from txsockjs.cli.workers.sockets import AdoptedEndpoint, Sockets, check
from txsockjs.errors import ListenError, SettingsError

ANY = "tcp:0:interface=127.0.0.1"


@pytest.fixture
def bound() -> Iterator[list[Sockets]]:
    found: list[Sockets] = []
    yield found
    for each in found:
        each.close()


def bind(bound: list[Sockets], endpoint: str, count: int = 3) -> Sockets:
    sockets = Sockets(endpoint, count)
    bound.append(sockets)
    sockets.bind()
    return sockets


@pytest.mark.parametrize("endpoint", [ANY, f"haproxy:{ANY}"])
def test_each_worker_has_a_socket_of_one_port(bound: list[Sockets], endpoint: str) -> None:
    sockets = bind(bound, endpoint)
    if not module.SPREADS:
        pytest.skip("this system does not spread connections")
    assert len({each.getsockname() for each in sockets.sockets}) == 1
    assert len(set(sockets.of_workers())) == 3
    assert not sockets.is_shared


def test_where_the_system_does_not_spread_them_there_is_one(
    bound: list[Sockets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPREADS", False)
    sockets = bind(bound, ANY)
    assert sockets.is_shared
    assert sockets.of_workers() == [sockets.sockets[0].fileno()] * 3


def test_a_unix_socket_is_shared_and_a_stale_one_replaced(
    bound: list[Sockets], tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "s"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    sockets = bind(bound, f"unix:{path}:mode=600")
    assert sockets.is_shared
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ListenError, match="Address already in use"):
        bind(bound, f"unix:{path}")


def test_a_port_that_another_server_has_is_not_shared_with_it(bound: list[Sockets]) -> None:
    port = bind(bound, ANY).sockets[0].getsockname()[1]
    with pytest.raises(ListenError, match="Address already in use"):
        bind(bound, f"tcp:{port}:interface=127.0.0.1")


def test_what_is_no_endpoint_is_told(bound: list[Sockets]) -> None:
    with pytest.raises(SettingsError, match="cannot listen on 'tcp:x'"):
        bind(bound, "tcp:x")


@pytest.mark.parametrize("endpoint", [ANY, "tcp6:1", "ssl:1", "unix:/s", "systemd:INET:name=a"])
def test_workers_can_listen_on_these(endpoint: str) -> None:
    check(endpoint)
    check(f"haproxy:{endpoint}")


@pytest.mark.parametrize("endpoint", ["fd:3", "sockjs:tcp\\:1", "haproxy:fd:3", "onion:80"])
def test_but_not_on_others(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="workers can listen on tcp:"):
        check(endpoint)


@pytest.mark.parametrize("endpoint", [ANY, "systemd:INET:name=a", "haproxy:systemd:INET:name=a"])
def test_a_bound_socket_is_taken_up(bound: list[Sockets], endpoint: str) -> None:
    sockets = bind(bound, ANY, 1)
    factory = Factory.forProtocol(Protocol)  # type: ignore[type-abstract]
    adopted = AdoptedEndpoint(reactor, endpoint, sockets.of_workers()[0])
    ports: list[object] = []
    adopted.listen(factory).addCallback(ports.append)
    (port,) = ports
    address = port.getHost()  # type: ignore[attr-defined]
    port.stopListening()  # type: ignore[attr-defined]
    assert (address.host, address.port) == sockets.sockets[0].getsockname()
