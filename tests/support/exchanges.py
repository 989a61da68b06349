"""A request, as what looks at one sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address


class FakeExchange:
    """A request with these headers; underscores in their names stand for hyphens."""

    def __init__(self, peer: str = "192.0.2.1", query: bytes = b"", **headers: str) -> None:
        self.peer = peer
        self.address = SimpleNamespace(host=peer, port=4711)
        self.server_address = IPv4Address("TCP", "192.0.2.80", 8080)
        self.query = query
        self.path = "/echo/000/abc/xhr"
        self.is_secure = False
        self.named: bool | None = None
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def note_named(self, named: bool) -> None:
        self.named = named


def request(*arguments: Any, **headers: Any) -> Any:
    return FakeExchange(*arguments, **headers)
