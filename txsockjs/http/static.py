"""Answers that belong to no session: greeting, info, iframe page, chunking test.

Rules: the bytes are those of protocol section 3.
"""

from __future__ import annotations

import hashlib
import secrets

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..errors import Header
from ..settings import Settings
from ..wire.proto import json_encode
from .exchange import Exchange, Head
from .headers import (
    HTML,
    JAVASCRIPT,
    JSON,
    NEVER_CACHED,
    TEXT,
    UNBUFFERED,
    Headers,
    cached_for_a_year,
    cors,
)
from .origins import is_named, referer_origin
from .snapshot import request_info

# In bytes. A longer list of embedders is not sent, as proxies take only 4 or 8 KiB of headers.
_LONGEST_LIST = 2048

_GREETING = b"Welcome to SockJS!\n"
_GREETING_HEAD = Head(200, [TEXT])

_IFRAME = """\
<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{sockjs_url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
"""


def greeting(exchange: Exchange) -> None:
    """Answer with the greeting of a SockJS server."""
    exchange.answer(_GREETING_HEAD, _GREETING)


def info(exchange: Exchange, settings: Settings) -> None:
    """Answer what this server supports, as JSON."""
    answer: dict[str, object] = {
        "websocket": "websocket" not in settings.disabled_transports,
        "cookie_needed": bool(settings.jsessionid),
        "origins": ["*:*"],  # clients ignore it; don't disclose the allowed origins
        "entropy": secrets.randbits(32),
    }
    base_url = settings.base_url
    if base_url is not None:
        answer["base_url"] = (
            base_url(request_info(exchange, settings)) if callable(base_url) else base_url
        )
    head = Head(200, [JSON, *NEVER_CACHED, *cors(exchange)])
    exchange.answer(head, json_encode(answer).encode("utf-8"))


def iframe(exchange: Exchange, settings: Settings) -> None:
    """Serve the page for transports in an iframe, or answer 304."""
    page = iframe_page(settings.sockjs_url)
    etag = b'"' + hashlib.sha256(page).hexdigest()[:32].encode("ascii") + b'"'
    headers = [*cached_for_a_year(), (b"ETag", etag), *_frame_ancestors(exchange, settings)]
    known = exchange.headers.get("if-none-match", "")
    tags = [tag.strip() for tag in known.split(",")]
    if etag.decode("ascii") in [tag[2:] if tag.startswith("W/") else tag for tag in tags]:
        exchange.answer(Head(304, headers))
    else:
        exchange.answer(Head(200, [HTML, *headers]), page)


def iframe_page(sockjs_url: str) -> bytes:
    """Return the iframe page that loads the client from this URL."""
    escaped = sockjs_url.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return _IFRAME.format(sockjs_url=escaped).encode("utf-8")


def _frame_ancestors(exchange: Exchange, settings: Settings) -> Headers:
    # The page acts for the page that embeds it, from this server's origin, so it needs this gate.
    allowed = settings.allowed_origins
    if allowed == "*":
        return []
    named = "" if callable(allowed) else " ".join(sorted(set(allowed) - {"null"}))
    if callable(allowed) or len(named) > _LONGEST_LIST:
        origin = referer_origin(exchange)
        asking = origin if origin != "null" and is_named(origin, settings) else None
        # A shared cache must not serve one embedder's page to another.
        return [_embedded_by(asking), (b"Vary", b"Referer")]
    return [_embedded_by(named)]


def _embedded_by(sources: str | None) -> Header:
    sources = sources or "'none'"
    return (b"Content-Security-Policy", b"frame-ancestors " + sources.encode("latin-1"))


_PADDING = b" " * 2048 + b"h\n"
# Seconds to wait before each chunk.
_CHUNKS = [(0.0, _PADDING), *((ms / 1000, b"h\n") for ms in (5, 25, 125, 625, 3125))]


def chunking_test(exchange: Exchange, reactor: IReactorTime) -> None:
    """Send chunks at growing intervals, so that old clients can detect a buffering proxy."""
    chunks = list(_CHUNKS)
    calls: list[IDelayedCall] = []

    def send_next() -> None:
        calls.clear()
        exchange.write(chunks.pop(0)[1])
        schedule()

    def schedule() -> None:
        if not chunks:
            exchange.end()
        elif not exchange.ended:
            calls.append(reactor.callLater(chunks[0][0], send_next))

    def stop() -> None:
        for call in calls:
            call.cancel()

    exchange.watch(lost=stop)
    exchange.start(Head(200, [JAVASCRIPT, UNBUFFERED, *NEVER_CACHED, *cors(exchange)]))
    exchange.write(b"h\n")
    schedule()
