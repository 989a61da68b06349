"""What a request must bring to become a websocket (RFC 6455 section 4.2.1, protocol section 8).

Rules: a request that is refused is told why, and its connection is left to HTTP. Called by the
URLs before a connection is taken over.
"""

from __future__ import annotations

import base64
import binascii

from ..errors import BadHandshake, NotUpgrade, NotWebSocket, UnsupportedVersion
from ..exchange import Exchange


def check_handshake(exchange: Exchange) -> None:
    """Raise the `RequestError` that tells what keeps this request from being an upgrade."""
    upgrade = exchange.header("upgrade") or ""
    if "websocket" not in _tokens(upgrade):
        raise NotWebSocket()
    if "upgrade" not in _tokens(exchange.header("connection") or ""):
        raise NotUpgrade()
    if exchange.is_http_1_0:
        raise BadHandshake()
    if (exchange.header("sec-websocket-version") or "").strip() != "13":
        raise UnsupportedVersion()
    if not _is_key(exchange.header("sec-websocket-key") or "") or not exchange.header("host"):
        raise BadHandshake()
    # The websocket's bytes would be looked for before the end of the body.
    if (exchange.header("content-length") or "0").strip() != "0" or exchange.header(
        "transfer-encoding"
    ):
        raise BadHandshake()


def _tokens(header: str) -> list[str]:
    return [token.strip().lower() for token in header.split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key.strip(), validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
