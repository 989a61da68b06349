"""`SockJSConnection`: what an application subclasses.

Rules: callbacks may be plain, ``async def`` or return a Deferred; they are called one at a time,
``on_open`` first, ``on_close`` last and exactly once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cached_property
from types import FunctionType
from typing import Any, cast

from twisted.python.failure import Failure

from ..errors import SettingsError
from .info import ConnectionInfo
from .interfaces import Client, SessionForConnection


class SockJSConnection:
    """One client's connection, to be subclassed by an application.

    A new instance is made for each session, in the reactor's thread. Callbacks may be plain,
    ``async def`` or return a Deferred; the next one waits until the one before is done. All run in
    one `contextvars.Context`, the connection's own; a coroutine is an asyncio Task where an asyncio
    loop runs. State of one's own is best made in `on_open`; an ``__init__`` must take the session
    and pass it on.
    """

    def __init__(self, session: SessionForConnection) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.session!r}>"

    # -- callbacks: what they return may be awaitable, else it is looked at by on_open and on_error

    def on_open(self, info: ConnectionInfo) -> object:
        """Handle the new connection.

        Return False, or raise `errors.Refused`, to reject it.
        """

    # `Any`, so that a subclass may write ``message: str``, as most of them only get text.
    def on_message(self, message: Any) -> object:
        """Handle a message: ``str``, or ``bytes`` from a binary frame of a raw websocket."""

    def on_close(self) -> object:
        """Handle the end, whatever caused it; ``close_reason`` tells."""

    def on_event(self, event: Any) -> object:
        """Handle what `post` delivered."""

    def on_error(self, failure: Failure) -> object:
        """Decide about an exception that a callback let out.

        Return True if it is dealt with and the session should go on. Otherwise it is logged,
        and the session ends with 1011.
        """

    # -- what to do with it

    @cached_property  # which can be set, as it may be meant to be: self.info = info
    def info(self) -> ConnectionInfo:
        """The request that opened the session."""
        return cast(ConnectionInfo, self.session.info)  # there before the connection is

    @property
    def is_closed(self) -> bool:
        """Whether the session ended or is about to; `send` does nothing then."""
        return self.session.is_closed

    @property
    def close_reason(self) -> tuple[int, str] | None:
        """The code and reason of the end, or None while the session is open."""
        return self.session.close_reason

    def send(self, message: str | bytes, binary: bool = False) -> None:
        """Send a message: ``str``, or ``bytes`` on a raw websocket.

        ``binary`` sends text as bytes. All that a callback sends goes out together when it is done.
        After the end, a message is dropped silently and counted. Raises `TypeError` for anything
        else and `WrongThread` outside the reactor's thread.
        """
        if binary and isinstance(message, str):
            message = message.encode("utf-8", "replace")
        self.session.send(message)

    def broadcast(self, clients: Iterable[Client], message: str | bytes) -> None:
        """Send one message to many connections, encoding it once."""
        self.session.broadcast(clients, message)

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """End the session: what was sent goes out, then the close frame, then `on_close`.

        Does nothing if it ended already. ``on_close`` is never called from inside this call.
        """
        self.session.close(code, reason)

    def post(self, event: object) -> None:
        """Deliver any object to `on_event`, in order with the messages.

        This is how other parts of the program talk to a connection.
        """
        self.session.post(event)

    def register_producer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while the client reads more slowly than it produces.

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

    Otherwise the first client would be the first to notice.
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
