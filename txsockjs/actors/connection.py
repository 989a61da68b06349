"""What applications see: `SockJSConnection` to subclass, `ConnectionInfo` to read.

Rules: callbacks may be plain, ``async def`` or return a Deferred; they are called one at a time,
``on_open`` first, ``on_close`` last and exactly once. Called by the session's mailbox; calls the
session.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import FunctionType
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from ..errors import SettingsError


class ConnectionInfo:
    """An immutable snapshot of the request that opened a session.

    ``ip`` is the client's address behind the trusted proxies; ``headers`` has lower-case names;
    ``origin`` is None if the client sent none. ``port`` is the client's, 0 if a proxy is between;
    ``server_address`` is where the request arrived, as Twisted's addresses. ``query`` is the query
    string, without its question mark. ``subprotocol`` is what was agreed on for a raw websocket
    (RFC 6455 section 1.9), one of the setting ``subprotocols``, or None.

    `arguments` and `cookies` are read when they are first asked for, the first hundred of each:
    from ``query`` and from the header ``cookie``, unless they were given. So a snapshot keeps what
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
        values = (arguments, cookies, query, headers, ip, is_secure, origin, path, port)
        for set_value, value in zip(_SETTERS, (*values, server_address, subprotocol, transport)):
            set_value(self, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ConnectionInfo can't be changed")

    def __repr__(self) -> str:
        # A client chose it, and this may stand in logs.
        path = self.path if self.path.isprintable() else ascii(self.path)
        return f"<ConnectionInfo {self.ip} {self.transport} {path}>"

    @property
    def arguments(self) -> Mapping[str, Sequence[str]]:
        """The values of each name in the query string."""
        found = self._arguments
        if found is None:
            found = read_arguments(self._query)
            _SET_ARGUMENTS(self, found)
        return found

    @property
    def cookies(self) -> Mapping[str, str]:
        """The values by name; empty unless ``allowed_origins`` names the page's origin."""
        found = self._cookies
        if found is None:
            found = read_cookies(self.headers.get("cookie", ""))
            _SET_COOKIES(self, found)
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


# What `ConnectionInfo.__setattr__` forbids to everybody else.
_SETTERS = [getattr(ConnectionInfo, name).__set__ for name in ConnectionInfo.__slots__]
_SET_ARGUMENTS, _SET_COOKIES = _SETTERS[:2]

# How many arguments, and how many cookies, are read: more than any application has, and a bound to
# what a client can make of 16 KiB.
_MOST = 100


def read_arguments(query: bytes) -> dict[str, list[str]]:
    """Return the values of each name in a query string."""
    first = b"&".join(query.split(b"&", _MOST)[:_MOST])
    return parse_qs(first.decode("utf-8", "replace"), keep_blank_values=True)


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a header: each value as it came, less the quotes around it.

    Whatever is odd in one of them (RFC 6265 section 5.4 lets servers expect anything), the others
    are there.
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


class SockJSConnection:
    """One client's connection, to be subclassed by an application.

    A new instance is made for each session, in the reactor's thread. Callbacks may be plain,
    ``async def`` or return a Deferred; the next one waits until the one before is done. All run in
    one `contextvars.Context`, the connection's own; a coroutine is an asyncio Task where an asyncio
    loop runs. State of one's own is best made in `on_open`; an ``__init__`` must take the session
    and pass it on.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.session!r}>"

    # -- callbacks

    def on_open(self, info: ConnectionInfo) -> Any:
        """Handle the new connection.

        Return False, or raise `errors.Refused`, to reject it.
        """

    def on_message(self, message: str | bytes) -> Any:
        """Handle a message; ``bytes`` come from binary frames of raw websockets only."""

    def on_close(self) -> Any:
        """Handle the end, whatever caused it; ``close_reason`` tells."""

    def on_event(self, event: Any) -> Any:
        """Handle what `post` delivered."""

    def on_error(self, failure: Failure) -> Any:
        """Decide about an exception that a callback let out.

        Return True if it is dealt with and the session shall go on. Otherwise it is logged, and
        the session ends with 1011.
        """

    # -- what to do with it

    @cached_property  # which can be set, as it may be meant to be: self.info = info
    def info(self) -> ConnectionInfo | None:
        """The request that opened the session; None before it is open."""
        return self.session.info  # type: ignore[no-any-return]

    @property
    def is_closed(self) -> bool:
        """Whether the session ended or is about to; `send` does nothing then."""
        return self.session.is_closed  # type: ignore[no-any-return]

    @property
    def close_reason(self) -> tuple[int, str] | None:
        """The code and reason of the end, or None while the session is open."""
        return self.session.close_reason  # type: ignore[no-any-return]

    def send(self, message: str | bytes, binary: bool = False) -> None:
        """Send a message: ``str``, or ``bytes`` on a raw websocket; ``binary`` makes them of it.

        All that a callback sends goes out together when it is done. After the end, a message is
        dropped silently and counted. Raises `TypeError` for anything else and `WrongThread`
        outside the reactor's thread.
        """
        if binary:
            self.session.send_message(message, binary=True)
        else:
            self.session.send(message)

    def broadcast(self, clients: Iterable[SockJSConnection], message: str | bytes) -> None:
        """Send one message to many connections, encoding it once."""
        self.session.broadcast(clients, message)

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """End the session: what was sent goes out, then the close frame, then `on_close`.

        Does nothing if it ended already. ``on_close`` is never called from inside this call.
        """
        self.session.close(code, reason)

    def post(self, event: Any) -> None:
        """Deliver any object to `on_event`, in order with the messages.

        This is how other parts of the program talk to a connection.
        """
        self.session.post(event)

    def register_producer(self, producer: Any, streaming: bool) -> None:
        """Let a producer be paused while the client is slower than it.

        ``streaming`` is as in Twisted's ``IConsumer.registerProducer``.
        """
        self.session.register_producer(producer, streaming)

    def unregister_producer(self) -> None:
        """Forget the registered producer."""
        self.session.unregister_producer()


# What is called in every connection, and with what.
_CALLS = {"__init__": "session", "on_open": "info", "on_message": "message", "on_close": ""}


def check_class(connection: object) -> None:
    """Raise `SettingsError` unless this is a class whose callbacks can be called.

    What is wrong with them would else be seen by the first client.
    """
    if not isinstance(connection, type):
        raise SettingsError(f"a connection must be a class, not {connection!r}")
    for name, argument in _CALLS.items():
        wanted = ["self", argument] if argument else ["self"]
        if isinstance(inspect.getattr_static(connection, name, None), FunctionType):
            # Not of what a decorator wraps: it may add arguments.
            signature = inspect.signature(getattr(connection, name), follow_wrapped=False)
            try:
                signature.bind(*wanted)
            except TypeError:
                raise SettingsError(
                    f"{connection.__name__}.{name} must take ({', '.join(wanted)}), not {signature}"
                ) from None


def unsendable(message: object, wanted: str) -> TypeError:
    """Return the error that says what can be sent, and how what was meant can be."""
    if isinstance(message, (dict, list, tuple)):
        return TypeError(
            f"a message must be {wanted}, not a {type(message).__name__}; "
            "send json.dumps(message) for the client to parse"
        )
    return TypeError(f"a message must be {wanted}, not {message!r}")
