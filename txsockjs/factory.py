"""`SockJSFactory`, `SockJSMultiFactory`: ordinary Twisted factories, served over SockJS.

Both are factories themselves, a twisted.web site with the endpoints on it, and can be given to
``reactor.listenTCP`` or to an endpoint. The wrapped factories are started and stopped as if they
were listened with; sessions outlive the port, as TCP connections do, and end with the reactor.
Used by programs and by `txsockjs.endpoints`; calls `txsockjs.resource` and the site.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from .http.prefix import check_prefix
from .resource import Given, SockJSResource, make_router
from .router import SockJSRouter
from .server.root import Root
from .settings import Settings
from .site import SockJSSite

# `SockJSResource` is where txsockjs 1.x had it, too.
__all__ = ["SockJSFactory", "SockJSMultiFactory", "SockJSResource"]

# How long the reactor waits, in seconds, for clients that come back for their close frame.
SHUTDOWN_PATIENCE = 1.0


class SockJSMultiFactory(SockJSSite):
    """Serve several factories, each at a prefix of its own.

    ``routers`` are their endpoints.
    """

    def __init__(self, *, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415
        self._root = Root()
        super().__init__(self._root, Settings().max_body_size, reactor=reactor)
        self.routers: list[SockJSRouter] = []
        self._factories: list[Any] = []
        self._clock = reactor
        self._trigger: Any | None = None

    def addFactory(
        self, factory: Any, prefix: str, options: Given = None, **settings: Any
    ) -> SockJSRouter:
        """Serve ``factory`` at ``prefix``, such as ``/chat``, and return its endpoint.

        ``options`` and the keywords are those of `SockJSResource`.
        """
        if isinstance(prefix, str) and prefix and not prefix.startswith("/"):
            prefix = f"/{prefix}"
        prefix = check_prefix(prefix)
        router = make_router(factory, prefix, options, settings, self._clock)
        self._root.mount(prefix, router.resource())
        # The site does not know the endpoint yet when a body comes; each has its own limit too.
        largest = [one.settings.max_body_size for one in (*self.routers, router)]
        self.max_body_size = max(largest)
        self.routers.append(router)
        self.shorten({router.prefix: router for router in self.routers})
        self._factories.append(factory)
        if self.numPorts:
            factory.doStart()
        return router

    def startFactory(self) -> None:
        """Start the wrapped factories: the first port listens."""
        super().startFactory()
        if self._trigger is None:
            self._trigger = self._clock.addSystemEventTrigger("before", "shutdown", self._shut_down)
        for factory in self._factories:
            factory.doStart()

    def stopFactory(self) -> None:
        """Stop the wrapped factories: the last port is closed."""
        for factory in self._factories:
            factory.doStop()
        super().stopFactory()

    def close(self, patience: float | None = None) -> Deferred[Any]:
        """Refuse new sessions, end all there are, and fire when none is left.

        Clients that do not come for their close frame are dropped after ``patience`` seconds.
        """
        if self._trigger is not None:
            trigger, self._trigger = self._trigger, None
            self._clock.removeSystemEventTrigger(trigger)
        return gatherResults([router.close(patience=patience) for router in self.routers])

    def _shut_down(self) -> Deferred[Any]:
        self._trigger = None
        return self.close(SHUTDOWN_PATIENCE)


class SockJSFactory(SockJSMultiFactory):
    """Serve one factory; ``prefix`` is where, by default at the root.

    ``options`` and the keywords are those of `SockJSResource`. ``router`` is its endpoint.
    """

    def __init__(
        self,
        factory: Any,
        options: Given = None,
        *,
        prefix: str = "",
        reactor: Any = None,
        **settings: Any,
    ) -> None:
        super().__init__(reactor=reactor)
        self.wrappedFactory = factory
        self.router = self.addFactory(factory, prefix, options, **settings)
