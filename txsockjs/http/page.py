"""`Page`: one URL, with its methods, its gate, and the answers to errors.

Rules: check the path, then the method, then the origin, then call the handler, which repeats its
own check first. A `RequestError` raised on the way is answered here and nowhere else. A page is
made once for each URL of a router, and keeps nothing of a single request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.interfaces import RouterForSessions
from ..errors import OriginRefused, RequestError
from .exchange import Exchange, Head
from .headers import NEVER_CACHED, TEXT, cors, preflight, session_cookie
from .origins import check_origin, page_origin
from .refusals import RefusalLog

_log = Logger()

#: Handles an exchange; further arguments come from the URL, such as the session's id. If it returns
#: a Deferred, that may fail with the error to answer.
Handler = Callable[..., "Deferred[None] | None"]

_NO_CHECKS: Mapping[bytes, Callable[..., object]] = {}

_INTERNAL_ERROR = Head(500, [TEXT, *NEVER_CACHED])

# How many refused origins are logged: anybody can make up more.
_MOST_ORIGINS = 100


class RouterForPages(RouterForSessions, Protocol):
    """What a page needs from its router."""

    @property
    def refused_origins(self) -> set[str | None]:
        """The refused origins that were logged."""
        ...

    @property
    def refusals(self) -> RefusalLog:
        """The log of refusals by settings."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether the server is about to stop."""
        ...


class Page:
    """One URL; ``methods`` maps a method to its handler.

    ``gated`` URLs are for admitted origins only; those that carry a session count as connections,
    and their answers bring the session cookie. ``checks`` maps a method to the check that its
    handler makes before it reads the body: it may raise a `RequestError`, and has no side effects.
    """

    def __init__(
        self,
        router: RouterForPages,
        methods: Mapping[bytes, Handler],
        gated: bool = False,
        carries: bool = False,
        checks: Mapping[bytes, Callable[..., object]] = _NO_CHECKS,
    ) -> None:
        self._router = router
        self._methods = methods
        self._checks = checks
        self._wrong_method = Head(405, [(b"Allow", b", ".join(sorted(methods)))])
        self._gated = gated and router.settings.allowed_origins != "*"
        self._carries = carries

    def serve(self, exchange: Exchange, *arguments: str) -> None:
        """Answer a request, now or later."""
        handler = self._methods.get(exchange.method)
        if handler is None:
            self._router.stats.refused("method")
            exchange.answer(self._wrong_method)
            return
        if self._carries:
            self._router.stats.connection_opened()
            exchange.when_ended(self._router.stats.connection_closed)
        if self._router.leaving and not exchange.is_relayed:
            exchange.close_connection()  # the next connection finds a server that stays
        try:
            if self._gated:
                check_origin(exchange, self._router.settings)
            later = handler(exchange, *arguments)
        except BaseException:  # noqa: BLE001
            self._failed(Failure(), exchange)
        else:
            if later is not None:
                later.addErrback(self.failed_later, exchange)

    def failed_later(self, failure: Failure, exchange: Exchange) -> None:
        """Answer a request with an error raised while it was served, unless it has ended."""
        if not exchange.ended:  # otherwise the peer vanished, which cancelled the handler
            self._failed(failure, exchange)

    def _failed(self, failure: Failure, exchange: Exchange) -> None:
        """Answer a request with its error; any other exception ends only this request.

        Others come from a function in the settings or from the application.
        """
        error = failure.value
        if isinstance(error, RequestError):
            try:
                if isinstance(error, OriginRefused):
                    self._note_origin(page_origin(exchange))
                self.refuse(exchange, error)
            except BaseException:  # noqa: BLE001
                failure = Failure()
            else:
                return
        _log.failure(
            "{method!r} {path!r} failed", failure, method=exchange.method, path=exchange.path
        )
        exchange.answer(_INTERNAL_ERROR, b"Internal error")

    def refuses(self, exchange: Exchange, *arguments: str) -> bool:
        """Return whether `serve` would refuse a request with any body, before the body arrives.

        Has no side effects, and counts nothing.
        """
        if exchange.method not in self._methods:
            return True
        check = self._checks.get(exchange.method)
        try:
            if self._gated:
                check_origin(exchange, self._router.settings)
            if check is not None:
                check(exchange, *arguments)
        except BaseException:  # noqa: BLE001
            return True  # `serve` will find the words
        return False

    def _note_origin(self, origin: str | None) -> None:
        # Once for each, and only as many as it takes to show a mistaken setting.
        known = self._router.refused_origins
        if origin not in known and len(known) < _MOST_ORIGINS:
            known.add(origin)
            _log.warn(
                "{origin!r} may not use {router!r}: allowed_origins does not name it",
                origin=origin or "a page that does not tell its origin",
                router=self._router,
            )

    def refuse(self, exchange: Exchange, error: RequestError) -> None:
        """Answer a request with its error; count it, and log it now and then."""
        self._router.stats.refused(error.kind)
        self._router.refusals.note(error)
        headers = [TEXT, *NEVER_CACHED, *error.headers]
        if not isinstance(error, OriginRefused):
            headers += cors(exchange)
        if self._carries:
            headers += session_cookie(exchange, self._router.settings)
        if error.status in (400, 426):
            # A proxy must not take the failed upgrade for a successful one.
            exchange.close_connection()
        exchange.answer(Head(error.status, headers), error.wording.encode("utf-8"))


def with_head(handler: Handler) -> dict[bytes, Handler]:
    """Return the methods of a URL to read: HEAD gets the answer of GET without its body."""
    return {b"GET": handler, b"HEAD": handler}


def with_preflight(method: bytes, handler: Handler) -> dict[bytes, Handler]:
    """Return the methods of a URL used by scripts of other origins."""

    def options(exchange: Exchange, *arguments: str) -> None:
        exchange.answer(Head(204, preflight(exchange, method)))

    return {method: handler, b"OPTIONS": options}
