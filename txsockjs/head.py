"""Requests for a session's URLs, read straight from the bytes of a connection.

Rules: only what is beyond doubt is read here: one request line of a known form, headers in visible
ASCII, none of them twice, a body whose length one number tells. Whatever else comes, right or
wrong, is left to twisted.web. Pure; called by the front.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Larger heads, and more headers, are left to twisted.web, which has limits for them.
_LONGEST = 8192
_MOST_HEADERS = 500

_SEGMENT = rb"[A-Za-z0-9_~!$&'()*+,;=:@-]+"
_HEAD = re.compile(
    rb"(GET|POST|OPTIONS) "
    rb"(((?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*)/" + _SEGMENT + rb"/(" + _SEGMENT + rb")/([a-z_]+))"
    rb"(?:\?([!-~]*))? HTTP/1\.1"
    rb"((?:\r\n[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t -~]*)+)\Z"
)


class Request(NamedTuple):
    """A request: ``prefix``, ``session_id`` and ``name`` are the parts of its path.

    ``headers`` have lower-case names; ``head`` is what all this was read from. The body begins at
    ``start`` and ends before ``end``, whether it has come or not.
    """

    method: bytes
    path: str
    prefix: str
    session_id: str
    name: str
    query: bytes
    headers: dict[str, str]
    head: bytes
    start: int
    end: int


def read_request(data: bytes) -> Request | None:
    """Return the request at the start of ``data``, or None if it is not for the fast way."""
    end = data.find(b"\r\n\r\n", 0, _LONGEST)
    match = _HEAD.match(data[:end]) if end > 0 else None
    if match is None:
        return None
    method, path, prefix, session_id, name, query, lines = match.groups()
    fields = [line.split(":", 1) for line in lines.decode("ascii").split("\r\n")[1:]]
    headers = {_lower(name): value.strip(" \t") for name, value in fields}
    if len(headers) < len(fields) or len(fields) > _MOST_HEADERS:
        return None
    if "host" not in headers or not _is_plain(headers):
        return None
    length = headers.get("content-length", "0")
    if not (length.isdigit() and len(length) < 10) or (method == b"GET" and length != "0"):
        return None
    return Request(
        method,
        path.decode("ascii"),
        prefix.decode("ascii"),
        session_id.decode("ascii"),
        name.decode("ascii"),
        query or b"",
        headers,
        data[: end + 4],
        end + 4,
        end + 4 + int(length),
    )


@lru_cache(maxsize=1024)
def _lower(name: str) -> str:
    """Return a header's name in lower case: the same object for all requests that have it."""
    return name.lower()


def _is_plain(headers: dict[str, str]) -> bool:
    if "transfer-encoding" in headers or "expect" in headers:
        return False
    connection = headers.get("connection")
    if connection is None or connection.lower() == "keep-alive":
        return "upgrade" not in headers
    return "upgrade" in connection.lower() and "close" not in connection.lower()
