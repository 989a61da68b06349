"""Who asks: the page's origin, the client's address, and the snapshot an application gets.

Rules: one gate for all transports; an address is believed only from a trusted proxy, right to
left; cookies reach the application only from origins that the settings name. Every check is a
function here. Called by the router and the transports.
"""

from __future__ import annotations

from ..actors.connection import ConnectionInfo
from ..settings import Settings
from .addresses import client_address, is_secure, normal_address
from .exchange import Exchange
from .origins import is_page_named

# -- origins


# -- addresses


# -- the snapshot


def connection_info(
    exchange: Exchange, settings: Settings, transport: str, subprotocol: str | None = None
) -> ConnectionInfo:
    """Describe a request to the application."""
    headers = dict(exchange.headers())
    # Read by the application, if at all.
    if "cookie" in headers and not (
        settings.allowed_origins != "*" and is_page_named(exchange, settings)
    ):
        del headers["cookie"]
    ip = normal_address(exchange.peer)
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
