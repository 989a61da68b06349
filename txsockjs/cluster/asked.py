"""`Asked`: a request that arrived at this node, and that another node may have to answer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred

from ..errors import RequestError
from ..http.exchange import Exchange
from .edge import Speaker

#: Serves a request on this node; the Deferred fails with the error to answer instead.
Here = Callable[[], "Deferred[None] | None"]


class Asker(Protocol):
    """Hears of the end of a request that was relayed without looking for its owner."""

    def answered(self, asked: Asked, found: bool) -> None:
        """Look for the owner of a request again, if the remembered one was wrong."""

    def refused(self, asked: Asked, error: RequestError) -> None:
        """Answer a request with an error."""


class Asked:
    """A request; for its ``asker``, also the `edge.Result` of one that is relayed at once.

    ``name`` is the last segment of its URL; ``speaker`` is None for a sender; ``look(asked)`` finds
    the node that answers; ``body`` is None until needed.
    """

    __slots__ = ("_asker", "body", "exchange", "here", "look", "name", "session_id", "speaker")

    def __init__(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        speaker: Speaker | None,
        here: Here,
        asker: Asker,
        look: Callable[[Asked], Coroutine[Any, Any, None]],
    ) -> None:
        self.exchange = exchange
        self.session_id = session_id
        self.name = name
        self.speaker = speaker
        self.here = here
        self.look = look
        self.body: bytes | None = None
        self._asker = asker

    def take_body(self) -> bytes:
        """Return the body of the request; it is kept here for the next node that is asked."""
        if self.body is None:
            self.body = self.exchange.take_body()
        return self.body

    def callback(self, found: bool) -> None:
        """Note whether the session was found."""
        self._asker.answered(self, found)

    def errback(self, error: RequestError) -> None:
        """Note the error to answer instead."""
        self._asker.refused(self, error)
