"""Who may ask: the origin of a page, and whether it is admitted."""

from __future__ import annotations

import inspect
import re
from urllib.parse import urlsplit

from ..errors import OriginRefused
from ..settings import Settings
from .exchange import Exchange

# A name or an address. It comes back in a header of the iframe page, where much else has a meaning.
_HOST = re.compile(r"[a-z0-9._:-]{1,255}\Z")


def page_origin(exchange: Exchange) -> str | None:
    """Return the origin of the page that made the request, or None if nothing tells it.

    Scripts and iframes are loaded without an Origin header: there, it is the Referer's.
    """
    return exchange.headers.get("origin") or referer_origin(exchange)


def referer_origin(exchange: Exchange) -> str | None:
    """Return the origin in the Referer, "null" if that is none that a page can have."""
    referer = exchange.headers.get("referer")
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
    """Return whether ``allowed_origins`` names this origin; ``*`` names none."""
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
        if exchange.headers.get("sec-fetch-site") in (None, "", "none", "same-origin"):
            return
    elif is_page_named(exchange, settings):
        return
    raise OriginRefused()


def is_page_named(exchange: Exchange, settings: Settings) -> bool:
    """Return whether ``allowed_origins`` names the request's page; a function is asked once."""
    if exchange.named is None:
        exchange.named = is_named(page_origin(exchange), settings)
    return exchange.named


def _normal(origin: str) -> str:
    origin = origin.lower()
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme) and origin.endswith(port):
            return origin[: -len(port)]
    return origin
