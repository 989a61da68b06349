"""`sockjs.tornado.router`: a router whose sessions have the methods of sockjs-tornado."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import router
from ..actors.connection import SockJSConnection
from ..actors.interfaces import Client
from ..settings import Settings, SettingsKeywords
from .basesession import broadcast
from .loop import reactor_of
from .session import Session, SocketSession

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SockJSRouter"]

# Where sockjs-tornado's defaults differ from those of `txsockjs.Settings`: the cookie for load
# balancers is set, and a session is bound to its address.
DEFAULTS: Mapping[str, Any] = {"jsessionid": True, "verify_ip": True}


class SockJSRouter(router.SockJSRouter):
    """A `txsockjs.SockJSRouter` with the arguments of sockjs-tornado's.

    ``user_settings`` are merged with the defaults of sockjs-tornado; unknown ones raise
    `SettingsError`. ``io_loop`` may be a reactor; instead of a Tornado loop, the global reactor is
    used. Further keywords are single settings, and ``reactor``.
    """

    session_class = Session
    socket_session_class = SocketSession

    def __init__(
        self,
        connection: type[SockJSConnection],
        prefix: str = "",
        user_settings: None | Settings | Mapping[str, object] = None,
        io_loop: Any = None,
        reactor: Any = None,
        **overrides: Unpack[SettingsKeywords],
    ) -> None:
        if not isinstance(user_settings, Settings):
            user_settings = {**DEFAULTS, **_translated(user_settings or {})}
        reactor = io_loop if reactor is None else reactor
        super().__init__(connection, prefix, user_settings, reactor_of(reactor), **overrides)

    def apply_routes(self, routes: Any) -> Any:
        """Add the URLs to a list or to a Klein application, and return it."""
        if isinstance(routes, list):
            routes.extend(self.urls)
            return routes
        return super().apply_routes(routes)

    def broadcast(self, clients: Iterable[Client], msg: object) -> None:
        """Send one message to many connections, encoding it once."""
        broadcast(self.scheduler, clients, msg)


def _translated(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings without the origins that may open websockets, if that is every origin."""
    found = dict(settings)
    if found.get("websocket_allow_origin") == "*":
        del found["websocket_allow_origin"]
    return found
