"""`WebUpstream`: a websocket server, or a SockJS server, that sessions are bridged to.

Rules: each session has its own connection. Only the parts of a client's request named here are
passed on, and only if they can't forge a header or a line of the upstream request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IAgentEndpointFactory

from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo
from ..client.address import Address, checked_cookies, checked_headers
from ..client.endpoints import Endpoints, check_tls
from ..client.opening import Opening
from ..client.options import Options
from ..client.raw_carrier import RawOpening
from ..client.requests import check_installed
from ..errors import SettingsError
from ..wire.text import checked_encoding
from .gateway import CONNECT_TIMEOUT
from .web_bridge import Bridge

SCHEMES = ("ws", "wss", "http", "https")

# Their requests have the name of a page's function in the query (protocol section 4).
_WITH_CALLBACK = frozenset(("jsonp", "htmlfile"))
_CALLBACK = frozenset(("c", "callback"))


@dataclass(frozen=True)
class WebUpstream:
    """A server's URL: ``ws:`` or ``wss:`` for any websocket, ``http:`` or ``https:`` for SockJS.

    ``connect_timeout`` is in seconds; ``fallback_encoding`` is the encoding of binary messages that
    are not UTF-8, for a browser or a server that only takes text. ``headers`` and ``cookies`` are
    the names of those to pass on; ``pass_query``, ``pass_origin`` and ``pass_address`` are whether
    to pass on the session's query, its ``Origin``, and its address as ``X-Forwarded-For``.
    """

    url: str
    connect_timeout: float = CONNECT_TIMEOUT
    fallback_encoding: str | None = None
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    pass_query: bool = True
    pass_origin: bool = True
    pass_address: bool = True

    def __post_init__(self) -> None:
        if self.address.is_secure:
            check_tls()
        checked_encoding(self.fallback_encoding)
        checked_headers(dict.fromkeys(self.headers, ""))
        checked_cookies(dict.fromkeys(self.cookies, ""))
        if self.is_sockjs:
            check_installed()

    @property
    def description(self) -> str:
        """The URL for logs, without its query, which may be secret."""
        return self.url.partition("?")[0]

    @property
    def is_sockjs(self) -> bool:
        """Whether it is a SockJS server."""
        return self.url.lower().startswith("http")

    @property
    def address(self) -> Address:
        """The parsed URL; raises `SettingsError` if it is invalid."""
        return Address.parse(self.url) if self.is_sockjs else Address.of_websocket(self.url)

    def connection(
        self, reactor: IReactorTime, endpoints: IAgentEndpointFactory | None = None
    ) -> type[SockJSConnection]:
        """Make the connection class that bridges to the server.

        ``endpoints`` replaces Twisted's own connections to a host.
        """
        # One for all sessions: it caches the trusted certificates.
        target = Target(self, reactor, endpoints or Endpoints(reactor))
        return type("WebBridge", (Bridge,), {"target": target})

    @classmethod
    def at(cls, text: str) -> WebUpstream | None:
        """Return the upstream for a URL; None if the text is something else."""
        scheme, mark, _ = text.partition("://")
        return cls(text) if mark and scheme.lower() in SCHEMES else None


class Target:
    """An upstream, and the way to open sessions with it."""

    def __init__(
        self, upstream: WebUpstream, reactor: IReactorTime, endpoints: IAgentEndpointFactory
    ) -> None:
        self.reactor = reactor
        self.name = upstream.description
        self.connect_timeout = upstream.connect_timeout
        self.fallback_encoding = upstream.fallback_encoding
        self.takes_bytes = not upstream.is_sockjs
        self._upstream = upstream
        self._address = upstream.address
        self._endpoints = endpoints

    def opening(self, info: ConnectionInfo, subprotocols: Iterable[str]) -> Opening | RawOpening:
        """Return how to open a session for a client."""
        upstream = self._upstream
        address = self._address
        if upstream.pass_query:
            address = address.asking(query_of(info))
        headers, cookies = self._headers(info), self._cookies(info)
        options = Options(timeout=self.connect_timeout if self.takes_bytes else 2.0)
        if not self.takes_bytes:
            return Opening(self.reactor, address, options, self._endpoints, headers, cookies)
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        offered = tuple(subprotocols)
        return RawOpening(self.reactor, address, options, self._endpoints, headers, offered)

    def _headers(self, info: ConnectionInfo) -> dict[str, str]:
        wanted = {name.lower(): info.get_header(name) for name in self._upstream.headers}
        if self._upstream.pass_origin:
            wanted["origin"] = info.origin
        if self._upstream.pass_address:
            wanted["x-forwarded-for"] = info.ip or None
        return _sendable(wanted, checked_headers)

    def _cookies(self, info: ConnectionInfo) -> dict[str, str]:
        wanted = {name: info.get_cookie(name) for name in self._upstream.cookies}
        return _sendable(wanted, checked_cookies)


def query_of(info: ConnectionInfo) -> str:
    """Return the query of a session's request, without its transport's own argument."""
    if info.transport not in _WITH_CALLBACK:
        return info.query
    pairs = parse_qsl(info.query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name not in _CALLBACK])


def _sendable(wanted: dict[str, str | None], check: Any) -> dict[str, str]:
    """Return the wanted values that exist and can be sent."""
    found: dict[str, str] = {}
    for name, value in wanted.items():
        if value is not None:
            try:
                found.update(check({name: value}))
            except SettingsError:
                continue  # clients may send anything
    return found
