"""`SockJSResource`: an ordinary Twisted protocol factory as a resource of twisted.web.

``root.putChild(b"chat", SockJSResource(factory))`` serves it under ``/chat``. The factory is
started when the reactor runs and stopped by `close`. Used by programs that have a site; calls the
router. `make_router` is what `txsockjs.factory` makes its endpoints with, too.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource

from .protocols.connection import serving
from .protocols.options_1x import translated
from .router import SockJSRouter
from .settings import Settings

Given = Union[None, Settings, Mapping[str, Any]]


class SockJSResource(Resource):
    """Serve ``factory`` over SockJS, wherever in a tree of resources this is put.

    ``options`` is a `Settings` or a mapping, also one of the options of txsockjs 1.x; single
    settings come as keywords. ``fallback_encoding`` is what bytes that are no UTF-8 are read as,
    or ``replace``; without it they end a session, but for a raw websocket's. ``router`` has the
    sessions.
    """

    isLeaf = True

    def __init__(
        self, factory: Any, options: Given = None, *, reactor: Any = None, **settings: Any
    ) -> None:
        super().__init__()
        self.factory = factory
        self.router = make_router(factory, "", options, settings, reactor)
        self._resource = self.router.resource()
        self._started = False
        # A resource is never told that it is served, and what a factory starts may need a reactor.
        self.router.reactor.callWhenRunning(self._start)

    def render(self, request: Any) -> Any:
        """Answer a request of the endpoint."""
        return self._resource.render(request)

    def close(self, patience: float | None = None) -> Deferred[None]:
        """End all sessions, stop the factory, and fire when that is done."""
        return self.router.close(patience=patience).addCallback(self._stop)

    def _start(self) -> None:
        if not self.router.closing:
            self._started = True
            self.factory.doStart()

    def _stop(self, _: None) -> None:
        if self._started:
            self._started = False
            self.factory.doStop()


def make_router(
    factory: Any, prefix: str, options: Given, settings: dict[str, Any], reactor: Any
) -> SockJSRouter:
    """Make the endpoint that serves ``factory``."""
    if isinstance(options, Mapping):
        settings = {**translated(options), **settings}
        options = None
    connection = serving(factory, settings.pop("fallback_encoding", None))
    return SockJSRouter(connection, prefix, options, reactor, **settings)
