"""`ConnectionInfo`: a snapshot of the request that opened a session, for applications to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from twisted.internet.interfaces import IAddress


class ConnectionInfo:
    """An immutable snapshot of the request that opened a session.

    `arguments` and `cookies` are read on first use, the first hundred of each, from `query` and
    from the header ``cookie``, unless they were given. So a snapshot keeps little more than the
    request itself, which has at most 16 KiB and 100 headers.
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
        # The client chose the path, and this text may be logged.
        path = self._path if self._path.isprintable() else ascii(self._path)
        return f"<ConnectionInfo {self._ip} {self._transport} {path}>"

    @property
    def ip(self) -> str:
        """The client's IP address; behind trusted proxies, the one that they report."""
        return self._ip

    @property
    def port(self) -> int:
        """The client's port; 0 behind a proxy."""
        return self._port

    @property
    def is_secure(self) -> bool:
        """Whether the client uses TLS, to this server or to a trusted proxy that says so."""
        return self._is_secure

    @property
    def transport(self) -> str:
        """The transport's name, such as ``xhr_streaming``."""
        return self._transport

    @property
    def server_address(self) -> IAddress | None:
        """The address where the request arrived."""
        return self._server_address

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by name, in lower case."""
        return self._headers

    @property
    def origin(self) -> str | None:
        """The origin of the page; None if the client sent none."""
        return self._origin

    @property
    def path(self) -> str:
        """The path as it was sent, without the query string."""
        return self._path

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on for a raw websocket (RFC 6455 section 1.9), or None.

        It is one of the setting ``subprotocols``.
        """
        return self._subprotocol

    @property
    def query(self) -> str:
        """The query string as it was sent, without its question mark."""
        return self._query.decode("ascii", "replace")

    @property
    def arguments(self) -> Mapping[str, Sequence[str]]:
        """The arguments of the query string: a list of values for each name."""
        found = self._arguments
        if found is None:
            found = read_arguments(self._query)
            self._arguments = found
        return found

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name; empty unless ``allowed_origins`` names the page's origin."""
        found = self._cookies
        if found is None:
            found = read_cookies(self._headers.get("cookie", ""))
            self._cookies = found
        return found

    def get_argument(self, name: str) -> str | None:
        """Return the first value of a query argument, or None."""
        values = self.arguments.get(name)
        return values[0] if values else None

    def get_cookie(self, name: str) -> str | None:
        """Return a cookie's value, or None."""
        return self.cookies.get(name)

    def get_header(self, name: str) -> str | None:
        """Return a header's value, or None; the name may be in any case."""
        return self._headers.get(name.lower())


# How many arguments, and how many cookies, are read: more than any application uses, and a bound on
# what a client can make of 16 KiB.
_MOST = 100


def read_arguments(query: bytes) -> dict[str, list[str]]:
    """Return the arguments of a query string: a list of values for each name."""
    first = b"&".join(query.split(b"&", _MOST)[:_MOST])
    return parse_qs(first.decode("utf-8", "replace"), keep_blank_values=True)


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a header, with the quotes around values removed.

    A malformed cookie (RFC 6265 section 5.4 lets clients send anything) does not affect the others.
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
