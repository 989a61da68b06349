"""The origin of the page that makes a request, and whether it is admitted."""

from __future__ import annotations

import inspect
import re
from urllib.parse import urlsplit

from ..errors import OriginRefused
from ..settings import Settings
from .exchange import Exchange

# A name or an address. It is echoed in a header of the iframe page, where other characters have a
# meaning.
_HOST = re.compile(r"[a-z0-9._:-]{1,255}\Z")


def page_origin(exchange: Exchange) -> str | None:
    """Return the origin of the page that made the request, or None if it is unknown.

    Scripts and iframes are loaded without an Origin header: for them, it is the Referer's origin.
    """
    return exchange.headers.get("origin") or referer_origin(exchange)


def referer_origin(exchange: Exchange) -> str | None:
    """Return the origin of the Referer, or "null" if no page can have that origin."""
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
        if inspect.isawaitable(answer):  # an awaitable is true, whatever its result
            raise TypeError(f"allowed_origins must answer at once, not by {answer!r}")
        return bool(answer)
    return _normal(origin) in allowed


def check_origin(exchange: Exchange, settings: Settings) -> None:
    """Raise `OriginRefused` unless the request's page may use this server.

    A request that no page made (no Origin, no Referer, and no sign from the browser that another
    site caused it) is admitted: the application does not get its cookies.
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
    """Return whether ``allowed_origins`` names the request's page; calls a function only once."""
    named = exchange.named
    if named is None:
        named = is_named(page_origin(exchange), settings)
        exchange.note_named(named)
    return named


def _normal(origin: str) -> str:
    origin = origin.lower()
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme) and origin.endswith(port):
            return origin[: -len(port)]
    return origin
