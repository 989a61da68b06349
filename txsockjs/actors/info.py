"""`ConnectionInfo`: a snapshot of the request that opened a session, for applications to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from twisted.internet.interfaces import IAddress


class ConnectionInfo:
    """An immutable snapshot of the request that opened a session.

    `arguments` and `cookies` are read when they are first asked for, the first hundred of each:
    from `query` and from the header ``cookie``, unless they were given. So a snapshot keeps what
    the request brought, of which there are 16 KiB and 100 headers at the most, and little more.
    """

    __slots__ = (
        "_arguments",
        "_cookies",
        "_headers",
        "_ip",
        "_is_secure",
        "_origin",
        "_path",
        "_port",
        "_query",
        "_server_address",
        "_subprotocol",
        "_transport",
    )

    def __init__(
        self,
        ip: str,
        cookies: Mapping[str, str] | None,
        arguments: Mapping[str, Sequence[str]] | None,
        headers: Mapping[str, str],
        path: str,
        transport: str = "",
        origin: str | None = None,
        is_secure: bool = False,
        port: int = 0,
        server_address: IAddress | None = None,
        query: bytes = b"",
        subprotocol: str | None = None,
    ) -> None:
        self._ip = ip
        self._cookies = cookies
        self._arguments = arguments
        self._headers = headers
        self._path = path
        self._transport = transport
        self._origin = origin
        self._is_secure = is_secure
        self._port = port
        self._server_address = server_address
        self._query = query
        self._subprotocol = subprotocol

    def __repr__(self) -> str:
        # A client chose it, and this may stand in logs.
        path = self._path if self._path.isprintable() else ascii(self._path)
        return f"<ConnectionInfo {self._ip} {self._transport} {path}>"

    @property
    def ip(self) -> str:
        """The client's address, behind the trusted proxies."""
        return self._ip

    @property
    def port(self) -> int:
        """The client's port; 0 if a proxy is between."""
        return self._port

    @property
    def is_secure(self) -> bool:
        """Whether the client's side is TLS: here, or at a trusted proxy that says so."""
        return self._is_secure

    @property
    def transport(self) -> str:
        """The transport's name, such as ``xhr_streaming``."""
        return self._transport

    @property
    def server_address(self) -> IAddress | None:
        """Where the request arrived, as Twisted's addresses."""
        return self._server_address

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, their names in lower case."""
        return self._headers

    @property
    def origin(self) -> str | None:
        """The origin of the page; None if the client sent none."""
        return self._origin

    @property
    def path(self) -> str:
        """The path as it came, without the query string."""
        return self._path

    @property
    def subprotocol(self) -> str | None:
        """What was agreed on for a raw websocket (RFC 6455 section 1.9), or None.

        One of the setting ``subprotocols``.
        """
        return self._subprotocol

    @property
    def query(self) -> str:
        """The query string as it came, without its question mark."""
        return self._query.decode("ascii", "replace")

    @property
    def arguments(self) -> Mapping[str, Sequence[str]]:
        """The values of each name in the query string."""
        found = self._arguments
        if found is None:
            found = read_arguments(self._query)
            self._arguments = found
        return found

    @property
    def cookies(self) -> Mapping[str, str]:
        """The values by name; empty unless ``allowed_origins`` names the page's origin."""
        found = self._cookies
        if found is None:
            found = read_cookies(self._headers.get("cookie", ""))
            self._cookies = found
        return found

    def get_argument(self, name: str) -> str | None:
        """Return the first value of an argument of the query string, or None."""
        values = self.arguments.get(name)
        return values[0] if values else None

    def get_cookie(self, name: str) -> str | None:
        """Return a cookie's value, or None."""
        return self.cookies.get(name)

    def get_header(self, name: str) -> str | None:
        """Return a header's value by its name in any case, or None."""
        return self._headers.get(name.lower())


# How many arguments, and how many cookies, are read: more than any application has, and a bound to
# what a client can make of 16 KiB.
_MOST = 100


def read_arguments(query: bytes) -> dict[str, list[str]]:
    """Return the values of each name in a query string."""
    first = b"&".join(query.split(b"&", _MOST)[:_MOST])
    return parse_qs(first.decode("utf-8", "replace"), keep_blank_values=True)


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a header: each value as it came, less the quotes around it.

    A malformed one (RFC 6265 section 5.4 lets clients send anything) costs none of the others.
    """
    found: dict[str, str] = {}
    for pair in header.split(";", _MOST)[:_MOST]:
        name, equals, value = pair.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if equals and name.strip():
            found.setdefault(name.strip(), value)
    return found
