"""`ConnectionInfo`: a snapshot of the request that opened a session, for applications to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from twisted.internet.interfaces import IAddress


class ConnectionInfo:
    """An immutable snapshot of the request that opened a session.

    ``ip`` is the client's address behind the trusted proxies; ``headers`` has lower-case names;
    ``origin`` is None if the client sent none. ``port`` is the client's, 0 if a proxy is between;
    ``server_address`` is where the request arrived, as Twisted's addresses. ``subprotocol`` is what
    was agreed on for a raw websocket (RFC 6455 section 1.9), one of the setting ``subprotocols``,
    or None.

    `arguments` and `cookies` are read when they are first asked for, the first hundred of each:
    from `query` and from the header ``cookie``, unless they were given. So a snapshot keeps what
    the request brought, of which there are 16 KiB and 100 headers at the most, and little more.
    """

    __slots__ = (
        "_arguments",
        "_cookies",
        "_query",
        "headers",
        "ip",
        "is_secure",
        "origin",
        "path",
        "port",
        "server_address",
        "subprotocol",
        "transport",
    )
    ip: str
    headers: Mapping[str, str]
    path: str
    transport: str
    origin: str | None
    _arguments: Mapping[str, Sequence[str]] | None
    _cookies: Mapping[str, str] | None
    _query: bytes
    is_secure: bool
    port: int
    server_address: IAddress | None
    subprotocol: str | None

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
        set_value = object.__setattr__  # as this class has one that refuses
        set_value(self, "ip", ip)
        set_value(self, "headers", headers)
        set_value(self, "path", path)
        set_value(self, "transport", transport)
        set_value(self, "origin", origin)
        set_value(self, "is_secure", is_secure)
        set_value(self, "port", port)
        set_value(self, "server_address", server_address)
        set_value(self, "subprotocol", subprotocol)
        set_value(self, "_cookies", cookies)
        set_value(self, "_arguments", arguments)
        set_value(self, "_query", query)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ConnectionInfo can't be changed")

    def __repr__(self) -> str:
        # A client chose it, and this may stand in logs.
        path = self.path if self.path.isprintable() else ascii(self.path)
        return f"<ConnectionInfo {self.ip} {self.transport} {path}>"

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
            object.__setattr__(self, "_arguments", found)
        return found

    @property
    def cookies(self) -> Mapping[str, str]:
        """The values by name; empty unless ``allowed_origins`` names the page's origin."""
        found = self._cookies
        if found is None:
            found = read_cookies(self.headers.get("cookie", ""))
            object.__setattr__(self, "_cookies", found)
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
        return self.headers.get(name.lower())


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
