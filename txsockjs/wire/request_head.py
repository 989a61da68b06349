"""Requests for a session's URLs, read straight from a connection's bytes; limits of any head.

Rules: only requests beyond doubt are read here: a request line of a known form, headers in visible
ASCII, none of them twice, a body with one number for its length. Everything else, right or wrong,
is left to twisted.web. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: How many header lines a request may have, and how many bytes before its body. A session keeps no
#: more than that of the request that opened it.
MOST_HEADERS = 100
LONGEST_HEAD = 16384
#: How many bytes the id of a session may have.
LONGEST_ID = 128

# Larger heads are left to twisted.web, and so are those over a limit.
_LONGEST = 8192
_NO_FIELD = ("", "")

_CHARACTER = r"[A-Za-z0-9_~!$&'()*+,;=:@-]"
_SEGMENT = f"{_CHARACTER}+"
#: A pattern for one segment of a prefix, with its slash: the characters of a path (RFC 3986 section
#: 3.3), except escapes, and except ``.`` and ``..``, which browsers resolve.
PREFIX_SEGMENT = r"/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+"
_LINE = re.compile(
    r"(GET|POST|OPTIONS) "
    rf"(((?:{PREFIX_SEGMENT})*?)/{_SEGMENT}/({_CHARACTER}{{1,{LONGEST_ID}}})/([a-z_]+))"
    r"(?:\?([!-~]*))? HTTP/1\.1\Z"
)
# RFC 9112 section 3.2.2; some websocket clients write ws.
_ABSOLUTE = re.compile(
    rb"(?:https?|wss?)://([A-Za-z0-9._~!$&'()*+,;=:%\[\]-]+)([/?].*)?\Z", re.IGNORECASE | re.DOTALL
)
# No two parts of a pattern match the same bytes; otherwise a line that fails would backtrack.
_FIELD = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t -~]*)\Z")


class Request(NamedTuple):
    """A request: ``prefix``, ``session_id`` and ``name`` are the parts of its path.

    ``headers`` have lower-case names; ``head`` is the bytes that all this was read from. The body
    begins at ``start`` and ends before ``end``, whether it has arrived or not.
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
    # A line that is not a field, or fewer headers than lines, because one came twice.
    if "" in headers or not len(lines) == len(headers) <= MOST_HEADERS:
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

    Most lines of most requests are the same, and then they are the same objects.
    """
    match = _FIELD.match(line)
    return (match[1].lower(), match[2].strip(" \t")) if match else _NO_FIELD


def origin_form(target: bytes) -> tuple[bytes, bytes] | None:
    """Return the host of a target in absolute form, and the same target in origin form.

    Returns None for any other target.
    """
    match = _ABSOLUTE.match(target)
    if match is None:
        return None
    rest = match[2] or b"/"
    return match[1], rest if rest.startswith(b"/") else b"/" + rest


def _is_plain(headers: dict[str, str]) -> bool:
    if "transfer-encoding" in headers or "expect" in headers:
        return False
    connection = headers.get("connection", "keep-alive").lower()
    if connection == "keep-alive":
        return "upgrade" not in headers
    return "upgrade" in connection and "close" not in connection
