"""`AdminResource`: the site for operators, at any path of any Twisted site.

Rules: nothing is answered before the `Guard` has checked it, except ``/health`` and ``/ready``,
which disclose nothing about clients. Text that clients chose (ids, origins, addresses) leaves only
as JSON. Browsers must not cache an answer, frame it, or guess another type.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Callable, NamedTuple
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET, Request

from ..errors import SettingsError
from ..router import SockJSRouter
from .answers import ProcessAnswers
from .asking import Asker, Here, NoAnswer, Replies
from .feed import Watch, make_feed
from .guard import Denied, Guard
from .health import READY, Readiness
from .metrics import metrics
from .query import BadQuery, Order, Query
from .request import Answer, Asked
from .sessions import merged

_log = Logger()

# The files that the page loads, with their types.
_FILES = {
    "": ("index.html", "text/html; charset=UTF-8"),
    "page.css": ("page.css", "text/css; charset=UTF-8"),
    "charts.js": ("charts.js", "text/javascript; charset=UTF-8"),
    "link.js": ("link.js", "text/javascript; charset=UTF-8"),
    "page.js": ("page.js", "text/javascript; charset=UTF-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
# The SockJS URLs that the page uses.
_FEED_URLS = (b"websocket", b"xhr", b"xhr_send")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_READ, _WRITE = ("GET", "HEAD"), ("POST",)

#: Answers a request, now or later.
Handler = Callable[[Asked], Any]
_Check = Callable[[Mapping[str, str], Any], None]


class _Page(NamedTuple):
    methods: tuple[str, ...]
    handler: Handler
    checks: tuple[_Check, ...]


class AdminResource(Resource):
    """The pages of an admin site: ``/``, ``/metrics``, ``/sessions``, ``/health`` and ``/ready``.

    They show ``routers``, or the processes that answer: ``asker`` asks those of this machine,
    ``everywhere`` asks all nodes, if there are others. ``token`` guards everything that changes
    something. It also guards all pages but the last two for requests from other machines, or for
    all requests if the site is ``exposed``; without a token, these are refused. Host headers may
    name localhost, the address of the connection, and ``names``. ``readiness`` is called at each
    request for ``/ready``.
    """

    isLeaf = True

    def __init__(
        self,
        routers: Iterable[SockJSRouter] = (),
        *,
        token: str | None = None,
        names: Iterable[str] = (),
        exposed: bool = False,
        readiness: Callable[[], Readiness] = lambda: READY,
        asker: Asker | None = None,
        everywhere: Asker | None = None,
        reactor: Any = None,
    ) -> None:
        super().__init__()
        routers = list(routers)
        if asker is None and not routers:
            raise SettingsError("an admin site tells of at least one router, or of an asker")
        if reactor is None:
            reactor = routers[0].reactor if routers else _reactor()
        self._reactor = reactor
        self.guard = Guard(names, token, exposed)
        self._answers: ProcessAnswers | None = None
        if asker is None:
            buses = {id(router.bus): router.bus for router in routers if router.bus is not None}
            self._answers = ProcessAnswers(routers, reactor, buses=buses.values())
            asker = Here(reactor, self._answers)
            everywhere = everywhere or self._answers.nodes
        self._here = asker
        self._asker = everywhere or asker
        self._feed = make_feed(Watch(self._asker, reactor), self.guard, reactor)
        self._feed_root = self._feed.resource()
        guard = self.guard
        visitor = (guard.check_host, guard.check_place)
        reader = (guard.check_host, guard.check_reader)
        writer = (guard.check_host, guard.check_writer)
        self._pages = {
            **{name: _Page(_READ, _file(*file), visitor) for name, file in _FILES.items()},
            "health": _Page(_READ, lambda _: _state(Readiness(True, "alive")), ()),
            "ready": _Page(_READ, lambda _: _state(readiness()), ()),
            "metrics": _Page(_READ, self._metrics, reader),
            "sessions": _Page(_READ, self._sessions, reader),
            "sessions/close": _Page(_WRITE, self._close, writer),
        }

    def close(self) -> Deferred[None]:
        """Close the connections of the page's watchers; fires when they were told."""
        if self._answers is not None:
            self._answers.stop()
        return self._feed.close(patience=1.0)

    # -- requests

    def render(self, request: Request) -> object:
        """Answer a request, now or later."""
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        if not request.postpath:
            # Relative URLs in the page must resolve beside it, not beside its parent.
            last = quote(request.prepath[-1]) if request.prepath else ""
            return Answer.line(301, "moved", Location=f"{last}/").head(request)
        asked = Asked.of(request)
        if request.postpath[0] == b"feed":
            return self._render_feed(request, asked)
        page = self._pages.get(b"/".join(request.postpath).decode("utf-8", "replace"))
        if page is None:
            names = "/, /metrics, /sessions, /health and /ready"
            return Answer.line(404, f"not found; the pages are {names}").head(request)
        if asked.method not in page.methods:
            allowed = ", ".join(page.methods)
            return Answer.line(405, "method not allowed", Allow=allowed).head(request)
        answering = Deferred.fromCoroutine(_answer(page, asked))
        left: list[Failure] = []  # why the client left, if it did

        def leave(failure: Failure) -> None:
            left.append(failure)
            answering.cancel()

        def finish(answer: Answer) -> None:
            if not left:
                request.write(answer.head(request))
                request.finish()

        request.notifyFinish().addErrback(leave)
        answering.addErrback(_failed).addCallback(finish)
        return NOT_DONE_YET

    def _render_feed(self, request: Any, asked: Asked) -> object:
        """Pass a request to the page's own SockJS."""
        if request.postpath[-1] not in _FEED_URLS:
            return Answer.line(404, "not found").head(request)
        try:
            self.guard.check_host(asked.headers, asked.address)
            self.guard.check_place(asked.headers, asked.address)
            self.guard.check_page(asked.headers)
        except Denied as denied:
            return Answer.denial(denied).head(request)
        request.content.seek(0)
        request.prepath.append(request.postpath.pop(0))
        return getChildForRequest(self._feed_root, request).render(request)

    # -- pages

    async def _metrics(self, asked: Asked) -> Answer:
        return await metrics(self._here, self._reactor, asked.headers.get("accept", ""))

    async def _sessions(self, asked: Asked) -> Answer:
        arguments = asked.words()
        node = arguments.pop("node", None)
        query = Query.of(arguments)
        replies = await self._asker.ask("sessions", arguments, whom=node or None)
        replies = replies.read(query.read)
        page = await merged(query, replies.answers, self._reactor)
        return Answer.json({**page, **_missing(replies)})

    async def _close(self, asked: Asked) -> Answer:
        arguments = asked.order()
        node = arguments.pop("node", None)
        if node is not None and not isinstance(node, str):
            raise BadQuery(f"node must be a word, not {node!r}")
        order = Order.of(arguments)
        replies = await self._asker.ask("close", order._asdict(), whom=node or None)
        replies = replies.read(lambda answer: int(answer["closed"]))
        closed = sum(replies.answers.values())
        if closed:
            _log.info(
                "an operator closed session {id!r} at {mount}", id=order.id, mount=order.mount
            )
        return Answer.json({"closed": closed, **_missing(replies)}, 200 if closed else 404)


