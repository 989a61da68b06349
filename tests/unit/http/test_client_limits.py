"""Limits per client, by value: who is one client, what it may open, and what is remembered."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, one_of, sampled_from, tuples
from twisted.internet.task import Clock

from txsockjs.errors import TooManyOpens, TooManySessions
from txsockjs.http import client_limits
from txsockjs.http.client_limits import ClientLimits
from txsockjs.settings import Settings

from ...support.tracing import tracing


class Limits:
    """Limits on a clock, and requests from anywhere."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.settings = Settings(**settings)
        self.limits = ClientLimits(self.settings, self.clock.seconds)
        self.numbers = 0

    def check(self, peer: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange: Any = SimpleNamespace(peer=peer, headers=named)
        self.limits.check(exchange)

    def open(self, ip: str) -> str:
        """Open a session if that is allowed, and return its id."""
        self.check(ip)
        self.numbers += 1
        session_id = f"s{self.numbers}"
        self.limits.opened(session_id, ip)
        return session_id

    @property
    def remembered(self) -> int:
        limits = self.limits
        return len(limits._sessions.clients) + len(limits._sessions) + len(limits._buckets)


def refused(error: type[Exception], limits: Limits, ip: str) -> Any:
    with pytest.raises(error) as raised:
        limits.open(ip)
    return raised.value


# -- how many


def test_a_client_has_no_more_sessions_than_it_may() -> None:
    limits = Limits(max_sessions_per_ip=2, disconnect_delay=7.5)
    first, _ = limits.open("192.0.2.1"), limits.open("192.0.2.1")
    error = refused(TooManySessions, limits, "192.0.2.1")
    assert error.client == "192.0.2.1"
    assert error.headers == ((b"Retry-After", b"8"),)
    limits.open("192.0.2.2")
    limits.limits.ended(first)
    limits.open("192.0.2.1")
    refused(TooManySessions, limits, "192.0.2.1")


def test_an_end_counts_once_and_that_of_an_unknown_session_not_at_all() -> None:
    limits = Limits(max_sessions_per_ip=2)
    first, _ = limits.open("192.0.2.1"), limits.open("192.0.2.1")
    for _ in range(3):
        limits.limits.ended(first)
        limits.limits.ended("nobody")
    limits.open("192.0.2.1")
    refused(TooManySessions, limits, "192.0.2.1")


_MOVES = lists(
    one_of(
        tuples(sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"])),
        integers(0, 40),
    )
)


@given(_MOVES)
def test_the_count_is_that_of_the_sessions_there_are(moves: list[Any]) -> None:
    limits = Limits(max_sessions_per_ip=3)
    there: dict[str, str] = {}
    for move in moves:
        if isinstance(move, int):
            there.pop(f"s{move}", None)
            limits.limits.ended(f"s{move}")
            continue
        (ip,) = move
        client = "v6" if ":" in ip else ip
        full = list(there.values()).count(client) >= 3
        if full:
            refused(TooManySessions, limits, ip)
        else:
            there[limits.open(ip)] = client
    assert len(limits.limits._sessions.clients) == len(there)
    for session_id in there:
        limits.limits.ended(session_id)
    assert limits.remembered == 0


# -- how often


def test_a_client_opens_no_faster_than_it_may() -> None:
    limits = Limits(open_rate_per_ip="2/min")
    limits.open("192.0.2.1")
    limits.open("192.0.2.1")
    error = refused(TooManyOpens, limits, "192.0.2.1")
    assert error.client == "192.0.2.1"
    assert error.headers == ((b"Retry-After", b"30"),)
    limits.open("192.0.2.2")
    limits.clock.advance(29.5)
    assert refused(TooManyOpens, limits, "192.0.2.1").headers == ((b"Retry-After", b"1"),)
    limits.clock.advance(0.5)
    limits.open("192.0.2.1")
    refused(TooManyOpens, limits, "192.0.2.1")


def test_asking_and_being_refused_costs_nothing() -> None:
    limits = Limits(open_rate_per_ip="1/s")
    for _ in range(5):
        limits.check("192.0.2.1")
    limits.open("192.0.2.1")
    for _ in range(5):
        refused(TooManyOpens, limits, "192.0.2.1")
    limits.clock.advance(1)
    limits.open("192.0.2.1")


def test_ends_give_no_opens_back() -> None:
    limits = Limits(open_rate_per_ip="1/s", max_sessions_per_ip=1)
    limits.limits.ended(limits.open("192.0.2.1"))
    refused(TooManyOpens, limits, "192.0.2.1")


# -- who is one client


def test_an_ipv6_client_is_its_network() -> None:
    limits = Limits(max_sessions_per_ip=100, open_rate_per_ip="100/h")
    for number in range(100):
        limits.open(f"2001:db8:1:2:{number:x}::{number:x}")
    error = refused(TooManySessions, limits, "2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert error.client == "2001:db8:1:2::/64"
    limits.open("2001:db8:1:3::1")
    assert len(limits.limits._buckets) == 2


def test_an_ipv4_client_is_the_same_over_ipv6() -> None:
    limits = Limits(max_sessions_per_ip=2)
    limits.open("::ffff:192.0.2.1")
    limits.open("192.0.2.1")
    assert refused(TooManySessions, limits, "::ffff:c000:201").client == "192.0.2.1"
    limits.open("::ffff:192.0.2.2")


def test_a_scope_makes_no_other_client() -> None:
    limits = Limits(max_sessions_per_ip=1)
    limits.open("fe80::1%eth0")
    refused(TooManySessions, limits, "fe80::2%eth1")


def test_headers_of_nobody_that_is_trusted_make_no_other_client() -> None:
    limits = Limits(max_sessions_per_ip=1)
    limits.open("192.0.2.1")
    with pytest.raises(TooManySessions):
        limits.check("192.0.2.1", x_forwarded_for="198.51.100.1", forwarded="for=198.51.100.1")


def test_behind_a_trusted_proxy_its_clients_are_counted() -> None:
    limits = Limits(max_sessions_per_ip=1, trusted_proxies="10.0.0.0/8")
    limits.limits.opened("a", "198.51.100.1")
    with pytest.raises(TooManySessions) as raised:
        limits.check("10.0.0.1", x_forwarded_for="203.0.113.9, 198.51.100.1")
    assert raised.value.client == "198.51.100.1"
    limits.check("10.0.0.1", x_forwarded_for="198.51.100.1, 203.0.113.9")
    with pytest.raises(TooManySessions):
        limits.check("198.51.100.1", x_forwarded_for="203.0.113.9")


def test_peers_without_an_address_are_not_counted() -> None:
    limits = Limits(max_sessions_per_ip=1, open_rate_per_ip="1/h")
    for _ in range(3):
        limits.open("")
    assert limits.remembered == 0


def test_behind_a_trusted_socket_all_without_an_address_are_one_client() -> None:
    limits = Limits(max_sessions_per_ip=1, trusted_proxies="127.0.0.1")
    limits.limits.opened("a", "")
    with pytest.raises(TooManySessions):
        limits.check("")
    with pytest.raises(TooManySessions):  # a client that adds another header gains nothing
        limits.check("", x_forwarded_for="198.51.100.1", forwarded="for=203.0.113.9")
    limits.check("", x_forwarded_for="198.51.100.1")


# -- what is remembered


def test_a_client_is_forgotten_when_it_may_do_all_again() -> None:
    limits = Limits(open_rate_per_ip="10/min", max_sessions_per_ip=5)
    session_id = limits.open("192.0.2.1")
    limits.clock.advance(3)
    limits.limits.ended(limits.open("192.0.2.2"))
    limits.limits.sweep()
    assert list(limits.limits._buckets) == ["192.0.2.1", "192.0.2.2"]
    limits.clock.advance(3)
    limits.limits.sweep()
    assert list(limits.limits._buckets) == ["192.0.2.2"]
    limits.clock.advance(3)
    limits.limits.sweep()
    assert limits.limits._buckets == {}
    limits.limits.ended(session_id)
    assert limits.remembered == 0


def test_a_flood_of_addresses_makes_the_oldest_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_limits, "MOST_CLIENTS", 3)
    limits = Limits(open_rate_per_ip="1/h")
    for number in (1, 2, 3):
        limits.open(f"192.0.2.{number}")
    limits.open("192.0.2.4")
    assert list(limits.limits._buckets) == ["192.0.2.2", "192.0.2.3", "192.0.2.4"]
    refused(TooManyOpens, limits, "192.0.2.2")
    limits.open("192.0.2.1")
    refused(TooManyOpens, limits, "192.0.2.3")


def test_a_sweep_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_limits, "_SWEEP", 2)
    limits = Limits(open_rate_per_ip="1/s")
    for number in range(5):
        limits.open(f"192.0.2.{number}")
    limits.clock.advance(1)
    left = []
    for _ in range(3):
        limits.limits.sweep()
        left.append(limits.remembered)
    assert left == [3, 1, 0]


def test_a_flood_of_networks_keeps_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 2048
    monkeypatch.setattr(client_limits, "MOST_CLIENTS", most)
    limits = Limits(open_rate_per_ip="1/h", max_sessions_per_ip=1)

    def come(numbers: range) -> None:
        for number in numbers:
            limits.limits.opened("a", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
            limits.limits.ended("a")

    come(range(2048))  # what is kept of addresses, whoever asks, is kept by now
    limits.limits._buckets.clear()
    gc.collect()
    with tracing() as kept:
        come(range(0x10000, 0x10000 + 3 * most))
        assert 0 < kept() < most * 512
    assert limits.remembered == most


def test_all_clients_that_are_remembered_fit_into_32_mib() -> None:
    assert client_limits.MOST_CLIENTS * 512 <= 32 * 1024 * 1024
