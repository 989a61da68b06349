"""Why a client has no connection, or has lost it.

Rules: each is also one of Twisted's errors, so that code written for TCP understands it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from ..errors import SockJSError
from ..wire.frames import is_clean

# No close frame came (RFC 6455 section 7.4.1).
ABNORMAL = 1006


class ConnectionFailed(SockJSError, ConnectError):
    """No transport reached the server; ``attempts`` has those tried, each with the reason."""

    def __init__(self, url: str, attempts: Sequence[tuple[str, str]]) -> None:
        tried = "; ".join(f"{name}: {why}" for name, why in attempts)
        self.args = (f"cannot connect to {url}: {tried}",)
        self.osError = None
        self.url = url
        self.attempts = tuple(attempts)

    def __str__(self) -> str:
        return str(self.args[0])


class SessionClosed(SockJSError, ConnectionDone):
    """Client or server closed the session; ``code`` and ``reason`` are those of the close."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"closed with {self.code} {self.reason}".rstrip()


class SessionLost(SockJSError, ConnectionLost):
    """The session was lost; ``reason`` says why, ``code`` is 1006 unless the server gave one."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"lost with {self.code} {self.reason}".rstrip()


def ended(code: int, reason: str) -> SessionClosed | SessionLost:
    """Return the error for an end with a code from the server."""
    return SessionClosed(code, reason) if is_clean(code) else SessionLost(code, reason)


def explained(failure: Failure) -> str:
    """Describe what went wrong below: the first cause that an HTTP client names."""
    reasons: Any = getattr(failure.value, "reasons", None)
    if reasons and isinstance(reasons[0], Failure):
        return explained(reasons[0])
    words = " ".join(failure.getErrorMessage().split())
    return words or type(failure.value).__name__