async def _answer(page: _Page, asked: Asked) -> Answer:
    try:
        for check in page.checks:
            check(asked.headers, asked.address)
        answer = page.handler(asked)
        found: Answer = answer if isinstance(answer, Answer) else await answer
    except Denied as denied:
        return Answer.denial(denied)
    except BadQuery as error:
        return Answer.line(400, str(error))
    except NoAnswer as error:
        return Answer.line(503, str(error))
    return found


def _missing(replies: Replies) -> dict[str, object]:
    return {"silent": replies.silent, "failed": replies.failed}


def _state(state: Readiness) -> Answer:
    return Answer.line(200 if state.ready else 503, state.why)


def _file(name: str, kind: str) -> Handler:
    body = resources.files(__package__).joinpath("page", name).read_bytes()

    def answer(asked: Asked) -> Answer:
        host = asked.headers.get("host", "")  # checked before
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            # Not every browser treats a websocket as the same origin.
            f"connect-src 'self' ws://{host} wss://{host}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return Answer(200, body, kind, {"Content-Security-Policy": policy})

    return answer


def _failed(failure: Failure) -> Answer:
    if not failure.check(CancelledError):  # cancelled because the client left
        _log.failure("a page of the admin site failed", failure)
    return Answer.line(500, "failed; the log tells why")


def _reactor() -> object:
    from twisted.internet import reactor  # noqa: PLC0415  # only where nobody brings one

    return reactor
