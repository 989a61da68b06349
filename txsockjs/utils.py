"""``broadcast(data, transports)``, where txsockjs 1.x had it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .protocols.transport import SockJSTransport
from .wire.text import Data, check_data, encoded

__all__ = ["broadcast"]


def broadcast(data: str | Data, transports: Iterable[Any]) -> None:
    """Write the same data to many transports, encoding text once."""
    if isinstance(data, str):
        data = encoded(data)
    else:
        check_data(data)
        data = bytes(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    together = []
    for transport in list(transports):
        if text and isinstance(transport, SockJSTransport) and transport.takes_text:
            together.append(transport.connection)
        else:
            transport.write(data)
    if together:
        together[0].broadcast(together, text)
