"""Options of the sockets under long-lived responses and websockets.

Rules: best effort, as not every platform and transport has each option; set once a connection
carries a session. They make the kernel tell early that a peer is dead or does not read.
"""

import socket
from typing import Any

# A peer that acknowledges nothing for so long is dead, even if no packet says so. Something is
# always on its way to it, as heartbeats are sent. Milliseconds on Linux, seconds on macOS.
_SILENCE = 45
# Let the kernel hold little that it can't send yet, so that backpressure is felt here.
_UNSENT = 128 * 1024

_TCP_RXT_CONNDROPTIME = 0x80  # macOS, <netinet/tcp.h>


def tune(channel: Any) -> None:
    """Set the options on the TCP socket under ``channel``, if there is one."""
    handle = getattr(getattr(channel, "transport", None), "socket", None)
    if not isinstance(handle, socket.socket) or handle.family not in _INET:
        return
    for option, value in _OPTIONS:
        try:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError:  # not on this kernel
            pass


_INET = (socket.AF_INET, socket.AF_INET6)
_OPTIONS = []
if hasattr(socket, "TCP_USER_TIMEOUT"):
    _OPTIONS.append((socket.TCP_USER_TIMEOUT, _SILENCE * 1000))
if hasattr(socket, "TCP_NOTSENT_LOWAT"):
    _OPTIONS.append((socket.TCP_NOTSENT_LOWAT, _UNSENT))
