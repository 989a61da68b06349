"""`ResumeServer`: the resumable sessions of one class on one router, by token.

Rules: a token is secret, compared in constant time, and replaced when used. Earlier tokens stay
valid until the client shows that it has a newer one, because answers may be lost and requests may
be late.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Protocol

from ...actors.info import ConnectionInfo
from ...errors import Overloaded
from ...wire.proto import Message
from ...wire.resumption import MESSAGE
from ..channel import ChannelServer

#: How many bytes, as limits count them, may be under way unacknowledged.
WINDOW = 64 * 1024
# A token is the name of its node, if there are others, a name, and a secret; in characters.
_NAME, _SECRET = 16, 32
# How many tokens may be sent to a client without proof that it has any of them.
_UNCONFIRMED = 8


def node_of(text: str) -> str:
    """Return the node of a token, or an empty string if there were no other nodes."""
    return text[: -_NAME - _SECRET]


class Token:
    """Proves that a session belongs to a client: a name, and a secret that changes."""

    __slots__ = ("_node", "_secrets", "name")

    def __init__(self, node: str = "") -> None:
        self._node = node
        self.name = secrets.token_urlsafe(_NAME)[:_NAME]
        # The last secret that the client certainly has, and later ones, which it may have.
        self._secrets = [secrets.token_urlsafe(24)]

    @property
    def text(self) -> str:
        """The token as the client gets it."""
        return self._node + self.name + self._secrets[-1]

    def renew(self) -> None:
        """Replace the secret."""
        del self._secrets[1 : 1 - _UNCONFIRMED]
        self._secrets.append(secrets.token_urlsafe(24))

    def confirm(self) -> None:
        """Note that the client has the present secret."""
        del self._secrets[:-1]

    def is_proved_by(self, text: str) -> bool:
        """Return whether this is the token, or an earlier valid one; older ones become invalid."""
        given = text[-_SECRET:].encode()
        equal = [hmac.compare_digest(given, each.encode()) for each in self._secrets]
        if True not in equal:
            return False
        del self._secrets[: equal.index(True)]
        return True


class TokenHolder(Protocol):
    """A resumable session, as its server sees it."""

    token: Token

    @property
    def session_id(self) -> str: ...
    @property
    def info(self) -> ConnectionInfo | None: ...


class ResumeServer(ChannelServer):
    """Stands in for a router, for the resumable sessions of one class."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._router: Any = router
        self._known: dict[str, Any] = {}
        #: How much may be under way to a client: the carrier has to hold that, too.
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

    def add(self, session: TokenHolder) -> Token:
        """Note a new session, and return its token."""
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
        """Raise a `RequestError` if the connection of ``info`` may not begin a new session.

        The router has admitted the connection; here, sessions that are away count, too.
        """
        router = self._router
        limit = self.settings.max_sessions
        if limit is not None and len(router.sessions) + len(self._suspended) > limit:
            raise Overloaded("max_sessions")
        if router.client_limits is not None:
            router.client_limits.check_away(info.ip)

    def suspend(self, session: TokenHolder) -> None:
        """Note that a session has no connection here."""
        self._suspended.add(session)
        limits = self._router.client_limits
        if limits is not None and session.info is not None:
            limits.left(session.session_id, session.info.ip)

    def resume(self, session: TokenHolder) -> None:
        """Note that a session has a connection here or is over."""
        self._suspended.discard(session)
        if self._router.client_limits is not None:
            self._router.client_limits.ended(session.session_id)

    def forget(self, session: TokenHolder) -> None:
        """Forget a session, so that nobody can come back to it."""
        self._known.pop(session.token.name, None)
        self.resume(session)
        self._router.leave(session)  # the router may have waited for it while closing

    def knows(self, session: TokenHolder) -> bool:
        """Return whether a session's client may come back."""
        return session.token.name in self._known

    def wrap(self, message: str) -> str:
        """Return the message in its envelope; for a broadcast, the same object, encoded once."""
        if type(message) is not Message:
            return MESSAGE + message
        if message is not self._last:
            self._last, self._wrapped = message, Message(MESSAGE + message)
        return self._wrapped
