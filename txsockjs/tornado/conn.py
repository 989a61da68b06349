"""`sockjs.tornado.conn`: the connection that applications subclass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors import connection
from ..actors.info import ConnectionInfo
from ..actors.interfaces import Client
from ..settings import Settings
from .basesession import BaseSession, broadcast
from .messages import outgoing

__all__ = ["SockJSConnection"]

_log = Logger()


class SockJSConnection(connection.SockJSConnection):
    """A `txsockjs.SockJSConnection` that sends everything sockjs-tornado's does.

    `txsockjs.SockJSRouter` can serve it, too, but then its ``session`` lacks the methods of
    sockjs-tornado.
    """

    @classmethod
    def make_router(cls, prefix: str, settings: Settings, reactor: Any) -> Any:
        """Make the router for ``twistd sockjs`` to serve this class with."""
        # Imported late: it installs a reactor.
        from .router import SockJSRouter  # noqa: PLC0415

        return SockJSRouter(cls, prefix, settings, reactor)

    def on_open(self, request: ConnectionInfo) -> Any:
        """Handle the new connection.

        Return False, or raise Tornado's ``HTTPError`` or `txsockjs.Refused`, to reject it.
        """

    def on_error(self, failure: Failure) -> Any:
        """Treat an ``HTTPError`` as a rejection, and everything else as a failure."""
        if not is_http_error(failure.value):
            return False
        _log.info(
            "{connection!r} rejects its client: {error}", connection=self, error=failure.value
        )
        self.close()
        return True

    def send(self, message: object, binary: bool = False) -> None:
        """Send a message: text, or anything JSON can encode, which the client gets parsed.

        ``binary`` sends it as bytes on a raw websocket, and has no effect elsewhere.
        """
        session = self.session
        if not isinstance(session, BaseSession):
            session.send(outgoing(message, session.transport, binary))
        elif session.is_closed:
            session.server.stats.dropped()
        elif binary:
            session.send_message(message, binary=True)
        else:
            # A subclass of BaseSession may not support binary messages.
            session.send_message(message)

    def broadcast(self, clients: Iterable[Client], message: object) -> None:
        """Send one message to many connections, encoding it once."""
        if isinstance(self.session, BaseSession):
            self.session.broadcast(clients, message)
        else:
            broadcast(self.session.server.scheduler, clients, message)


def is_http_error(error: object) -> bool:
    """Return whether this is Tornado's ``HTTPError``, or a similar class of the application.

    It is recognized by its name, because Tornado is not imported here, and by its ``status_code``,
    because HTTP clients have exceptions of that name too.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return "HTTPError" in names and hasattr(error, "status_code")
