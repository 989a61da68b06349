"""`Page`: one URL as a resource: its methods, its gate, and errors as answers.

Rules: path, then method, then origin, then the handler; a `RequestError` raised on the way is
answered here and nowhere else. Made for each request by the router's URLs.
"""

from __future__ import annotations

from typing import Callable

from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from .clients import check_origin
from .errors import NotFound, OriginRefused, RequestError
from .exchange import Exchange
from .headers import NEVER_CACHED, TEXT, cors, preflight, session_cookie
from .interfaces import Server

_log = Logger()

Handler = Callable[[Exchange], None]


class Page(Resource):
    """One URL; ``methods`` maps a method to its handler.

    ``gated`` URLs are for admitted origins only; those that carry a session are counted as
    connections, and their answers bring the session cookie.
    """

    isLeaf = True

    def __init__(
        self,
        server: Server,
        methods: dict[bytes, Handler],
        gated: bool = False,
        carries: bool = False,
    ) -> None:
        # A leaf has no children, which is all that Resource.__init__ would prepare.
        self._server = server
        self._methods = methods
        self._gated = gated
        self._carries = carries

    def render(self, request: Request) -> int:
        """Answer a request, now or later."""
        if b"//" in request.path:  # Klein takes two slashes for one
            return Nowhere().render(request)
        exchange = Exchange(request)
        handler = self._methods.get(exchange.method)
        if handler is None:
            exchange.answer(405, [(b"Allow", b", ".join(sorted(self._methods)))])
            return NOT_DONE_YET
        if self._carries:
            self._server.stats.connection_opened()
            request.notifyFinish().addBoth(self._finished)
        try:
            if self._gated:
                check_origin(exchange, self._server.settings)
            handler(exchange)
        except RequestError as error:
            self._refuse(exchange, error)
        except Exception:  # noqa: BLE001
            _log.failure("{method} {path} failed", method=exchange.method, path=exchange.path)
            exchange.answer(500, [TEXT, *NEVER_CACHED], b"Internal error")
        return NOT_DONE_YET

    def _finished(self, _: object) -> None:
        self._server.stats.connection_closed()

    def _refuse(self, exchange: Exchange, error: RequestError) -> None:
        headers = [TEXT, *NEVER_CACHED, *error.headers]
        if not isinstance(error, OriginRefused):
            headers += cors(exchange)
        if self._carries:
            headers += session_cookie(exchange, self._server.settings)
        if error.status in (400, 426):
            # A proxy that saw an upgrade fail must not think that it succeeded.
            exchange.close_connection()
        exchange.answer(error.status, headers, error.wording.encode("utf-8"))


class Nowhere(Resource):
    """The answer to paths that are not in the table of URLs."""

    isLeaf = True

    def __init__(self) -> None:
        """Hold nothing, not even children."""

    def render(self, request: Request) -> int:
        """Answer 404."""
        body = NotFound.wording.encode("utf-8")
        Exchange(request).answer(NotFound.status, [TEXT, *NEVER_CACHED], body)
        return NOT_DONE_YET


def with_preflight(method: bytes, handler: Handler) -> dict[bytes, Handler]:
    """Return the methods of a URL that scripts of other origins use."""
    return {
        method: handler,
        b"OPTIONS": lambda exchange: exchange.answer(204, preflight(exchange, method)),
    }
