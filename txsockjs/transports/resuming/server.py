"""`ResumeServer`: the resumable sessions of one class on one router, by their tokens.

Rules: a token is secret, compared in constant time, and replaced when it was used; the one before
holds until the client shows that it has the new one, as the answer that brings it may be lost.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from ...wire.proto import Message
from ...wire.resumption import MESSAGE
from ..channel import ChannelServer

# A token is the name of its node, if there are others; a name; and a secret of so many characters.
_NAME, _SECRET = 16, 32


def node_of(text: str) -> str:
    """Return the node of a token, empty if it was alone."""
    return text[: -_NAME - _SECRET]


class Token:
    """What proves that a client is a session's: a name, and a secret that changes."""

    __slots__ = ("_before", "_node", "_secret", "_shown", "name")

    def __init__(self, node: str = "") -> None:
        self._node = node
        self.name = secrets.token_urlsafe(_NAME)[:_NAME]
        self._secret = secrets.token_urlsafe(24)
        self._before: str | None = None  # while the client may not have the new one
        self._shown = self._secret  # the newest one that the client has for certain

    @property
    def text(self) -> str:
        """What the client is told."""
        return self._node + self.name + self._secret

    def renew(self) -> None:
        """Replace the secret."""
        self._before, self._secret = self._shown, secrets.token_urlsafe(24)

    def confirm(self) -> None:
        """Note that the client has the present one."""
        self._before, self._shown = None, self._secret

    def is_proved_by(self, text: str) -> bool:
        """Return whether this is the token, or the one before while that holds."""
        given = text[-_SECRET:].encode()
        now = hmac.compare_digest(given, self._secret.encode())
        before = hmac.compare_digest(given, (self._before or "").encode())
        if now:
            self._shown = self._secret
        elif before and self._before is not None:
            self._shown = self._before
        else:
            return False
        return True


class ResumeServer(ChannelServer):
    """What resumable sessions of one class and one router need of a router."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._known: dict[str, Any] = {}
        #: The way to the sessions of other nodes, if there are any.
        self.bridge: Any | None = None
        #: Those that wait for their client.
        self.suspended: set[Any] = router.suspended
        self._node = "" if router.bus is None else router.bus.node
        self._last: Message | None = None
        self._wrapped = Message()

    def add(self, session: Any) -> Token:
        """Note a session that begins, and return its token."""
        token = Token(self._node)
        self._known[token.name] = session
        return token

    def find(self, text: str) -> Any | None:
        """Return the session of a token."""
        if node_of(text) != self._node:
            return None
        session = self._known.get(text[-_NAME - _SECRET : -_SECRET])
        return session if session is not None and session.token.is_proved_by(text) else None

    def forget(self, session: Any) -> None:
        """Let nobody come back to a session."""
        self._known.pop(session.token.name, None)
        self.suspended.discard(session)

    def knows(self, session: Any) -> bool:
        """Return whether its client may come back."""
        return session.token.name in self._known

    def wrap(self, message: str) -> str:
        """Return what carries a message; for a broadcast the same object, encoded once."""
        if type(message) is not Message:
            return MESSAGE + message
        if message is not self._last:
            self._last, self._wrapped = message, Message(MESSAGE + message)
        return self._wrapped
