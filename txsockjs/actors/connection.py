"""`SockJSConnection`: what an application subclasses.

Rules: callbacks may be plain, ``async def`` or return a Deferred; they are called one at a time,
``on_open`` first, ``on_close`` last and exactly once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import FunctionType, MethodType
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import SettingsError
from .info import ConnectionInfo
from .interfaces import Client, SessionForConnection
from .members import Member
from .rooms import Room


class _Names:
    # No property, as an application may have something of its own under this name.
    """The names of the rooms that a connection is in."""

    def __get__(self, connection: SockJSConnection | None, owner: object) -> Any:
        if connection is None:
            return self
        session = cast(Member, connection.session)
        return tuple(connection.session.server.rooms.joined.get(session, ()))


class SockJSConnection:
    """One client's connection, to be subclassed by an application.

    A new instance is made for each session, in the reactor's thread. Callbacks may be plain,
    ``async def`` or return a Deferred; the next one waits until the one before is done. All run in
    one `contextvars.Context`, the connection's own; a coroutine is an asyncio Task where an asyncio
    loop runs. State of one's own is best made in `on_open`; an ``__init__`` must take the session
    and pass it on.
    """

    #: Whether to end the session with 1013, instead of calling `on_gap`.
    close_on_gap: bool = False

    rooms = _Names()

    def __init__(self, session: SessionForConnection) -> None:
        self.session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.session!r}>"

    # -- the server's: of the class, as there is no connection yet, or none any more

    @classmethod
    def on_start(cls, router: Any) -> object:
        """Prepare what all connections of a router share, such as a pool or a subscription.

        Plain, ``async def``, or returning a Deferred: the service listens once it is done, and does
        not start if it raises.
        """

    @classmethod
    def on_stop(cls, router: Any) -> object:
        """Undo what `on_start` did; the last ``on_close`` is done by then."""

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

    def on_gap(self, room: str) -> object:
        """Handle that messages of other nodes may be missing in a room of this connection."""

    def on_presence(self, room: str, joined: list[Any], left: list[Any]) -> object:
        """Handle that others, or this one, joined or left a room of this connection.

        ``joined`` and ``left`` are what they gave as their presence. All members of a process get
        the same lists.
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

    # -- rooms

    def join(self, name: str, presence: object = None) -> Deferred[None]:
        """Become a member of a room until `leave`, or until the session ends.

        A room is there while it has members; its name is text of at most 200 bytes. ``presence`` is
        what the others are told of this member: what JSON has, at most 4 KiB; joining again changes
        it. The Deferred fires when messages of all nodes come here: at once if there is one only.
        Raises `TypeError` or `ValueError` for another name or presence. Does nothing once the
        session ended.
        """
        watched = type(self).on_presence is not SockJSConnection.on_presence
        session = cast(Member, self.session)
        return self.session.server.rooms.join(session, name, presence, watched)

    def leave(self, name: str) -> None:
        """Be a member of a room no more; nothing happens if this is none."""
        self.session.server.rooms.leave(cast(Member, self.session), name)

    def room(self, name: str) -> Room:
        """Return a room, to say something to all its members; this need not be one."""
        return self.session.server.rooms.room(name, cast(Member, self.session).channel)

    def register_producer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while the client reads more slowly than it produces.

        ``streaming`` is as in Twisted's ``IConsumer.registerProducer``.
        """
        self.session.register_producer(producer, streaming)

    def unregister_producer(self) -> None:
        """Forget the registered producer."""
        self.session.unregister_producer()


# What is called in every connection, and with what.
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

    Otherwise the first client would be the first to notice.
    """
    if not isinstance(connection, type):
        raise SettingsError(f"a connection must be a class, not {connection!r}")
    for name in ("on_start", "on_stop"):
        _check_class_method(connection, name)
    check_callbacks(connection, _CALLS)


def check_callbacks(connection: type, callbacks: Mapping[str, str]) -> None:
    """Raise `SettingsError` unless each callback of a class takes the arguments named."""
    for name, arguments in callbacks.items():
        wanted = ["self", *arguments.split()]
        if isinstance(inspect.getattr_static(connection, name, None), FunctionType):
            # Not of what a decorator wraps: it may add arguments.
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
