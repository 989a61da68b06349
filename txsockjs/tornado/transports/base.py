"""`sockjs.tornado.transports.base`: what a session needs from a handler."""

from __future__ import annotations

from typing import Any

from ...actors.info import ConnectionInfo

__all__ = ["BaseTransportMixin"]


class BaseTransportMixin:
    """The base class of handlers, which carry a session; ``name`` is the name of the transport.

    The handler of a `Session` also has ``send_pack(pack, binary=False)``, which takes frames, and
    may have ``active``, which is false while it takes none.
    """

    name = "unnamed"
    request: Any

    def get_conn_info(self) -> ConnectionInfo:
        """Return the client's details from ``self.request``, which is like Tornado's requests."""
        request = self.request
        return ConnectionInfo(
            request.remote_ip, request.cookies, request.arguments, request.headers, request.path
        )

    def session_closed(self) -> None:
        """Handle the end of the session."""
