"""A client: Twisted protocols connected to a SockJS server, over whichever transport gets through.

`SockJSClientEndpoint` is an `IStreamClientEndpoint`; each write of its protocol is one message. The
protocol of applications that want text is a `SockJSClientProtocol`.
"""

from .endpoint import SockJSClientEndpoint
from .errors import ConnectionFailed, SessionClosed, SessionLost
from .protocol import SockJSClientProtocol

__all__ = [
    "ConnectionFailed",
    "SessionClosed",
    "SessionLost",
    "SockJSClientEndpoint",
    "SockJSClientProtocol",
]
