"""Replacements for what applications use of Tornado itself.

Rules: a handler written for ``tornado.websocket`` runs once its base class and imports are changed.
``docs/migrating.md`` lists what has no counterpart here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from .actors.connection import SockJSConnection
from .actors.heartbeat import Callback
from .actors.info import ConnectionInfo
from .errors import Refused
from .wire.proto import json_encode

_log = Logger()

_REQUIRED: Any = object()

# A missing argument is the client's mistake (RFC 6455 section 7.4.1: policy violation).
_MISSING = 1008


class Request:
    """The part of Tornado's request that a session has: address, cookies, query arguments.

    ``arguments`` are lists by name, as in Tornado, but of ``str``. Cookies are plain values.
    """

    __slots__ = ("arguments", "cookies", "headers", "path", "remote_ip")

    def __init__(self, info: ConnectionInfo) -> None:
        self.remote_ip: str = info.ip
        self.cookies: Mapping[str, str] = info.cookies
        self.arguments: Mapping[str, Sequence[str]] = info.arguments
        self.headers: Mapping[str, str] = info.headers
        self.path: str = info.path


class WebsocketHandler(SockJSConnection):
    """A base class for handlers written for Tornado's ``WebSocketHandler``.

    ``request`` is set before `open` is called.
    """

    request: Request

    def open(self) -> Any:
        """Handle the new connection; returning False does not reject it."""

    def on_open(self, info: ConnectionInfo) -> Any:
        """Keep the request and call `open`."""
        self.request = Request(info)
        answer = self.open()
        return None if answer is False else answer

    def write_message(self, message: str | bytes | dict[str, Any], binary: bool = False) -> None:
        """Send a message; a dictionary is sent as JSON."""
        if isinstance(message, dict):
            message = json_encode(message)
        self.send(message, binary)

    def get_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Return the last value of a query argument, or ``default``.

        Raises `Refused` if it is missing and there is no default.
        """
        values = self.get_arguments(name, strip)
        if values:
            return values[-1]
        if default is _REQUIRED:
            raise Refused(_MISSING, f"Missing argument {name}")
        return default

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Return all values of a query argument."""
        values = self.request.arguments.get(name, ())
        return [value.strip() for value in values] if strip else list(values)

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """Return a cookie's value, or ``default``."""
        return self.request.cookies.get(name, default)

    @property
    def close_code(self) -> int | None:
        """The close code, or None while the session is open; its text is in `close_reason`."""
        return None if self.close_reason is None else self.close_reason[0]


class PeriodicCallback:
    """Call ``callback`` every ``callback_time`` milliseconds, like Tornado's class of that name.

    ``reactor`` defaults to the global one. An exception of ``callback``, or of its awaitable, is
    logged, and the next call comes as usual. In new code, use Twisted's ``LoopingCall``.
    """

    def __init__(
        self, callback: Callable[[], object], callback_time: float, reactor: Any = None
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415
        if not callback_time > 0:
            raise ValueError(f"callback_time must be > 0 milliseconds, not {callback_time!r}")
        self._callback = callback
        self._timer = Callback(self._call, callback_time / 1000, reactor)

    def start(self) -> None:
        """Start; the first call is one ``callback_time`` from now."""
        self._timer.start()

    def stop(self) -> None:
        """Stop; does nothing if it is not running."""
        self._timer.stop()

    def is_running(self) -> bool:
        """Return whether it was started."""
        return self._timer.running

    def _call(self) -> None:
        maybeDeferred(self._callback).addErrback(
            lambda failure: _log.failure("{callback!r} failed", failure, callback=self._callback)
        )
