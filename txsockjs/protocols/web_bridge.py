"""`Bridge`: bridges a browser's session to a client's session, message by message.

Rules: text stays text, and binary stays binary where both sides have it. The faster side waits
while the slower one does not read. When one side ends, the other is closed with its code and
reason. Errors in between are reported in fixed words, and details go to the log.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.connection import SockJSConnection
from ..actors.deadlines import Patience
from ..actors.info import ConnectionInfo
from ..client.errors import ABNORMAL, SessionClosed, SessionLost
from ..client.session import Session
from ..wire.frames import check_reason, is_close_code
from ..wire.text import REPLACE
from .gateway import TIMED_OUT, UNREACHABLE, UPSTREAM_LOST
from .transport import NOT_TEXT

_log = Logger()

# Told to an upstream when a browser did not close by itself.
LEFT = (1001, "The client has left")
_NO_CODE = 1005


class Opening(Protocol):
    """How to open a session upstream."""

    async def session(self) -> Session:
        """Return an open session."""


class Target(Protocol):
    """A target of bridges; ``takes_bytes`` is whether it has binary messages."""

    reactor: IReactorTime
    name: str
    connect_timeout: float
    fallback_encoding: str | None
    takes_bytes: bool

    def opening(self, info: ConnectionInfo, subprotocols: Iterable[str]) -> Opening:
        """Return an `Opening` for a client."""


@implementer(IPushProducer)
class Bridge(SockJSConnection):
    """The browser's end; also the producer of what goes upstream."""

    target: Target

    def on_open(self, info: ConnectionInfo) -> object:
        """Connect upstream; the browser's messages wait until that is done."""
        self._upstream: Session | None = None
        self._waiting: Deferred[None] | None = None
        self._waits = True
        target = self.target
        self._began = target.reactor.seconds()
        offered = self.session.server.settings.subprotocols
        if info.transport == "rawwebsocket":
            offered = (info.subprotocol,) if info.subprotocol else ()
        opening = target.opening(info, offered)
        self._connecting: Deferred[object] | None = Deferred.fromCoroutine(opening.session())
        patience: Any = Patience(target.reactor)
        self._connecting.addTimeout(target.connect_timeout, patience)
        self._connecting.addCallbacks(self._connected, self._failed)
        return None

    def on_message(self, message: str | bytes) -> object:
        """Pass on a message of the browser, when there is room."""
        if self._waits:
            return self._pass_later(message)
        self._pass(message)
        return None

    def on_close(self) -> None:
        """Close upstream, once the browser's messages have left."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.outgoing.unregister()
            upstream.close(*self._reason())
        elif self._connecting is not None:
            self._connecting.cancel()

    # -- upstream

    def _connected(self, upstream: Session) -> None:
        self._connecting = None
        self._upstream = upstream
        upstream.begin(self)
        upstream.outgoing.register(self, True)
        if not self.is_closed:
            self.register_producer(Downstream(upstream), True)
        self.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        if not self.is_closed:
            _log.warn(
                "cannot connect {ip} to {name}: {why}",
                ip=self.info.ip,
                name=self.target.name,
                why=failure.getErrorMessage(),
            )
            took = self.target.reactor.seconds() - self._began
            self.close(*(TIMED_OUT if took >= self.target.connect_timeout else UNREACHABLE))
        self._go_on()

    def received(self, message: str | bytes) -> None:
        """Pass on a message of the upstream."""
        passed = self._fitted(message, self.info.transport == "rawwebsocket")
        if passed is not None:
            self.send(passed)

    def _fitted(self, message: str | bytes, takes_bytes: bool) -> str | bytes | None:
        """Return a message in a form for the other side; None if there is none, which ends both."""
        if isinstance(message, str) or takes_bytes:
            return message
        text = as_text(message, self.target.fallback_encoding)
        if text is None:
            self.close(*NOT_TEXT)
        return text

    def ended(self, reason: Exception) -> None:
        """Close the browser's session in the same way as the upstream."""
        self._upstream = None
        if not self.is_closed:
            told = told_of(reason)
            if told == UPSTREAM_LOST:
                _log.warn(
                    "{name} lost the session of {ip}: {why}",
                    ip=self.info.ip,
                    name=self.target.name,
                    why=str(reason),
                )
            self.unregister_producer()
            self.close(*told)
        self._go_on()

    # -- the browser's messages

    def _pass(self, message: str | bytes) -> None:
        upstream = self._upstream
        if upstream is None:
            return
        passed = self._fitted(message, self.target.takes_bytes)
        if passed is not None:
            upstream.send(passed)

    async def _pass_later(self, message: str | bytes) -> None:
        while self._waits:
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._pass(message)

    def _go_on(self) -> None:
        self._waits = False
        if self._waiting is not None:
            self._waiting.callback(None)

    def _reason(self) -> tuple[int, str]:
        code, reason = self.close_reason or LEFT
        if code == _NO_CODE:
            return 1000, ""
        # A session that broke off is closed with 1002, but the upstream did nothing wrong.
        return (code, reason) if is_close_code(code) and code != 1002 else LEFT

    # -- IPushProducer: tells whether the upstream reads

    def pauseProducing(self) -> None:
        """Make the browser wait."""
        self._waits = True

    def resumeProducing(self) -> None:
        """Let the browser go on."""
        self._go_on()

    def stopProducing(self) -> None:
        """Do nothing: `ended` is called with the reason."""


@implementer(IPushProducer)
class Downstream:
    """The upstream as the producer of what the browser reads."""

    def __init__(self, upstream: Session) -> None:
        self._upstream = upstream

    def pauseProducing(self) -> None:
        """Make the upstream wait."""
        self._upstream.pause()

    def resumeProducing(self) -> None:
        """Let the upstream go on."""
        self._upstream.resume()

    def stopProducing(self) -> None:
        """Do nothing: `Bridge.on_close` closes the upstream."""


def told_of(reason: Exception) -> tuple[int, str]:
    """Return the code and reason to close a browser with after the upstream's end."""
    if isinstance(reason, (SessionClosed, SessionLost)) and reason.code != ABNORMAL:
        if reason.code == _NO_CODE:
            return 1000, ""
        try:
            check_reason(reason.code, reason.reason)
        except ValueError:
            return UPSTREAM_LOST
        return reason.code, reason.reason
    return UPSTREAM_LOST


def as_text(data: bytes, fallback_encoding: str | None) -> str | None:
    """Return a binary message as text; None if it can't be decoded."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if fallback_encoding is None:
            return None
        encoding = "utf-8" if fallback_encoding == REPLACE else fallback_encoding
        return data.decode(encoding, "replace")
