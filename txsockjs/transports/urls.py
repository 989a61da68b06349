"""The URLs of one mount, and what a request to each of them does.

Rules: the table follows protocol section 1; a disabled transport has no URL; sessions are found or
made here.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, NamedTuple, Protocol, cast
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource

from ..actors.info import ConnectionInfo
from ..actors.session import Session
from ..errors import AddressChanged, BodyTooLarge, CallbackRequired, InvalidCallback, NotFound
from ..http import static
from ..http.addresses import client_address
from ..http.exchange import Exchange, RelayedExchange
from ..http.page import Handler, Page, RouterForPages, with_head, with_preflight
from ..server.web import Nowhere, PageResource
from ..stats import TRANSPORTS
from ..wire.proto import is_callback
from ..wire.request_head import LONGEST_ID
from . import eventsource, htmlfile, jsonp, senders, xhr
from .receiver import Framing, HTTPReceiver
from .relayed import LastWord, RelayedReceiver
from .senders import Sender
from .websocket.raw import RawWebSocketReceiver
from .websocket.receiver import WebSocketReceiver
from .websocket.upgrade import Sockets, check_handshake

_IFRAME_VERSION = re.compile(r"[0-9a-z._-]*\Z")
# A path segment that names a server or a session.
_SEGMENT = re.compile(r"[^/.]+\Z")


class Url(NamedTuple):
    """One URL: its name, its Klein pattern, and the function that makes its resource."""

    name: str
    pattern: str
    resource: Callable[..., Resource]


class RelayForUrls(Protocol):
    """What the URLs need from the relay of a router that is on a bus."""

    def must_wait(self, session: Session | None = ...) -> bool:
        """Return whether a request for a session on this node can't be served at once.

        ``session`` is its session, if it is a receiver's.
        """
        ...

    def attach(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        speaker: LastWord,
        here: Callable[[], Deferred[None] | None],
    ) -> Deferred[None] | None:
        """Serve a receiver's request with ``here()``, or through the session's owner.

        If a Deferred is returned, it fails with the error to answer instead.
        """
        ...

    def send(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        here: Callable[[], Deferred[None] | None],
    ) -> Deferred[None] | None:
        """Serve a sender's request with ``here()`` or through the session's owner, as `attach`."""
        ...


class RouterForUrls(RouterForPages, Protocol):
    """What the URLs need from their router."""

    def admit(self, exchange: Exchange) -> None:
        """Raise a `RequestError` if this request may not open a new session."""

    def make_session(self, session_id: str, info: ConnectionInfo) -> Session:
        """Make and register the session of an HTTP transport, for an admitted request."""
        ...

    @property
    def sockets(self) -> Sockets:
        """The factory of websockets."""
        ...

    @property
    def relay(self) -> RelayForUrls | None:
        """The relay to sessions on other nodes, if there are any."""
        ...


class Urls:
    """The URLs of a mount, with its transports.

    ``table`` has all of them; ``pages`` has those below ``/<server>/<session>/`` by their last
    segment, whose handlers get the session's id.
    """

    def __init__(self, router: RouterForUrls) -> None:
        self._router = router
        self._settings = router.settings
        self.pages = {
            name: Page(router, methods, True, True, {b"POST": self._check_of(name)})
            for name, methods in self._session_methods().items()
        }
        self.table = [
            *self._static_urls(),
            *(
                Url(name, f"/<server>/<session>/{name}", partial(_session_resource, page))
                for name, page in self.pages.items()
            ),
        ]

    def _static_urls(self) -> list[Url]:
        router, settings = self._router, self._settings
        tell = partial(static.info, settings=settings)
        info = {**with_preflight(b"GET", tell), **with_head(tell)}
        test = with_preflight(b"POST", partial(static.chunking_test, reactor=router.reactor))
        greeting = partial(PageResource, Page(router, with_head(static.greeting)))
        iframe = partial(
            _iframe_resource, Page(router, with_head(partial(static.iframe, settings=settings)))
        )
        urls = [
            Url("greeting", "", greeting),
            Url("greeting/", "/", greeting),
            Url("info", "/info", partial(PageResource, Page(router, info, gated=True))),
            Url("iframe", "/iframe.html", iframe),
            Url("iframe version", "/iframe<version>.html", iframe),
            Url(
                "chunking_test",
                "/chunking_test",
                partial(PageResource, Page(router, test, gated=True)),
            ),
        ]
        if "rawwebsocket" not in settings.disabled_transports:
            upgrade = {b"GET": partial(self._upgrade, RawWebSocketReceiver)}
            page = Page(router, upgrade, gated=True, carries=True)
            urls.append(Url("rawwebsocket", "/websocket", partial(PageResource, page)))
        return urls

    def _session_methods(self) -> dict[str, dict[bytes, Handler]]:
        on = set(TRANSPORTS) - self._settings.disabled_transports
        if "jsonp" in on:
            on.add("jsonp_send")
        if on & {"xhr", "xhr_streaming", "eventsource", "htmlfile"}:
            on.add("xhr_send")
        methods: dict[str, dict[bytes, Handler]] = {
            "websocket": {b"GET": partial(self._upgrade, WebSocketReceiver)},
            "xhr": with_preflight(b"POST", partial(self._attach, xhr.POLLING)),
            "xhr_streaming": with_preflight(b"POST", partial(self._attach, xhr.STREAMING)),
            "eventsource": {b"GET": partial(self._attach, eventsource.FRAMING)},
            "htmlfile": {b"GET": partial(self._attach_script, htmlfile.framing, None)},
            "jsonp": {b"GET": partial(self._attach_script, jsonp.framing, jsonp.LONGEST_CALLBACK)},
            "xhr_send": with_preflight(b"POST", partial(self._send, senders.XHR_SEND)),
            "jsonp_send": {b"POST": partial(self._send, senders.JSONP_SEND)},
        }
        return {name: handlers for name, handlers in methods.items() if name in on}

    # -- handlers

    def _upgrade(
        self, receiver_class: type[WebSocketReceiver], exchange: Exchange, session_id: str = ""
    ) -> None:
        check_handshake(exchange)
        self._router.admit(exchange)
        receiver = self._router.sockets.build(exchange, receiver_class)
        exchange.take_over(receiver, self._settings.peer_timeout)

    def _attach(
        self, framing: Framing, exchange: Exchange, session_id: str
    ) -> Deferred[None] | None:
        session = self._find(session_id, exchange)
        relay = self._router.relay
        if relay is None or (session is not None and not relay.must_wait(session)):
            self._attach_here(framing, exchange, session_id, session)
            return None
        here = partial(self._attach_found, framing, exchange, session_id)
        last_word = LastWord(exchange, framing, self._settings)
        return relay.attach(exchange, session_id, framing.name, last_word, here)

    def _attach_found(self, framing: Framing, exchange: Exchange, session_id: str) -> None:
        """Attach to the session, which may have begun or ended while the request waited."""
        self._attach_here(framing, exchange, session_id, self._find(session_id, exchange))

    def _attach_here(
        self, framing: Framing, exchange: Exchange, session_id: str, session: Session | None
    ) -> None:
        if session is None:
            self._router.admit(exchange)
        # Before the session is made: a function in the settings may raise, and leave it half made.
        opening = session is None or session.info is None
        receiver: HTTPReceiver
        if exchange.is_relayed:
            remote = cast("RelayedExchange", exchange)
            receiver = RelayedReceiver(remote, framing, self._settings, opening)
        else:
            receiver = HTTPReceiver(exchange, framing, self._settings, opening)
        if session is None:
            assert receiver.info is not None  # it is opening
            session = self._router.make_session(session_id, receiver.info)
        receiver.attach(session)

    def _attach_script(
        self,
        framing: Callable[[str], Framing],
        longest: int | None,
        exchange: Exchange,
        session_id: str,
    ) -> Deferred[None] | None:
        callback = _callback(exchange)
        if not callback:
            raise CallbackRequired()
        if not is_callback(callback, longest):
            raise InvalidCallback()
        return self._attach(framing(callback), exchange, session_id)

    def _send(self, sender: Sender, exchange: Exchange, session_id: str) -> Deferred[None] | None:
        session = self._find(session_id, exchange)
        relay = self._router.relay
        if relay is not None and (session is None or relay.must_wait()):
            here = partial(self._send_here, sender, exchange, session_id)
            return relay.send(exchange, session_id, sender.name, here)
        if session is None:
            raise NotFound()
        return sender.send(exchange, self._settings, session)

    def _send_here(
        self, sender: Sender, exchange: Exchange, session_id: str
    ) -> Deferred[None] | None:
        session = self._find(session_id, exchange)
        if session is None:
            raise NotFound()
        return sender.send(exchange, self._settings, session)

    def _check_receiver(self, exchange: Exchange, session_id: str) -> None:
        """Raise what `_attach` would raise with any body."""
        if self._find(session_id, exchange) is None and self._router.relay is None:
            self._router.admit(exchange)

    def _check_sender(self, exchange: Exchange, session_id: str) -> None:
        """Raise what `_send` would raise with any body."""
        session = self._find(session_id, exchange)
        if session is None and self._router.relay is not None:
            pass  # it may belong to another node
        elif session is None or not session.is_open:
            raise NotFound()
        if exchange.body_size() > self._settings.max_body_size:
            raise BodyTooLarge()

    def _check_of(self, name: str) -> Callable[[Exchange, str], object]:
        return self._check_sender if name.endswith("_send") else self._check_receiver

    def _find(self, session_id: str, exchange: Exchange) -> Session | None:
        session = self._router.sessions.get(session_id)
        if session is None:
            return None
        if not isinstance(session, Session):
            raise NotFound()  # a websocket's session, which nobody else can join
        if (
            self._settings.verify_ip
            and session.info is not None
            and session.info.ip != client_address(exchange, self._settings)
        ):
            raise AddressChanged()
        return session


def _session_resource(page: Page, server: str, session: str) -> Resource:
    # The decoded length counts, so that escaping does not make an id too long.
    is_id = _SEGMENT.match(session) and len(session.encode("utf-8", "replace")) <= LONGEST_ID
    if not (is_id and _SEGMENT.match(server)):
        return Nowhere()
    return PageResource(page, session)


def _iframe_resource(page: Page, version: str = "") -> Resource:
    return PageResource(page) if _IFRAME_VERSION.match(version) else Nowhere()


def _callback(exchange: Exchange) -> str:
    arguments = parse_qs(exchange.query.decode("utf-8", "replace"), keep_blank_values=True)
    return (arguments.get("c") or arguments.get("callback") or [""])[0]
