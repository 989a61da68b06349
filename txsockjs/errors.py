"""The exceptions of this package, and the words that a client sees for them.

::

    SockJSError
     +-- SettingsError        also a ValueError: a wrong option
     +-- ListenError          also an OSError: a port that can't be opened
     +-- WrongThread          also a RuntimeError: a call from outside the reactor thread
     +-- Refused              raised by an application: end this session with a code and a reason
     +-- RequestError         a request that breaks the protocol; carries its HTTP answer
          +-- PayloadExpected, BrokenJSON, BodyTooLarge       senders (protocol section 6)
          +-- MessageTooLarge, BatchTooLarge                  whatever brings messages (section 6)
          +-- BadRequestLine, TargetTooLong, HeadTooLarge     any
          +-- CallbackRequired, InvalidCallback               jsonp, htmlfile (section 4)
          +-- NotWebSocket, NotUpgrade, BadHandshake          websocket (section 8)
          +-- UnsupportedVersion, UpgradeRequired
          +-- OriginRefused, AddressChanged, Overloaded, NotFound, TooManySenders
          +-- TooManySessions, TooManyOpens                   a client over a limit of its own

``RequestError`` becomes HTTP in one place, the router's resource.
"""

from __future__ import annotations

import math

Header = tuple[bytes, bytes]


class SockJSError(Exception):
    """The base class of all errors of this package."""


class SettingsError(SockJSError, ValueError):
    """A setting is unknown or its value breaks a rule; the message names both."""


class ListenError(SockJSError, OSError):
    """An endpoint can't be listened on; the message names it and says why."""


class WrongThread(SockJSError, RuntimeError):
    """A session was touched from a thread other than the reactor's.

    Use ``reactor.callFromThread`` to get there.
    """


class Refused(SockJSError):
    """Raise this in a callback to end the session with a code and a reason, without logging."""

    def __init__(self, code: int = 3000, reason: str = "Go away!") -> None:
        super().__init__(code, reason)
        if not isinstance(reason, str):
            raise TypeError(f"a close reason must be str, not {reason!r}")
        self.code = code
        self.reason = reason


class RequestError(SockJSError):
    """A request can't be served; it is answered with ``status`` and ``wording``.

    ``kind`` is the name under which statistics count it (`txsockjs.stats.REFUSALS`). For the log,
    ``setting`` may name the setting that refuses the request, and ``client`` the client.
    """

    status = 500
    kind = "content"
    wording = ""
    headers: tuple[Header, ...] = ()
    setting = ""
    client = ""

    def __init__(self) -> None:
        super().__init__(self.wording)


class PayloadExpected(RequestError):
    wording = "Payload expected."


class BrokenJSON(RequestError):
    wording = "Broken JSON encoding."


class BodyTooLarge(RequestError):
    status = 413
    kind = "size"
    wording = "Request body is too large."


class MessageTooLarge(RequestError):
    """A message is too large; on a websocket this is close code 1009."""

    status = 413
    kind = "size"
    wording = "A message is larger than max_message_size."


class BatchTooLarge(RequestError):
    """Messages sent together are too large; on a websocket this is close code 1009."""

    status = 413
    kind = "size"
    wording = "Messages that came together, at 64 bytes more for each, exceed max_body_size."


class BadRequestLine(RequestError):
    """The request line has something other than visible ASCII in it (RFC 9112 section 3)."""

    status = 400
    wording = "Not a valid request line."


class TargetTooLong(RequestError):
    status = 414
    wording = "Request target is too long."
    kind = "size"


class HeadTooLarge(RequestError):
    """There are too many headers, or too long ones (RFC 6585 section 5)."""

    status = 431
    wording = "Request headers are too large."
    kind = "size"


class CallbackRequired(RequestError):
    kind = "callback"
    wording = '"callback" parameter required'


class InvalidCallback(RequestError):
    kind = "callback"
    wording = 'invalid "callback" parameter'


class NotWebSocket(RequestError):
    status = 400
    kind = "handshake"
    wording = 'Can "Upgrade" only to "WebSocket".'


class NotUpgrade(RequestError):
    status = 400
    kind = "handshake"
    wording = '"Connection" must be "Upgrade".'


class BadHandshake(RequestError):
    """The websocket key is missing or malformed (RFC 6455 section 4.2.1)."""

    status = 400
    kind = "handshake"
    wording = "Not a valid WebSocket handshake."


class UnsupportedVersion(RequestError):
    """The answer names the version that is spoken here (RFC 6455 section 4.2.2)."""

    status = 426
    kind = "handshake"
    wording = "Only WebSocket version 13 is supported."
    headers = ((b"Sec-WebSocket-Version", b"13"), (b"Upgrade", b"websocket"))


class UpgradeRequired(RequestError):
    """The connection can't be taken over, as under HTTP/2 (RFC 9110 section 15.5.22)."""

    status = 426
    kind = "handshake"
    wording = "This connection can't be upgraded."
    headers = ((b"Upgrade", b"websocket"),)


class OriginRefused(RequestError):
    status = 403
    kind = "origin"
    wording = "Origin not allowed."


class AddressChanged(RequestError):
    status = 403
    kind = "address"
    wording = "This session belongs to another address."


class Overloaded(RequestError):
    status = 503
    kind = "sessions"
    wording = "No new sessions now."

    def __init__(self, setting: str = "") -> None:
        super().__init__()
        self.setting = setting


class _OverLimit:
    """An error of a client over a limit of its own, which is the ``setting`` (RFC 6585)."""

    status = 429
    setting: str

    def __init__(self, client: str = "", seconds: float = 0.0) -> None:
        super().__init__()
        self.client = client
        self.headers = retry_after(seconds)


class TooManySessions(_OverLimit, RequestError):
    """The client has ``max_sessions_per_ip`` sessions."""

    kind = "limit"
    wording = "Too many sessions from this address."
    setting = "max_sessions_per_ip"


class TooManyOpens(_OverLimit, RequestError):
    """The client opens sessions faster than ``open_rate_per_ip``."""

    kind = "rate"
    wording = "New sessions come too fast from this address."
    setting = "open_rate_per_ip"


class TooManySenders(RequestError):
    """Too many requests wait for room in one session already."""

    status = 503
    kind = "senders"
    wording = "Too many requests wait for this session."


class NotFound(RequestError):
    status = 404
    kind = "session"
    wording = "Not Found"


def retry_after(seconds: float) -> tuple[Header, ...]:
    """Return the header ``Retry-After``, in whole seconds, at least one."""
    return ((b"Retry-After", b"%d" % max(math.ceil(seconds), 1)),)


def unsendable(message: object, wanted: str) -> TypeError:
    """Return the error that says what can be sent, and how to send what was probably meant."""
    if isinstance(message, (dict, list, tuple)):
        return TypeError(
            f"a message must be {wanted}, not a {type(message).__name__}; "
            "send json.dumps(message) for the client to parse"
        )
    return TypeError(f"a message must be {wanted}, not {message!r}")
