"""`connection_info`: a request as applications see it.

Rules: an application sees a request's cookies only if the settings name the origin of the page that
made it; only a trusted proxy's word on an address is believed.
"""

from __future__ import annotations

from ..actors.info import ConnectionInfo
from ..settings import Settings
from .addresses import client_address, is_secure, normal_address
from .exchange import Exchange
from .origins import is_page_named


def connection_info(
    exchange: Exchange, settings: Settings, transport: str, subprotocol: str | None = None
) -> ConnectionInfo:
    """Describe a request to an application, whose session it opens."""
    headers = dict(exchange.headers)
    # Any page can make a browser send cookies, so they prove nothing about a page not named.
    if "cookie" in headers and not (
        settings.allowed_origins != "*" and is_page_named(exchange, settings)
    ):
        del headers["cookie"]
    return _info(exchange, settings, headers, transport, subprotocol)


def request_info(exchange: Exchange, settings: Settings) -> ConnectionInfo:
    """Describe a request to a function in the settings: with its cookies, for any page.

    The result of such a function goes back to the browser that sent the cookies.
    """
    return _info(exchange, settings, dict(exchange.headers), "", None)


def _info(
    exchange: Exchange,
    settings: Settings,
    headers: dict[str, str],
    transport: str,
    subprotocol: str | None,
) -> ConnectionInfo:
    address = exchange.address
    ip = normal_address(getattr(address, "host", "") or "")
    port = getattr(address, "port", 0) or 0
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
