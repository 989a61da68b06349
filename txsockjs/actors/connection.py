"""`SockJSConnection`: what an application subclasses.

Rules: callbacks may be plain, ``async def`` or return a Deferred; they are called one at a time,
``on_open`` first, ``on_close`` last and exactly once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import FunctionType, MethodType
from typing import Any, cast, overload

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import SettingsError
from .info import ConnectionInfo
from .interfaces import Client, SessionForConnection
from .members import Member
from .rooms import Room


class _Names:
    # Not a property: an application may use this name for an attribute of its own.
    """The names of the rooms that a connection is in."""

    @overload
    def __get__(self, connection: None, owner: object) -> _Names: ...
    @overload
    def __get__(self, connection: SockJSConnection, owner: object) -> tuple[str, ...]: ...

    def __get__(
        self, connection: SockJSConnection | None, owner: object
    ) -> _Names | tuple[str, ...]:
        if connection is None:
            return self
        session = cast(Member, connection.session)
        return tuple(connection.session.server.rooms.joined.get(session, ()))


class SockJSConnection:
    """One client's connection; an application subclasses it.

    A new instance is made for each session, in the reactor's thread. Callbacks may be plain,
    ``async def`` or return a Deferred; each one waits until the one before is done. All run in
    one `contextvars.Context`, the connection's own; a coroutine is an asyncio Task where an asyncio
    loop runs. Set up your own state in `on_open`; if you define ``__init__``, take the session and
    pass it on.
    """

    #: Whether to end the session with 1013, instead of calling `on_gap`.
    close_on_gap: bool = False

    rooms = _Names()

    def __init__(self, session: SessionForConnection) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.session!r}>"

    # -- called on the class: there is no connection yet, or none any more

    @classmethod
    def on_start(cls, router: Any) -> object:
        """Prepare what all connections of a router share, such as a pool or a subscription.

        May be plain, ``async def`` or return a Deferred. The service accepts no client until
        it is done, and does not start if it raises.
        """

    @classmethod
    def on_stop(cls, router: Any) -> object:
        """Undo what `on_start` did; every ``on_close`` is done by then."""

    # -- callbacks: may return an awaitable; other results matter for on_open and on_error only

    def on_open(self, info: ConnectionInfo) -> object:
        """Handle the new connection.

        Return False, or raise `errors.Refused`, to reject it.
        """

    # `Any`, so that a subclass may write ``message: str``: most get only text.
    def on_message(self, message: Any) -> object:
        """Handle a message: ``str``, or ``bytes`` for a binary frame of a raw websocket."""

    def on_close(self) -> object:
        """Handle the end of the session; ``close_reason`` tells why it ended."""

    def on_event(self, event: Any) -> object:
        """Handle an event that `post` delivered."""

    def on_error(self, failure: Failure) -> object:
        """Handle an exception raised by a callback.

        Return True if the session should go on. Otherwise the exception is logged, and the session
        ends with 1011.
        """

    def on_gap(self, room: str) -> object:
        """Handle a gap: a room of this connection may have missed messages from other nodes."""

    def on_presence(self, room: str, joined: list[Any], left: list[Any]) -> object:
        """Handle a change of members in a room of this connection, itself included.

        ``joined`` and ``left`` are the presences of those who joined and left. All members in a
        process get the same lists.
        """

    # -- for the application to call

    @cached_property  # so that an application may set it: self.info = info
    def info(self) -> ConnectionInfo:
        """The request that opened the session."""
        return cast(ConnectionInfo, self.session.info)  # set before the connection is made

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended or is ending; `send` does nothing then."""
        return self.session.is_closed

    @property
    def close_reason(self) -> tuple[int, str] | None:
        """The close code and reason, or None while the session is open."""
        return self.session.close_reason

    def send(self, message: str | bytes, binary: bool = False) -> None:
        """Send a message: ``str``, or ``bytes`` on a raw websocket.

        ``binary`` sends text as bytes. Everything a callback sends goes out together when it is
        done. After the end, messages are counted and dropped silently. Raises `TypeError` for other
        types and `WrongThread` outside the reactor's thread.
        """
        if binary and isinstance(message, str):
            message = message.encode("utf-8", "replace")
        self.session.send(message)

    def broadcast(self, clients: Iterable[Client], message: str | bytes) -> None:
        """Send one message to many connections, encoding it once."""
        self.session.broadcast(clients, message)

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """End the session: send what is queued, then the close frame, then call `on_close`.

        Does nothing if the session has ended. ``on_close`` is never called inside this call.
        """
        self.session.close(code, reason)

    def post(self, event: object) -> None:
        """Deliver any object to `on_event`, in order with the messages.

        Other parts of a program use this to talk to a connection.
        """
        self.session.post(event)

    # -- rooms

    def join(self, name: str, presence: object = None) -> Deferred[None]:
        """Join a room, until `leave` or the end of the session.

        A room exists while it has members; its name is text of at most 200 bytes. ``presence`` is
        what other members learn about this one: any JSON value of at most 4 KiB; join again to
        change it. The Deferred fires when messages from all nodes arrive here, which is at once on
        a single node. Raises `TypeError` or `ValueError` for an invalid name or presence. Does
        nothing once the session has ended.
        """
        watched = type(self).on_presence is not SockJSConnection.on_presence
        session = cast(Member, self.session)
        return self.session.server.rooms.join(session, name, presence, watched)

    def leave(self, name: str) -> None:
        """Leave a room; does nothing if this connection is not a member."""
        self.session.server.rooms.leave(cast(Member, self.session), name)

    def room(self, name: str) -> Room:
        """Return a room, to send to all its members; this connection need not be one of them."""
        return self.session.server.rooms.room(name, cast(Member, self.session).channel)

    def register_producer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while the client reads more slowly than it produces.

        ``streaming`` is that of Twisted's ``IConsumer.registerProducer``.
        """
        self.session.register_producer(producer, streaming)

    def unregister_producer(self) -> None:
        """Forget the registered producer."""
        self.session.unregister_producer()


# The callbacks of every connection, with their arguments.
_CALLS = {
    "__init__": "session",
    "on_open": "info",
    "on_message": "message",
    "on_close": "",
    "on_gap": "room",
    "on_presence": "room joined left",
}


def check_class(connection: object) -> None:
    """Raise `SettingsError` unless this is a class whose callbacks can be called.

    Without this check, the mistake would only show when the first client connects.
    """
    if not isinstance(connection, type):
        raise SettingsError(f"a connection must be a class, not {connection!r}")
    for name in ("on_start", "on_stop"):
        _check_class_method(connection, name)
    check_callbacks(connection, _CALLS)


def check_callbacks(connection: type, callbacks: Mapping[str, str]) -> None:
    """Raise `SettingsError` unless each callback of a class takes its arguments."""
    for name, arguments in callbacks.items():
        wanted = ["self", *arguments.split()]
        if isinstance(inspect.getattr_static(connection, name, None), FunctionType):
            # Don't look below decorators: they may add arguments.
            signature = inspect.signature(getattr(connection, name), follow_wrapped=False)
            try:
                signature.bind(*wanted)
            except TypeError:
                raise SettingsError(
                    f"{connection.__name__}.{name} must take ({', '.join(wanted)}), not {signature}"
                ) from None


def _check_class_method(connection: type, name: str) -> None:
    if isinstance(inspect.getattr_static(connection, name, None), FunctionType):
        raise SettingsError(f"{connection.__name__}.{name} must be a class method: @classmethod")
    call = getattr(connection, name, None)
    if isinstance(call, MethodType):
        signature = inspect.signature(call.__func__, follow_wrapped=False)
        try:
            signature.bind(connection, "router")
        except TypeError:
            raise SettingsError(
                f"{connection.__name__}.{name} must take (cls, router), not {signature}"
            ) from None
