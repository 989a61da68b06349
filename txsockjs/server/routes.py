"""A router's URLs as a Klein application, and that application as a resource.

Rules: no other module knows Klein, except for the names of its types.
"""

from __future__ import annotations

from typing import Any, Protocol, cast
from urllib.parse import quote

from klein import Klein
from klein.resource import KleinResource
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from .web import Nowhere, PageResource, accept_absolute

_log = Logger()

# How the names begin that Werkzeug calls endpoints, for the URLs of a router.
_OWN = "sockjs "


class Url(Protocol):
    """What a Klein application needs from a URL."""

    @property
    def name(self) -> str:
        """Its name, unique in a router."""

    @property
    def pattern(self) -> str:
        """Its path below the prefix, in the syntax of Klein's rules."""

    def resource(self, **segments: str) -> Resource:
        """Return the resource that serves it."""


class RouterForRoutes(Protocol):
    """What a resource needs from its router."""

    app: Klein
    prefix: str


def application() -> Klein:
    """Return an application without URLs."""
    app = Klein()
    app.handle_errors(HTTPException)(_not_found)
    return app


def add(app: Klein, prefix: str, url: Url) -> None:
    """Add a URL under a prefix to an application."""

    def serve(*arguments: object, **segments: str) -> Resource:
        return url.resource(**segments)

    app.route(
        prefix + url.pattern,
        endpoint=f"{_OWN}{prefix or '/'} {url.name}",
        merge_slashes=False,
        # Without a prefix, the router's own path comes with and without a slash.
        strict_slashes=prefix + url.pattern != "/",
    )(serve)


def _not_found(request: IRequest, failure: Failure) -> Nowhere:
    return Nowhere()


class Root(KleinResource):
    """The Klein application as a resource, which serves the router's own URLs directly.

    Klein would bind its URLs to the Host header, which can be anything, would treat two slashes as
    one, and would log paths that are not UTF-8 as errors.
    """

    def __init__(self, router: RouterForRoutes) -> None:
        super().__init__(router.app)
        self._router = router
        self._klein = router.app
        self._prefix = router.prefix
        self._warned = False
        self._urls: MapAdapter = router.app.url_map.bind("localhost")

    @property
    def serves(self) -> RouterForRoutes:
        """The router."""
        return self._router

    def render(self, request: Any) -> Any:
        """Answer a request."""
        accept_absolute(request)
        path = b"/" + b"/".join(request.postpath)
        found = self.find(path)
        if found is None:
            return super().render(request)
        missed = isinstance(found, Nowhere) and not self._warned
        if missed and self._is_doubled(request.prepath, path):
            # Quoted, because parts of it may come from a client, and this is logged.
            self._warn(quote(b"/".join(request.prepath), safe="/!$&'()*+,;=:@"))
        return found.render(request)

    def find(self, path: bytes) -> PageResource | Nowhere | None:
        """Return what serves a path; None for a URL that a program added to the application."""
        try:
            name, segments = self._urls.match(path.decode("utf-8"))
        except (HTTPException, UnicodeDecodeError):
            return Nowhere()
        if not name.startswith(_OWN):
            return None
        nobody: Any = None  # the router's own URLs do not use the request
        found: Any = self._klein.execute_endpoint(name, nobody, **segments)
        return cast("PageResource | Nowhere", found)

    def _is_doubled(self, above: list[bytes], path: bytes) -> bool:
        """Return whether this was put at a child named like its prefix and requested there."""
        prefix = self._prefix.encode().split(b"/")[1:]
        if not prefix or above[-len(prefix) :] != prefix:
            return False
        try:
            return bool(self._urls.test(self._prefix + path.decode("utf-8")))
        except UnicodeDecodeError:
            return False

    def _warn(self, above: str) -> None:
        self._warned = True
        _log.warn(
            "nothing is served under /{above}, but under /{above}{prefix}: a router's prefix comes "
            "after the path of its resource; leave it out to serve under /{above}",
            above=above,
            prefix=self._prefix,
        )
