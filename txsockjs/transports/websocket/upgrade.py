"""Upgrades to websockets (RFC 6455 section 4.2), and what the websockets of a router share.

Rules: the answer to a refused request says why (protocol section 8), and its connection stays HTTP.
The whole answer before the first frame is made here.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from functools import lru_cache
from typing import Any, Callable, TypeVar

from ...actors.info import ConnectionInfo
from ...actors.interfaces import RouterForSessions
from ...actors.session import BaseSession
from ...errors import BadHandshake, NotUpgrade, NotWebSocket, UnsupportedVersion
from ...http.exchange import Exchange
from ...http.headers import session_cookie
from ...http.snapshot import connection_info
from ...settings import Settings
from .autobahn import AutobahnFactory
from .incoming import MOST_FRAMES

# A `WebSocketReceiver`, whose module imports this one.
_R = TypeVar("_R", bound=Any)

# RFC 6455 section 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Sixteen bytes in base64.
_KEY = re.compile(r"\s*[A-Za-z0-9+/]{22}==\s*\Z")


class Sockets:
    """The websockets of one router.

    ``limits`` are those of their messages; up to ``most_frames`` of one connection are taken
    together.
    """

    def __init__(
        self, router: RouterForSessions, make_session: Callable[[ConnectionInfo], BaseSession]
    ) -> None:
        self.router = router
        self.make_session = make_session
        self.limits = router.settings.limits
        self.autobahn = AutobahnFactory(router.reactor)
        # No more than the rate allows at once.
        rate = router.settings.message_rate
        self.most_frames = MOST_FRAMES if rate is None else min(rate.count, MOST_FRAMES)

    def build(self, exchange: Exchange, receiver_class: type[_R]) -> _R:
        """Make the receiver for a request that passed all checks."""
        settings = self.router.settings
        subprotocol = None
        if receiver_class.has_subprotocols:
            subprotocol = agreed_subprotocol(exchange, settings)
        info = connection_info(exchange, settings, receiver_class.transport_name, subprotocol)
        receiver: _R = receiver_class(self, info, upgraded(exchange, settings, subprotocol))
        return receiver


def check_handshake(exchange: Exchange) -> None:
    """Raise a `RequestError` that says why this request is not a valid upgrade."""
    header = exchange.headers.get
    if "websocket" not in _tokens(header("upgrade", "")):
        raise NotWebSocket()
    if "upgrade" not in _tokens(header("connection", "")):
        raise NotUpgrade()
    if exchange.is_http_1_0:
        raise BadHandshake()
    if header("sec-websocket-version", "").strip() != "13":
        raise UnsupportedVersion()
    if not _KEY.match(header("sec-websocket-key", "")) or not header("host"):
        raise BadHandshake()
    # A body would be read as websocket frames.
    if (header("content-length") or "0").strip() != "0" or header("transfer-encoding"):
        raise BadHandshake()


def agreed_subprotocol(exchange: Exchange, settings: Settings) -> str | None:
    """Return our first subprotocol that the client offers, or None (RFC 6455 section 4.2.2)."""
    if not settings.subprotocols:
        return None
    offered = exchange.headers.get("sec-websocket-protocol", "").split(",")
    names = {name.strip(" \t") for name in offered}
    return next((name for name in settings.subprotocols if name in names), None)


def upgraded(exchange: Exchange, settings: Settings, subprotocol: str | None) -> bytes:
    """Return the answer to a valid request: all that is written before the first frame."""
    key = exchange.headers.get("sec-websocket-key", "").strip().encode("latin-1")
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + binascii.b2a_base64(digest, newline=False) + b"\r\n"
    )
    if subprotocol is not None:
        head += b"Sec-WebSocket-Protocol: " + subprotocol.encode("ascii") + b"\r\n"
    for name, value in session_cookie(exchange, settings):
        head += name + b": " + value + b"\r\n"
    return head + b"\r\n"


@lru_cache(maxsize=64)
def _tokens(header: str) -> list[str]:
    return [token.strip().lower() for token in header.split(",")]
