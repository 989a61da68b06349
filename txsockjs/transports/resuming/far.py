"""`Far`: the way from a client's connection to its resumable session on another node.

Rules: the client gets a new session unless the owner answers in time; the owner's credit bounds
what is under way to it.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...actors.deadlines import Deadline
from ...actors.interfaces import Reason
from ...wire.limits import MESSAGE_COST
from .server import WINDOW

# How many seconds the owner has for its first answer.
_PATIENCE = 5.0


class ConnectionAtEdge(Protocol):
    """The connection of a client whose session is on another node."""

    @property
    def session(self) -> Any:
        """Its session."""

    def absent(self) -> None:
        """Begin a new session, because the one to resume is gone."""


class Far:
    """The way from a client's connection to its session on another node.

    ``say(kind, ...)`` sends a frame there; ``over`` is called at the end.
    """

    def __init__(
        self,
        edge: ConnectionAtEdge,
        node: str,
        say: Callable[..., object],
        over: Callable[[], object],
        reactor: IReactorTime,
    ) -> None:
        self.node = node
        self._edge = edge
        self._say = say
        self._forget = over
        self._credit = WINDOW
        self._waiter: Deferred[None] | None = None
        self._deadline: Deadline | None = Deadline(reactor, _PATIENCE, self.absent)

    def said(self, text: str) -> Deferred[None] | None:
        """Pass on a message of the client; return a Deferred if it has to wait."""
        self._say("said", text)
        self._credit -= len(text) + MESSAGE_COST
        if self._credit > 0:
            return None
        self._waiter = Deferred()
        return self._waiter

    def lost(self, reason: Reason | None) -> None:
        """Report that the client's connection is gone; ``reason`` is set if it was closed here."""
        if reason is not None:
            self._say("end", *reason)
        self._say("lost")
        self._over()

    # -- told by the owner

    def say(self, texts: list[str]) -> None:
        """Send messages of the session to the client."""
        self._be_answered()
        for text in texts:
            self._edge.session.send(text)

    def credited(self, size: int) -> None:
        """Let the client go on sending."""
        self._credit += size
        if self._credit > 0 and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.callback(None)

    def end(self, reason: Reason, cause: str) -> None:
        """End the client's connection; ``cause`` is one of `stats.CAUSES`."""
        self._over()
        self._edge.session.end(reason, cause)

    def absent(self) -> None:
        """Begin a new session here."""
        self._over()
        self._edge.absent()

    def _be_answered(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _over(self) -> None:
        self._be_answered()
        self._forget()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)
