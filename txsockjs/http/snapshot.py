"""Who asks: the page's origin, the client's address, and the snapshot an application gets.

Rules: one gate for all transports; an address is believed only from a trusted proxy, right to
left; cookies reach the application only from origins that the settings name. Every check is a
function here. Called by the router and the transports.
"""

from __future__ import annotations

import inspect
import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Union
from urllib.parse import urlsplit

from ..actors.connection import ConnectionInfo
from ..errors import OriginRefused
from ..settings import Settings
from .exchange import Exchange

# A name or an address. It comes back in a header of the iframe page, where much else has a meaning.
_HOST = re.compile(r"[a-z0-9._:-]{1,255}\Z")

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


# -- origins


def page_origin(exchange: Exchange) -> str | None:
    """Return the origin of the page that made the request, or None if nothing tells it.

    Scripts and iframes are loaded without an Origin header: there, it is the Referer's.
    """
    return exchange.header("origin") or referer_origin(exchange)


def referer_origin(exchange: Exchange) -> str | None:
    """Return the origin in the Referer, "null" if that is none that a page can have."""
    referer = exchange.header("referer")
    if not referer:
        return None
    try:
        parts = urlsplit(referer)
        port = parts.port
    except ValueError:
        return "null"
    if not parts.scheme or not _HOST.match(parts.hostname or ""):
        return "null"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def is_named(origin: str | None, settings: Settings) -> bool:
    """Tell whether ``allowed_origins`` names this origin; ``*`` names none."""
    allowed = settings.allowed_origins
    if origin is None or allowed == "*":
        return False
    if callable(allowed):
        answer: object = allowed(origin)
        if inspect.isawaitable(answer):  # which is true, whatever it will say
            raise TypeError(f"allowed_origins must answer at once, not by {answer!r}")
        return bool(answer)
    return _normal(origin) in allowed


def check_origin(exchange: Exchange, settings: Settings) -> None:
    """Raise `OriginRefused` unless the request's page may use this server.

    A request that no page made (no Origin, no Referer, and no browser's word that another site
    caused it) is let in: it brings no cookies to the application.
    """
    if settings.allowed_origins == "*":
        return
    origin = page_origin(exchange)
    if origin is None:
        if exchange.header("sec-fetch-site") in (None, "", "none", "same-origin"):
            return
    elif _is_named(exchange, settings):
        return
    raise OriginRefused()


def _is_named(exchange: Exchange, settings: Settings) -> bool:
    """Tell whether ``allowed_origins`` names the request's page; a function is asked once."""
    if exchange.named is None:
        exchange.named = is_named(page_origin(exchange), settings)
    return exchange.named


def _normal(origin: str) -> str:
    origin = origin.lower()
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme) and origin.endswith(port):
            return origin[: -len(port)]
    return origin


# -- addresses


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Read an address as proxies write it: with a port, in brackets, in quotes; else None."""
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
def _normal_address(text: str) -> str:
    """Write an address in its normal form; leave what is none."""
    address = parse_address(text)
    return text if address is None else str(address)


def client_address(exchange: Exchange, settings: Settings) -> str:
    """Return the client's address: the nearest one that no trusted proxy vouched for."""
    trusted = settings.trusted_proxies
    if not trusted:
        return _normal_address(exchange.peer)
    peer = parse_address(exchange.peer)
    chains = [
        chain
        for chain in (
            _forwarded_for(exchange.header("x-forwarded-for")),
            _forwarded(exchange.header("forwarded")),
        )
        if chain
    ]
    found = {_walk(peer, chain, settings) for chain in chains}
    # Two headers that disagree: a proxy sets one of them and the client could have sent the
    # other, and nothing tells which.
    address = found.pop() if len(found) == 1 else peer
    return str(address) if address is not None else exchange.peer


def is_trusted(address: Address | None, settings: Settings) -> bool:
    """Tell whether an address is a trusted proxy's; a UNIX socket's peer (None) is."""
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
    """Tell whether the client's side is TLS: here, or at a trusted proxy that says so."""
    if exchange.is_secure:
        return True
    if not is_trusted(parse_address(exchange.peer), settings):
        return False
    proto = exchange.header("x-forwarded-proto") or ""
    return proto.rpartition(",")[2].strip().lower() == "https"


# -- the snapshot


def connection_info(
    exchange: Exchange, settings: Settings, transport: str, subprotocol: str | None = None
) -> ConnectionInfo:
    """Describe a request to the application."""
    headers = dict(exchange.headers())
    # Read by the application, if at all.
    if "cookie" in headers and not (
        settings.allowed_origins != "*" and _is_named(exchange, settings)
    ):
        del headers["cookie"]
    ip = _normal_address(exchange.peer)
    port = getattr(exchange.address, "port", 0) or 0
    secure = exchange.is_secure
    if settings.trusted_proxies:
        peer, ip = ip, client_address(exchange, settings)
        port = port if ip == peer else 0
        secure = is_secure(exchange, settings)
    return ConnectionInfo(
        ip=ip,
        cookies=None,
        arguments=None,
        headers=headers,
        path=exchange.path,
        transport=transport,
        origin=headers.get("origin") or None,
        is_secure=secure,
        port=port,
        server_address=exchange.server_address,
        query=exchange.query,
        subprotocol=subprotocol,
    )
