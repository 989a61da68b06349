"""`Sockets`: what the websockets of one router share.

Rules: makes receivers for requests that passed the handshake, and Autobahn's protocols for those
whose frames need it. Made by the router; called by the URLs and the receivers.
"""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from ...actors.interfaces import Server
from ...actors.session import BaseSession
from ...http.exchange import Exchange
from ...http.snapshot import connection_info
from .autobahn import CarefulFactory, CarefulProtocol, Listener
from .handshake import agreed_subprotocol, upgraded

# A `WebSocketReceiver`, which needs what is here.
_R = TypeVar("_R", bound=Any)


class Sockets:
    """The websockets of one router; ``limits`` are those of what they bring."""

    def __init__(self, server: Server, make_session: Callable[[], BaseSession]) -> None:
        self.server = server
        self.make_session = make_session
        self.limits = server.settings.limits
        self._factory = CarefulFactory(server.settings, server.reactor)

    def build(self, exchange: Exchange, receiver_class: type[_R]) -> _R:
        """Make the receiver of a request that passed all checks."""
        settings = self.server.settings
        subprotocol = None
        if receiver_class.has_subprotocols:
            subprotocol = agreed_subprotocol(exchange, settings)
        info = connection_info(exchange, settings, receiver_class.transport_name, subprotocol)
        receiver: _R = receiver_class(self, info, upgraded(exchange, settings, subprotocol))
        return receiver

    def careful(self, listener: Listener, longest: int) -> CarefulProtocol:
        """Make Autobahn's protocol of an open websocket.

        ``longest`` is the size in bytes of the largest message, its fragments together.
        """
        return self._factory.build(listener, longest)
