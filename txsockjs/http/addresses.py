"""The address of a request's client, also behind trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Union

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from ..settings import Settings
from .exchange import Exchange

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Parse an address as proxies write it, with a port, brackets or quotes; None if invalid."""
    text = text.strip().strip('"').strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not (rest[0] == ":" and rest[1:].isdigit())):
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port.isdigit():
            return None
    else:
        host = text
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def normal_address(text: str) -> str:
    """Return an address in its normal form; return other text unchanged."""
    address = parse_address(text)
    return text if address is None else str(address)


def client_address(exchange: Exchange, settings: Settings) -> str:
    """Return the client's address: the nearest one that is not a trusted proxy's."""
    trusted = settings.trusted_proxies
    if not trusted:
        return normal_address(exchange.peer)
    peer = parse_address(exchange.peer)
    chains = [
        chain
        for chain in (
            _forwarded_for(exchange.headers.get("x-forwarded-for")),
            _forwarded(exchange.headers.get("forwarded")),
        )
        if chain
    ]
    found = {_walk(peer, chain, settings) for chain in chains}
    # If two headers disagree, a proxy set one and the client may have sent the other, and nothing
    # tells which.
    address = found.pop() if len(found) == 1 else peer
    return str(address) if address is not None else exchange.peer


def is_trusted(address: Address | None, settings: Settings) -> bool:
    """Return whether this is a trusted proxy's address; a UNIX socket's peer (None) is."""
    if address is None:
        return bool(settings.trusted_proxies)
    return any(
        address.version == network.version and address in network
        for network in settings.trusted_proxies
    )


def _walk(peer: Address | None, chain: Sequence[str], settings: Settings) -> Address | None:
    address = peer
    for hop in reversed(chain):
        if not is_trusted(address, settings):
            break
        previous = parse_address(hop)
        if previous is None:
            break
        address = previous
    return address


def _forwarded_for(header: str | None) -> list[str]:
    return [hop.strip() for hop in header.split(",")] if header else []


def _forwarded(header: str | None) -> list[str]:
    """Return the ``for`` parameters of a Forwarded header (RFC 7239)."""
    chain = []
    for element in (header or "").split(","):
        hop = ""
        for pair in element.split(";"):
            name, _, value = pair.strip().partition("=")
            if name.lower() == "for":
                hop = value
        chain.append(hop)
    return chain if header else []


def is_secure(exchange: Exchange, settings: Settings) -> bool:
    """Return whether the client uses TLS, to this server or to a trusted proxy that says so."""
    if exchange.is_secure:
        return True
    if not is_trusted(parse_address(exchange.peer), settings):
        return False
    proto = exchange.headers.get("x-forwarded-proto", "")
    return proto.rpartition(",")[2].strip().lower() == "https"


def host_and_port(address: IAddress | None) -> tuple[str, int]:
    """Return an address as a host and a port; ("", 0) for a UNIX socket."""
    return getattr(address, "host", "") or "", getattr(address, "port", 0) or 0


@lru_cache(maxsize=1024)
def address_of(host: str, port: int) -> IAddress:
    """Return the address for a host and a port of `host_and_port`."""
    if not host:
        return UNIXAddress(None)
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
