"""Writing to an idle TCP connection at once, instead of with the reactor's next iteration.

Rules: bytes keep their order, so it is done only while nothing waits in the transport's buffer;
what the kernel does not take, and every error, is left to the transport's ordinary ``write``. All
that depends on the inside of Twisted's TCP transport is here. Called by the websocket receiver.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp


def write(transport: Any, data: bytes) -> bool:
    """Write ``data``, now if that is possible; return whether all of it has left."""
    if (
        isinstance(transport, tcp.Connection)
        and not transport.dataBuffer
        and not transport._tempDataBuffer  # the only sign of bytes written in this iteration
        and transport.connected
        and not transport.disconnecting
        and not transport.TLS
    ):
        try:
            sent = transport.socket.send(data)
        except OSError:
            sent = 0  # not now, or never more, which the transport finds out for itself
        if sent == len(data):
            return True
        if sent:
            data = data[sent:]
    transport.write(data)
    return False
