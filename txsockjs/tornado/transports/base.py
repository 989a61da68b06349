"""`sockjs.tornado.transports.base`: what a session asks of a handler."""

from __future__ import annotations

from typing import Any

from ...actors.info import ConnectionInfo

__all__ = ["BaseTransportMixin"]


class BaseTransportMixin:
    """What brings and carries a session, to be subclassed; ``name`` is the name of the transport.

    A handler given to a `Session` has ``send_pack(pack, binary=False)`` besides, which takes
    frames, and may have ``active``, which is false while it takes none.
    """

    name = "unnamed"
    request: Any

    def get_conn_info(self) -> ConnectionInfo:
        """Return what ``self.request`` tells of the client, as Tornado's requests do."""
        request = self.request
        return ConnectionInfo(
            request.remote_ip, request.cookies, request.arguments, request.headers, request.path
        )

    def session_closed(self) -> None:
        """React to the end of the session."""
