"""Requests to an admin site, and its answers, as values.

Rules: the size of a request is bounded before it is parsed.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from twisted.internet.interfaces import IAddress
from twisted.web.server import Request

from ..http.exchange import REASONS
from .guard import Denied
from .query import BadQuery

#: The largest body, in bytes.
LONGEST_BODY = 4096
_MOST_WORDS = 20
_TEXT = "text/plain; charset=UTF-8"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class Answer(NamedTuple):
    """An answer: its status, body, type and further headers."""

    status: int
    body: bytes
    type: str = _TEXT
    headers: Mapping[str, str] = {}

    @classmethod
    def line(cls, status: int, why: str, **headers: str) -> Answer:
        """Make an answer with one line of text."""
        return cls(status, f"{why}\n".encode("utf-8", "replace"), headers=headers)

    @classmethod
    def json(cls, value: object, status: int = 200) -> Answer:
        """Make an answer with a value as JSON."""
        return cls(status, json.dumps(value).encode(), _JSON)

    @classmethod
    def denial(cls, denied: Denied) -> Answer:
        """Make the answer to a refused request."""
        answer = cls.line(denied.status, denied.why)
        if denied.status == 401:
            return answer._replace(headers={"WWW-Authenticate": "Bearer"})
        return answer

    def head(self, request: Request) -> bytes:
        """Set status and headers, and return the body to write."""
        request.setResponseCode(self.status, REASONS.get(self.status))
        request.setHeader("Content-Type", self.type)
        request.setHeader("Content-Length", str(len(self.body)))
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return b"" if request.method == b"HEAD" else self.body


class Asked(NamedTuple):
    """A request; header names are in lower case; ``address`` is this end of the connection."""

    method: str
    headers: Mapping[str, str]
    address: IAddress | None
    query: bytes
    body: bytes

    @classmethod
    def of(cls, request: Any) -> Asked:
        """Read a `twisted.web` request, with at most one byte of its body beyond the limit."""
        headers = {
            name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        body = request.content.read(LONGEST_BODY + 1) if request.method == b"POST" else b""
        query = request.uri.partition(b"?")[2]
        return cls(request.method.decode("latin-1"), headers, request.getHost(), query, body)

    def words(self) -> dict[str, str]:
        """Return the query arguments; raise `BadQuery` if they are wrong."""
        return _words(self.query)

    def order(self) -> dict[str, object]:
        """Return the table in the body, from JSON or a form; raise `Denied` or `BadQuery`."""
        if len(self.body) > LONGEST_BODY:
            raise Denied(413, f"an order must have at most {LONGEST_BODY} bytes")
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == _FORM:
            return dict(_words(self.body))
        if kind != _JSON:
            raise Denied(415, f"an order must be {_JSON} or {_FORM}")
        try:
            order = json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadQuery("an order must be JSON, and this is none") from None
        if not isinstance(order, dict):
            raise BadQuery("an order must be a table in JSON")
        return order


def _words(data: bytes) -> dict[str, str]:
    text = data.decode("utf-8", "replace")
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_WORDS)
    except ValueError:
        raise BadQuery(f"there may be {_MOST_WORDS} arguments, and these are more") from None
    return {name: values[-1] for name, values in found.items()}
