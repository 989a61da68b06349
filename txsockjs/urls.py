"""The URLs of one endpoint: which there are, and what each request to one does.

Rules: the table follows protocol section 1; a disabled transport has no URL; a session is found
or made here. Called by the router, which puts the table into a Klein application.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, NamedTuple, Protocol
from urllib.parse import parse_qs

from twisted.web.resource import Resource

from . import static
from .clients import client_address
from .errors import AddressChanged, CallbackRequired, InvalidCallback, NotFound
from .exchange import Exchange
from .interfaces import ATTACH
from .proto import is_callback
from .resources import Handler, Host, Nowhere, Page, with_preflight
from .session import BaseSession, Session
from .settings import Settings
from .stats import TRANSPORTS
from .takeover import take_over
from .transports import eventsource, htmlfile, jsonp, senders, xhr
from .transports.base import Framing, HTTPReceiver
from .transports.handshake import check_handshake
from .transports.rawwebsocket import RawWebSocketReceiver
from .transports.sockets import Sockets
from .transports.websocket import WebSocketReceiver

_IFRAME_VERSION = re.compile(r"[0-9a-z._-]*\Z")
# A path segment that names a server or a session.
_SEGMENT = re.compile(r"[^/.]+\Z")

Methods = dict[bytes, Handler]
Take = Callable[[Exchange, Settings, BaseSession], None]


class Url(NamedTuple):
    """One URL: its name, its Klein pattern, and what makes the page for the pattern's segments."""

    name: str
    pattern: str
    page: Callable[..., Resource]


class Endpoint(Host, Protocol):
    """What the URLs need from their router."""

    def admit(self) -> None:
        """Raise `Overloaded` if there may be no new session."""

    def make_session(self, session_id: str) -> Session:
        """Make and register the session of an HTTP transport."""
        ...

    @property
    def sockets(self) -> Sockets:
        """What makes websockets."""
        ...


def make_urls(endpoint: Endpoint) -> list[Url]:
    """Return the URLs of an endpoint with its transports."""
    return _Urls(endpoint).table()


class _Urls:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._settings = endpoint.settings

    def table(self) -> list[Url]:
        on = set(TRANSPORTS) - self._settings.disabled_transports
        table = [
            Url("greeting", "", self._greeting),
            Url("greeting/", "/", self._greeting),
            Url("info", "/info", self._info),
            Url("iframe", "/iframe.html", self._iframe),
            Url("iframe version", "/iframe<version>.html", self._iframe),
            Url("chunking_test", "/chunking_test", self._chunking_test),
        ]
        if "rawwebsocket" in on:
            table.append(Url("rawwebsocket", "/websocket", self._rawwebsocket))
        session_urls: dict[str, Callable[[str], Methods]] = {
            "websocket": self._websocket,
            "xhr": partial(self._xhr, xhr.POLLING),
            "xhr_streaming": partial(self._xhr, xhr.STREAMING),
            "eventsource": self._eventsource,
            "htmlfile": partial(self._script, htmlfile.framing, None),
            "jsonp": partial(self._script, jsonp.framing, jsonp.LONGEST_CALLBACK),
            "xhr_send": self._xhr_send,
            "jsonp_send": self._jsonp_send,
        }
        if "jsonp" in on:
            on.add("jsonp_send")
        if on & {"xhr", "xhr_streaming", "eventsource", "htmlfile"}:
            on.add("xhr_send")
        for name, methods in session_urls.items():
            if name in on:
                page = partial(self._session_page, methods)
                table.append(Url(name, f"/<server>/<session>/{name}", page))
        return table

    # -- pages

    def _greeting(self) -> Page:
        return Page(self._endpoint, {b"GET": static.greeting})

    def _info(self) -> Page:
        answer = partial(static.info, settings=self._settings)
        return Page(self._endpoint, with_preflight(b"GET", answer), gated=True)

    def _iframe(self, version: str = "") -> Resource:
        if not _IFRAME_VERSION.match(version):
            return Nowhere()
        answer = partial(static.iframe, settings=self._settings)
        return Page(self._endpoint, {b"GET": answer})

    def _chunking_test(self) -> Page:
        answer = partial(static.chunking_test, reactor=self._endpoint.reactor)
        return Page(self._endpoint, with_preflight(b"POST", answer), gated=True)

    def _rawwebsocket(self) -> Page:
        upgrade = partial(self._upgrade, RawWebSocketReceiver)
        return Page(self._endpoint, {b"GET": upgrade}, gated=True, carries=True)

    def _session_page(
        self, methods: Callable[[str], Methods], server: str, session: str
    ) -> Resource:
        if not (_SEGMENT.match(server) and _SEGMENT.match(session)):
            return Nowhere()
        return Page(self._endpoint, methods(session), gated=True, carries=True)

    # -- methods of the pages of a session

    def _websocket(self, session_id: str) -> Methods:
        return {b"GET": partial(self._upgrade, WebSocketReceiver)}

    def _xhr(self, framing: Framing, session_id: str) -> Methods:
        return with_preflight(b"POST", partial(self._receive, framing, session_id))

    def _eventsource(self, session_id: str) -> Methods:
        return {b"GET": partial(self._receive, eventsource.FRAMING, session_id)}

    def _script(
        self, framing: Callable[[str], Framing], longest: int | None, session_id: str
    ) -> Methods:
        def receive(exchange: Exchange) -> None:
            callback = _callback(exchange)
            if not callback:
                raise CallbackRequired()
            if not is_callback(callback, longest):
                raise InvalidCallback()
            self._receive(framing(callback), session_id, exchange)

        return {b"GET": receive}

    def _xhr_send(self, session_id: str) -> Methods:
        return with_preflight(b"POST", partial(self._send, senders.xhr_send, session_id))

    def _jsonp_send(self, session_id: str) -> Methods:
        return {b"POST": partial(self._send, senders.jsonp_send, session_id)}

    # -- what the methods do

    def _upgrade(self, receiver_class: type[WebSocketReceiver], exchange: Exchange) -> None:
        check_handshake(exchange)
        self._endpoint.admit()
        protocol = self._endpoint.sockets.build(
            exchange, receiver_class, receiver_class.transport_name
        )
        settings = self._settings
        take_over(exchange.request, protocol, settings.longest_silence, not settings.disable_nagle)

    def _receive(self, framing: Framing, session_id: str, exchange: Exchange) -> None:
        session = self._find(session_id, exchange)
        if session is None:
            self._endpoint.admit()
            session = self._endpoint.make_session(session_id)
        session.tell(ATTACH, HTTPReceiver(exchange, framing, self._settings, session))

    def _send(self, take: Take, session_id: str, exchange: Exchange) -> None:
        session = self._find(session_id, exchange)
        if session is None:
            raise NotFound()
        take(exchange, self._settings, session)

    def _find(self, session_id: str, exchange: Exchange) -> Session | None:
        session = self._endpoint.sessions.get(session_id)
        if session is None:
            return None
        if not isinstance(session, Session):
            raise NotFound()  # a websocket's, which nobody else can join
        if (
            self._settings.verify_ip
            and session.info is not None
            and session.info.ip != client_address(exchange, self._settings)
        ):
            raise AddressChanged()
        return session


def _callback(exchange: Exchange) -> str:
    arguments = parse_qs(exchange.query.decode("utf-8", "replace"), keep_blank_values=True)
    return (arguments.get("c") or arguments.get("callback") or [""])[0]
