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
_NO_FIELD = ("", "")

_SEGMENT = r"[A-Za-z0-9_~!$&'()*+,;=:@-]+"
_LINE = re.compile(
    r"(GET|POST|OPTIONS) "
    rf"(((?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*?)/{_SEGMENT}/({_SEGMENT})/([a-z_]+))"
    r"(?:\?([!-~]*))? HTTP/1\.1\Z"
)
# No two parts of a pattern match the same bytes: a line that fails would be tried in all ways.
_FIELD = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t -~]*)\Z")


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
    if end < 0:
        return None
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    match = _LINE.match(first)
    if match is None:
        return None
    headers = dict(map(_field, lines))
    # A line that is no field, or fewer headers than lines: one came twice.
    if "" in headers or not len(lines) == len(headers) <= _MOST_HEADERS:
        return None
    if "host" not in headers or not _is_plain(headers):
        return None
    method, path, prefix, session_id, name, query = match.groups()
    start = end = end + 4
    length = headers.get("content-length")
    if length is not None:
        if not (length.isdigit() and len(length) < 10) or (method == "GET" and length != "0"):
            return None
        end += int(length)
    return Request(
        method.encode("ascii"),
        path,
        prefix,
        session_id,
        name,
        (query or "").encode("ascii"),
        headers,
        data[:start],
        start,
        end,
    )


@lru_cache(maxsize=256)
def _field(line: str) -> tuple[str, str]:
    """Return a header's name in lower case and its value.

    Most lines of most requests are the same, and are the same objects then.
    """
    match = _FIELD.match(line)
    return (match[1].lower(), match[2].strip(" \t")) if match else _NO_FIELD


def _is_plain(headers: dict[str, str]) -> bool:
    if "transfer-encoding" in headers or "expect" in headers:
        return False
    connection = headers.get("connection", "keep-alive").lower()
    if connection == "keep-alive":
        return "upgrade" not in headers
    return "upgrade" in connection and "close" not in connection
