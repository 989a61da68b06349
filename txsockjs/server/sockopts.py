"""Options of the sockets under long-lived responses and websockets.

Rules: best effort, as not every platform and transport has each option; set once a connection
carries a session. They make the kernel tell early that a peer is dead or does not read.
"""

from __future__ import annotations

import socket
import sys
from functools import lru_cache
from typing import Any

# Let the kernel hold little that it can't send yet, so that backpressure is felt here.
_UNSENT = 128 * 1024

_TCP_RXT_CONNDROPTIME = 0x80  # macOS, <netinet/tcp.h>, in seconds


def tune(channel: Any, peer_timeout: float) -> None:
    """Set the options on the TCP socket under ``channel``, if there is one.

    The kernel drops the connection when the peer acknowledges nothing for ``peer_timeout`` seconds:
    as heartbeats are sent, there is always something to acknowledge.
    """
    handle = getattr(getattr(channel, "transport", None), "socket", None)
    if not isinstance(handle, socket.socket):
        return
    set_option = handle.setsockopt
    for option in _options(peer_timeout):
        try:  # noqa: SIM105
            set_option(*option)
        except OSError:  # not on every kernel, nor on UNIX sockets
            pass


@lru_cache(maxsize=64)
def _options(peer_timeout: float) -> list[tuple[int, int, int]]:
    options = [(socket.TCP_NODELAY, 1)]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.TCP_USER_TIMEOUT, _bounded(peer_timeout * 1000)))
    elif sys.platform == "darwin":
        options.append((_TCP_RXT_CONNDROPTIME, _bounded(peer_timeout)))
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        options.append((socket.TCP_NOTSENT_LOWAT, _UNSENT))
    return [(socket.IPPROTO_TCP, *option) for option in options]


def _bounded(value: float) -> int:
    """Return what a C int can hold: a heartbeat that never comes may be set as a huge delay."""
    return max(1, int(min(value, 2**31 - 1)))
