"""Headers of answers: caching, CORS, the JSESSIONID cookie.

Rules: pure functions from a request and settings to lists of headers (protocol section 2).
"""

from __future__ import annotations

import re
import time

from twisted.web.http import datetimeToString

from ..actors.info import read_cookies
from ..errors import Header
from ..settings import Settings
from .exchange import Exchange, Head
from .snapshot import request_info

Headers = list[Header]

YEAR = 31536000

NEVER_CACHED: Headers = [
    (b"Cache-Control", b"no-store, no-cache, no-transform, must-revalidate, max-age=0")
]
#: For answers that a proxy would otherwise hold back until they are complete.
UNBUFFERED: Header = (b"X-Accel-Buffering", b"no")


# Not allowed in a header. Tabs would be, but no echoed value has them.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]+")
# RFC 6265 section 4.1.1: the characters of an echoed value.
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+\Z")

# For how many origins heads are kept, and the longest origin: a name has up to 253 characters.
_MOST_ORIGINS = 64
_LONGEST_ORIGIN = 280


def content_type(value: bytes) -> Header:
    """Return the Content-Type header."""
    return (b"Content-Type", value)


TEXT = content_type(b"text/plain; charset=UTF-8")
HTML = content_type(b"text/html; charset=UTF-8")
JSON = content_type(b"application/json; charset=UTF-8")
JAVASCRIPT = content_type(b"application/javascript; charset=UTF-8")
EVENT_STREAM = content_type(b"text/event-stream")


def cached_for_a_year() -> Headers:
    """Return the headers of an answer that never changes."""
    return [
        (b"Cache-Control", b"public, max-age=%d" % YEAR),
        (b"Expires", datetimeToString(time.time() + YEAR)),
    ]


def shared_with(origin: str | None) -> Headers:
    """Return the headers that let a page of this origin (None: any page) read an answer."""
    if not origin or not _may_come_back(origin):
        return [(b"Access-Control-Allow-Origin", b"*"), (b"Vary", b"Origin")]
    return [
        (b"Access-Control-Allow-Origin", origin.encode("ascii")),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"Vary", b"Origin"),
    ]


def _may_come_back(value: str) -> bool:
    """Return whether a header's value is visible ASCII and spaces, like all that browsers send."""
    return value.isascii() and value.isprintable()


def cors(exchange: Exchange) -> Headers:
    """Return the CORS headers for a request whose origin was admitted."""
    return [*shared_with(exchange.headers.get("origin")), *_requested(exchange)]


def _requested(exchange: Exchange) -> Headers:
    requested = exchange.headers.get("access-control-request-headers")
    if requested and _may_come_back(requested):
        return [(b"Access-Control-Allow-Headers", requested.encode("ascii"))]
    return []


def preflight(exchange: Exchange, method: bytes) -> Headers:
    """Return the headers of the answer to OPTIONS, for a URL that takes ``method``."""
    return [
        (b"Access-Control-Allow-Methods", b"OPTIONS, " + method),
        (b"Access-Control-Max-Age", b"%d" % YEAR),
        *cached_for_a_year(),
        *cors(exchange),
    ]


def session_cookie(exchange: Exchange, settings: Settings) -> Headers:
    """Return the cookie that sticky load balancers look for, if the setting is on."""
    setting = settings.jsessionid
    if not setting:
        return []
    value: str | None
    if callable(setting):
        value = setting(request_info(exchange, settings))
        if value is None:
            return []
    else:
        brought = read_cookies(exchange.headers.get("cookie", "")).get("JSESSIONID", "")
        value = f"JSESSIONID={brought if _COOKIE_VALUE.match(brought) else 'dummy'}; path=/"
    # Applications make this value, perhaps of a client's data: it must not begin another header.
    return [(b"Set-Cookie", _CONTROL.sub(" ", value).encode("latin-1", "replace"))]


class Heads:
    """The heads of answers that carry a session: one for each origin, made on its first request.

    Polls are among the most frequent answers. Their headers differ only by the origin, unless the
    session cookie is on.
    """

    __slots__ = ("_headers", "_made", "_status")

    def __init__(self, status: int, *headers: Header) -> None:
        self._status = status
        self._headers = [*headers, *NEVER_CACHED]
        self._made: dict[str | None, Head] = {}

    def of(self, exchange: Exchange, settings: Settings) -> Head:
        """Return the head of the answer to a request, with the session cookie if it is on."""
        headers = exchange.headers
        origin = headers.get("origin")
        head = self._made.get(origin) or self._make(origin)
        if settings.jsessionid or "access-control-request-headers" in headers:
            return head.plus(*_requested(exchange), *session_cookie(exchange, settings))
        return head

    def _make(self, origin: str | None) -> Head:
        head = Head(self._status, [*self._headers, *shared_with(origin)])
        if len(origin or "") <= _LONGEST_ORIGIN:
            if len(self._made) >= _MOST_ORIGINS:  # anybody can make up more
                self._made.clear()
            self._made[origin] = head
        return head
