"""Writing to an idle TCP connection at once, instead of with the reactor's next iteration.

Rules: bytes keep their order, so it is done only while nothing waits in the transport's buffer;
what the kernel does not take, and every error, is left to the transport's ordinary ``write``. All
that depends on the inside of Twisted's TCP transport is here. Called by the websocket receiver.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp


def is_idle(transport: Any) -> bool:
    """Tell whether this is a TCP connection, open, all of whose bytes have left."""
    return (
        isinstance(transport, tcp.Connection)
        and not transport.dataBuffer
        and not transport._tempDataBuffer  # the only sign of bytes written in this iteration
        and transport.connected == 1
        and not transport.disconnecting
        and not transport.TLS
    )


def write(transport: Any, data: bytes) -> None:
    """Write ``data``, now if that is possible."""
    if is_idle(transport):
        try:
            sent = transport.socket.send(data)
        except OSError:
            sent = 0  # not now, or never more, which the transport finds out for itself
        if sent == len(data):
            return
        if sent:
            data = data[sent:]
    transport.write(data)
