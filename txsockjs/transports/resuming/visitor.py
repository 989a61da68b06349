"""`Visitor`: a client on another node, whose resumable session is here.

Rules: it stands for the session of the client's connection; what its session says in a turn goes
together; what the client said is given leave for once the application took it.
"""

from __future__ import annotations

from typing import Any, Callable

from ...actors.info import ConnectionInfo
from ...actors.interfaces import Reason
from ...cluster.remote import address_of, host_and_port
from ...wire.limits import MESSAGE_COST
from ...wire.resumption import Refused, read
from .receiver import ResumedReceiver
from .server import WINDOW
from .session import ResumableSession


class Visitor:
    """A client on another node: the connection that carries a session here, and its session.

    ``say(kind, ...)`` sends a frame there; ``over`` is called at the end; ``info`` is the request
    of the connection as `described` tells it.
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
        """Take what the client said."""
        try:
            later = self._receiver.take(read(text))
        except Refused as refused:
            self._refuse(refused)
            return
        size = len(text) + MESSAGE_COST
        if later is None:
            self._give_leave(size)
        else:
            # What fails is that the session ended, and nobody waits.
            later.addCallbacks(lambda _: self._give_leave(size), lambda _: None)

    def lost(self) -> None:
        """Note that its connection is gone."""
        self._forget()
        self._carried.carrier_lost(self._receiver)

    def ended(self, reason: Reason) -> None:
        """End its session, as its connection was closed at the other node for this reason."""
        self._carried.end(reason)

    def _give_leave(self, size: int) -> None:
        self._taken += size
        if self._taken > WINDOW // 2:
            self._say("room", self._taken)
            self._taken = 0

    def _refuse(self, refused: Refused) -> None:
        self.end(refused.reason, refused.cause)
        self._carried.carrier_lost(self._receiver)

    # -- as the session of its connection

    def send(self, text: str) -> None:
        """Say something to the client; what a turn says goes together."""
        self.send_all([text])

    def send_all(self, texts: list[str]) -> None:
        """Say several things to the client."""
        is_first = not self._texts
        self._texts += map(str, texts)
        if is_first:
            self._carried.server.scheduler.flush(self._flush)  # now, if no turn is running

    def _flush(self) -> None:
        texts, self._texts = self._texts, []
        if texts:
            self._say("say", texts)

    def end(self, reason: Reason, cause: str) -> None:
        """End its connection."""
        self._flush()
        self._say("close", *reason, cause)
        self._forget()

    def abort(self) -> None:
        """Do nothing more: its connection was ended."""


def described(info: ConnectionInfo) -> dict[str, Any]:
    """Return what another node is told of a request."""
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
