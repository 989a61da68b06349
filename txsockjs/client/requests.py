"""`Requests`: the HTTP requests of one session, made with treq.

Rules: redirects are not followed, because a POST would become a GET; cookies set by the server are
sent back, also with the websocket's handshake.
"""

from __future__ import annotations

import urllib.request
from http.cookiejar import CookieJar
from typing import Any, NamedTuple, Protocol

from hyperlink import URL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from ..actors.deadlines import Patience
from ..errors import SettingsError, SockJSError
from .address import Address
from .connections import Connections
from .errors import explained
from .plain_agent import PlainAgent, drop

try:
    from treq.client import HTTPClient
    from treq.cookies import scoped_cookie
except ImportError:  # the extra is not installed
    HTTPClient = None  # type: ignore[assignment,misc]

# How many seconds an unused connection is kept for the next request. Servers end idle connections
# after 5 s (Node) or more; a request sent just then is lost.
_KEPT_FOR = 3
# The largest answer read as a whole, in bytes.
_LARGEST = 64 * 1024


def check_installed() -> None:
    """Raise `SettingsError` if treq is missing."""
    if HTTPClient is None:
        raise SettingsError("a SockJS client needs treq: pip install 'txsockjs[client]'")


class Body(Protocol):
    """The reader of a response's body."""

    def received(self, data: bytes) -> None:
        """Take a piece."""

    def finished(self, why: str | None) -> None:
        """Take the end; ``why`` says why the body is incomplete, or is None."""


class NoAnswer(SockJSError):
    """A request was not answered in time."""


class Answer(NamedTuple):
    """A whole answer; a refusal's has no body. ``location`` is the target of a redirect."""

    code: int
    body: bytes
    location: str

    @property
    def is_taken(self) -> bool:
        """Whether the server has accepted the request's messages."""
        return self.code in (200, 204)


class Requests:
    """Makes requests with the client's headers and cookies; ``agent`` is treq's."""

    def __init__(
        self,
        reactor: Any,
        endpoints: IAgentEndpointFactory,
        address: Address,
        headers: dict[str, str],
        cookies: dict[str, str],
        agent: IAgent | None = None,
    ) -> None:
        self._reactor = reactor
        self._headers = headers
        self._origin = address.origin
        self._connections = Connections(reactor, endpoints)
        self._pool = HTTPConnectionPool(reactor)
        self._pool.cachedConnectionTimeout = _KEPT_FOR
        # Nothing may be sent twice.
        self._pool.retryAutomatically = False
        if agent is None:
            agent = Agent.usingEndpointFactory(reactor, self._connections, self._pool)
        self._jar = CookieJar()
        for name, value in cookies.items():
            self._jar.set_cookie(scoped_cookie(address.base, name, value))
        plain = PlainAgent(agent, self._jar)
        self._client = HTTPClient(plain, self._jar)  # type: ignore[arg-type,unused-ignore]

    def request(
        self, method: str, address: Address, body: bytes | None = None, accept: str | None = None
    ) -> Deferred[Any]:
        """Make a request; fires with the response once its headers have arrived."""
        headers: Any = self.headers_for(address)
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"  # as sockjs-client: no preflight
        if accept is not None:
            headers["Accept"] = accept
        return self._client.request(
            method,
            _Ready.from_text(address.at()),
            headers=headers,
            data=None if body is None else _Whole(body),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )

    def ask(
        self, method: str, address: Address, body: bytes | None, seconds: float
    ) -> Deferred[Answer]:
        """Make a request and read the answer; fails if that takes longer than the time-out."""
        asking: Deferred[Answer] = Deferred.fromCoroutine(self._ask(method, address, body))
        patience: Any = Patience(self._reactor)
        return asking.addTimeout(seconds, patience, _late)

    async def _ask(self, method: str, address: Address, body: bytes | None) -> Answer:
        response = await self.request(method, address, body)
        (location,) = response.headers.getRawHeaders(b"location", [b""])[:1]
        answer = Answer(response.code, b"", location.decode("utf-8", "replace"))
        if answer.is_taken:
            return answer._replace(body=await collect(response, _LARGEST))
        drop(response)
        return answer

    def headers_for(self, address: Address) -> dict[str, str]:
        """Return the client's headers; credentials go only to the server they were given for."""
        if address.origin == self._origin:
            return dict(self._headers)
        return {k: v for k, v in self._headers.items() if k.lower() != "authorization"}

    def cookie(self, address: Address) -> str | None:
        """Return the ``Cookie`` header for a request to this address."""
        request = urllib.request.Request(address.at())
        self._jar.add_cookie_header(request)
        cookie: str | None = request.get_header("Cookie")
        return cookie

    def close(self, at_once: bool = False) -> None:
        """End all connections; ``at_once`` drops them without telling the server."""
        self._connections.end(at_once)
        self._pool.closeCachedConnections()
        # A response that ends in this call returns its connection to the pool, with a timer.
        self._reactor.callLater(0, self._pool.closeCachedConnections)


def _late(_: object, seconds: float) -> Answer:
    raise NoAnswer(f"it was not answered within {seconds:g} s")


def collect(response: IResponse, limit: int) -> Deferred[bytes]:
    """Read the body of a response, up to ``limit`` bytes."""
    collected = _Collected(limit)
    response.deliverBody(collected.reading)
    return collected.done


@implementer(IBodyProducer)
class _Whole:
    """The body of a request, written at once: treq's own class needs the global reactor."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


class _Ready(URL):
    """A URL in ASCII, which treq must not convert: it fails on an IPv6 address."""

    def to_uri(self) -> URL:
        return self


class Reading(TwistedProtocol):
    """Reads the body of a response; can be paused."""

    transport: Any = None

    def __init__(self, body: Body) -> None:
        self._body: Body | None = body

    def dataReceived(self, data: bytes) -> None:
        """Pass on a piece."""
        if self._body is not None:
            self._body.received(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Pass on the end; in HTTP/1.0 that is the end of the connection."""
        body, self._body = self._body, None
        self.transport = None
        if body is not None:
            whole = reason.check(ResponseDone, PotentialDataLoss)
            body.finished(None if whole else explained(reason))

    def leave(self) -> None:
        """Stop reading, and end the connection."""
        self._body = None
        if self.transport is not None:
            self.transport.loseConnection()


class _Collected:
    def __init__(self, limit: int) -> None:
        self.reading = Reading(self)
        self.done: Deferred[bytes] = Deferred(self._cancel)
        self._limit = limit
        self._data = b""

    def received(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > self._limit:
            self.reading.leave()
            self.done.errback(ValueError(f"a body of more than {self._limit} bytes"))

    def finished(self, why: str | None) -> None:
        if why is None:
            self.done.callback(self._data)
        else:
            self.done.errback(ConnectionError(f"the body broke off: {why}"))

    def _cancel(self, _: object) -> None:
        self.reading.leave()
