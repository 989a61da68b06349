"""`ResumeServer`: the resumable sessions of one class on one router, by their tokens.

Rules: a token is secret, compared in constant time, and replaced when it was used; those before
hold until the client shows that it has a newer one, as answers may be lost, or questions late.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from ...actors.info import ConnectionInfo
from ...errors import Overloaded
from ...wire.proto import Message
from ...wire.resumption import MESSAGE
from ..channel import ChannelServer

#: How many bytes may be under way without being acknowledged, as limits count them.
WINDOW = 64 * 1024
# A token is the name of its node, if there are others; a name; and a secret of so many characters.
_NAME, _SECRET = 16, 32
# How many tokens a client may have been told without having shown that it has any of them.
_UNCONFIRMED = 8


def node_of(text: str) -> str:
    """Return the node of a token, empty if it was alone."""
    return text[: -_NAME - _SECRET]


class Token:
    """What proves that a client is a session's: a name, and a secret that changes."""

    __slots__ = ("_node", "_secrets", "name")

    def __init__(self, node: str = "") -> None:
        self._node = node
        self.name = secrets.token_urlsafe(_NAME)[:_NAME]
        # The last one that the client had for certain, and those after it, which it may have.
        self._secrets = [secrets.token_urlsafe(24)]

    @property
    def text(self) -> str:
        """What the client is told."""
        return self._node + self.name + self._secrets[-1]

    def renew(self) -> None:
        """Replace the secret."""
        del self._secrets[1 : 1 - _UNCONFIRMED]
        self._secrets.append(secrets.token_urlsafe(24))

    def confirm(self) -> None:
        """Note that the client has the present one."""
        del self._secrets[:-1]

    def is_proved_by(self, text: str) -> bool:
        """Return whether it is the token, or an earlier one that holds; those before it end."""
        given = text[-_SECRET:].encode()
        equal = [hmac.compare_digest(given, each.encode()) for each in self._secrets]
        if True not in equal:
            return False
        del self._secrets[: equal.index(True)]
        return True


class ResumeServer(ChannelServer):
    """What resumable sessions of one class and one router need of a router."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._router: Any = router
        self._known: dict[str, Any] = {}
        #: How much may be under way to a client: what carries it has to hold that, too.
        self.window = min(WINDOW, self.settings.send_limit // 2)
        #: The way to the sessions of other nodes, if there are any.
        self.bridge: Any | None = None
        self._suspended: set[Any] = router.suspended
        self._node = "" if router.bus is None else router.bus.node
        self._last: Message | None = None
        self._wrapped = Message()

    def connect(self, bridge: Any) -> None:
        """Use this way to the sessions of other nodes."""
        self.bridge = bridge

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

    def admit(self, info: ConnectionInfo) -> None:
        """Raise a `RequestError` if there may be no new session over the connection of ``info``.

        The router admitted the connection; whoever is away has a place, too.
        """
        router = self._router
        limit = self.settings.max_sessions
        if limit is not None and len(router.sessions) + len(self._suspended) > limit:
            raise Overloaded("max_sessions")
        if router.client_limits is not None:
            router.client_limits.check_away(info.ip)

    def suspend(self, session: Any) -> None:
        """Note that a session has no connection here."""
        self._suspended.add(session)
        limits = self._router.client_limits
        if limits is not None and session.info is not None:
            limits.left(session.session_id, session.info.ip)

    def resume(self, session: Any) -> None:
        """Note that a session has a connection here, or is over."""
        self._suspended.discard(session)
        if self._router.client_limits is not None:
            self._router.client_limits.ended(session.session_id)

    def forget(self, session: Any) -> None:
        """Let nobody come back to a session."""
        self._known.pop(session.token.name, None)
        self.resume(session)
        self._router.leave(session)  # which may have waited for it to close

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
