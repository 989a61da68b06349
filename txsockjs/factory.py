"""Ordinary Twisted factories served over SockJS: `SockJSFactory`, `SockJSResource` and others.

`SockJSFactory` and `SockJSMultiFactory` are factories themselves: a twisted.web site with the
routers on it, which you can pass to ``reactor.listenTCP`` or to an endpoint. The wrapped factories
are started and stopped as if they listened themselves. Sessions outlive the port, as TCP
connections do, and end with the reactor. `SockJSResource` is for programs that have their own site:
``root.putChild(b"chat", SockJSResource(factory))`` serves a factory under ``/chat``.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

from twisted.internet.defer import Deferred, gatherResults
from twisted.web.resource import Resource
from twisted.web.server import Request

from .http.prefix import check_prefix
from .protocols.connection import ProtocolFactory, connection_class
from .protocols.options_1x import translated
from .router import SockJSRouter
from .server.root import Root
from .settings import Settings, SettingsKeywords
from .site import SockJSSite

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SockJSFactory", "SockJSMultiFactory", "SockJSResource"]

Given = Union[None, Settings, Mapping[str, object]]


class Keywords(SettingsKeywords, total=False):
    """The keywords of factories, for type checkers."""

    fallback_encoding: str | None


# How many seconds the reactor waits for clients to come back for their close frame.
SHUTDOWN_PATIENCE = 1.0


class SockJSMultiFactory(SockJSSite):
    """Serve several factories, each at its own prefix.

    ``routers`` are their routers, which hold the sessions.
    """

    def __init__(self, *, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415
        self._root = Root()
        super().__init__(self._root, reactor=reactor)
        self.routers: list[SockJSRouter] = []
        self._factories: list[ProtocolFactory] = []
        self._clock = reactor
        self._trigger: Any | None = None

    def addFactory(
        self,
        factory: ProtocolFactory,
        prefix: str,
        options: Given = None,
        **settings: Unpack[Keywords],
    ) -> SockJSRouter:
        """Serve ``factory`` at ``prefix``, such as ``/chat``, and return its router.

        ``options`` and the keywords are those of `SockJSResource`.
        """
        if isinstance(prefix, str) and prefix and not prefix.startswith("/"):
            prefix = f"/{prefix}"
        prefix = check_prefix(prefix)
        router = make_router(factory, prefix, options, settings, self._clock)
        self._root.mount(prefix, router.resource())
        self.routers.append(router)
        self.set_routers(self.routers)
        self._factories.append(factory)
        if self.numPorts:
            factory.doStart()
        return router

    def startFactory(self) -> None:
        """Start the wrapped factories when the first port listens."""
        super().startFactory()
        if self._trigger is None:
            self._trigger = self._clock.addSystemEventTrigger("before", "shutdown", self._shut_down)
        for factory in self._factories:
            factory.doStart()

    def stopFactory(self) -> None:
        """Stop the wrapped factories when the last port is closed."""
        for factory in self._factories:
            factory.doStop()
        super().stopFactory()

    def close(self, patience: float | None = None) -> Deferred[Any]:
        """Refuse new sessions, close the existing ones, and fire when none is left.

        Clients that do not come for their close frame are dropped after ``patience`` seconds.
        """
        if self._trigger is not None:
            trigger, self._trigger = self._trigger, None
            self._clock.removeSystemEventTrigger(trigger)
        return gatherResults([router.close(patience=patience) for router in self.routers])

    def _shut_down(self) -> Deferred[Any]:
        self._trigger = None
        ends = [
            router.close(*router.settings.shutdown, patience=SHUTDOWN_PATIENCE)
            for router in self.routers
        ]
        return gatherResults(ends)


class SockJSFactory(SockJSMultiFactory):
    """Serve one factory; ``prefix`` is its path, the root by default.

    ``options`` and the keywords are those of `SockJSResource`. ``router`` holds the sessions.
    """

    def __init__(
        self,
        factory: ProtocolFactory,
        options: Given = None,
        *,
        prefix: str = "",
        reactor: Any = None,
        **settings: Unpack[Keywords],
    ) -> None:
        super().__init__(reactor=reactor)
        self.wrappedFactory = factory
        self.router = self.addFactory(factory, prefix, options, **settings)


class RouterResource(Resource):
    """A router as a resource, and the factories that are served through it.

    ``router`` holds the sessions.
    """

    isLeaf = True

    def __init__(self, router: SockJSRouter) -> None:
        super().__init__()
        self.router = router
        self._resource = router.resource()
        self._started: list[ProtocolFactory] = []

    def render(self, request: Request) -> object:
        """Answer a request for a URL of the router."""
        return self._resource.render(request)

    def forwards(self, path: Sequence[bytes], more: bool) -> Resource:
        """Return the router's resource, for any path."""
        return self._resource

    def behind(self) -> list[Resource]:
        """Return the router's resource."""
        return [self._resource]

    def close(self, patience: float | None = None) -> Deferred[None]:
        """End all sessions, stop the factories, and fire when that is done."""
        return self.router.close(patience=patience).addCallback(self._stop)

    def start(self, factory: ProtocolFactory) -> None:
        """Start ``factory`` as soon as the reactor runs, and stop it in `close`."""
        # A resource is never told when it is first served, and what a factory starts may need a
        # running reactor.
        self.router.reactor.callWhenRunning(self._start, factory)

    def _start(self, factory: ProtocolFactory) -> None:
        if not self.router.closing:
            self._started.append(factory)
            factory.doStart()

    def _stop(self, _: None) -> None:
        while self._started:
            self._started.pop().doStop()


class SockJSResource(RouterResource):
    """Serve ``factory`` over SockJS, wherever you put this resource in the tree.

    ``options`` is a `Settings` or a mapping, which may have the options of txsockjs 1.x; pass
    single settings as keywords. ``fallback_encoding`` is the encoding of bytes that are not UTF-8,
    or ``replace``; without it such bytes end a session, except on a raw websocket. The factory is
    started when the reactor runs and stopped by `close`. ``router`` holds the sessions.
    """

    def __init__(
        self,
        factory: ProtocolFactory,
        options: Given = None,
        *,
        reactor: Any = None,
        **settings: Unpack[Keywords],
    ) -> None:
        super().__init__(make_router(factory, "", options, settings, reactor))
        self.factory = factory
        self.start(factory)


def make_router(
    factory: ProtocolFactory, prefix: str, options: Given, keywords: Keywords, reactor: Any
) -> SockJSRouter:
    """Make the router that serves ``factory``."""
    options, settings = merged_options(options, keywords)
    connection = connection_class(factory, settings.pop("fallback_encoding", None))
    return SockJSRouter(connection, prefix, options, reactor, **settings)


def merged_options(options: Given, keywords: Keywords) -> tuple[None | Settings, dict[str, Any]]:
    """Merge a mapping into the keywords, after translating its options of txsockjs 1.x."""
    if isinstance(options, Mapping):
        return None, {**translated(options), **keywords}
    return options, {**keywords}
