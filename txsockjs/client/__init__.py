"""A client: connects Twisted protocols to a SockJS server, over the first transport that works.

`SockJSClientEndpoint` is an `IStreamClientEndpoint`; each write of its protocol is one message.
Applications that want text use a `SockJSClientProtocol`.
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
