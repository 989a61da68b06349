"""`Visitor`: a client on another node, whose resumable session is here.

Rules: it stands in for the session of the client's connection. Messages that its session sends in a
turn go together. The client's messages give back their credit once the application took them.
"""

from __future__ import annotations

from typing import Any, Callable

from ...actors.info import ConnectionInfo
from ...actors.interfaces import Reason
from ...http.addresses import address_of, host_and_port
from ...wire.limits import MESSAGE_COST
from ...wire.resumption import Refused, read
from .receiver import ResumedReceiver
from .server import WINDOW
from .session import ResumableSession


class Visitor:
    """A client on another node, whose connection carries a session here.

    ``say(kind, ...)`` sends a frame there; ``over`` is called at the end; ``info`` is the
    connection's request, as `described` returns it.
    """

    def __init__(
        self,
        say: Callable[..., object],
        over: Callable[[], object],
        session: ResumableSession,
        info: dict[str, Any],
    ) -> None:
        self.info: ConnectionInfo | None = _info(info)
        self.transport: str = info["transport"]
        self._say = say
        self._forget = over
        self._carried = session
        self._receiver = ResumedReceiver(self, session, here=False)
        self._texts: list[str] = []
        self._taken = 0

    def begin(self, received: int) -> None:
        """Go on with the session."""
        try:
            self._carried.resume(self._receiver, received)
        except Refused as refused:
            self._refuse(refused)

    def said(self, text: str) -> None:
        """Handle a message of the client."""
        try:
            later = self._receiver.take(read(text))
        except Refused as refused:
            self._refuse(refused)
            return
        size = len(text) + MESSAGE_COST
        if later is None:
            self._give_leave(size)
        else:
            # A failure means that the session ended, and then nobody waits.
            later.addCallbacks(lambda _: self._give_leave(size), lambda _: None)

    def lost(self) -> None:
        """Note that the client's connection is gone."""
        self._forget()
        self._carried.carrier_lost(self._receiver)

    def ended(self, reason: Reason) -> None:
        """End the session, because its connection was closed on the other node."""
        self._carried.end(reason)

    def _give_leave(self, size: int) -> None:
        self._taken += size
        if self._taken > WINDOW // 2:
            self._say("room", self._taken)
            self._taken = 0

    def _refuse(self, refused: Refused) -> None:
        self.end(refused.reason, refused.cause)
        self._carried.carrier_lost(self._receiver)

    # -- as the session of the connection

    def send(self, text: str) -> None:
        """Send a message to the client, together with others of this turn."""
        self.send_all([text])

    def send_all(self, texts: list[str]) -> None:
        """Send several messages to the client."""
        is_first = not self._texts
        self._texts += map(str, texts)
        if is_first:
            self._carried.server.scheduler.flush(self._flush)  # now, if no turn is running

    def _flush(self) -> None:
        texts, self._texts = self._texts, []
        if texts:
            self._say("say", texts)

    def end(self, reason: Reason, cause: str) -> None:
        """End the connection."""
        self._flush()
        self._say("close", *reason, cause)
        self._forget()

    def abort(self) -> None:
        """Do nothing more, because the connection was ended."""


def described(info: ConnectionInfo) -> dict[str, object]:
    """Describe a request to another node."""
    return {
        "ip": info.ip,
        "headers": dict(info.headers),
        "path": info.path,
        "transport": info.transport,
        "origin": info.origin,
        "is_secure": info.is_secure,
        "port": info.port,
        "server": host_and_port(info.server_address),
        "query": info._query.decode("latin-1"),
        "subprotocol": info.subprotocol,
    }


def _info(described: dict[str, Any]) -> ConnectionInfo:
    values = dict(described)
    host, port = values.pop("server")
    values["server_address"] = address_of(host, port) if host else None
    values["query"] = values["query"].encode("latin-1")
    return ConnectionInfo(cookies=None, arguments=None, **values)
