"""A client over real sockets that waits for what comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from txsockjs.client import SockJSClientEndpoint, SockJSClientProtocol

# For whatever is waited for, in seconds.
PATIENCE = 60


class Player(SockJSClientProtocol):
    """A client; ``over`` fires with the reason of its end."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.over: Deferred[Any] = Deferred()
        self.over.addTimeout(2 * PATIENCE, reactor)
        self._wanted: tuple[int, Deferred[None]] | None = None

    def on_message(self, message: str) -> None:
        self.messages.append(message)
        if self._wanted is not None and len(self.messages) >= self._wanted[0]:
            (_, waiting), self._wanted = self._wanted, None
            waiting.callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        if self._wanted is not None:
            self._wanted[1].errback(reason)
        self.over.callback(reason.value)

    async def echoes(self, texts: Sequence[str]) -> None:
        """Send these and get just these back."""
        waiting: Deferred[None] = Deferred()
        waiting.addTimeout(PATIENCE, reactor)
        self._wanted = len(texts), waiting
        for text in texts:
            self.send(text)
        await waiting
        assert self.messages == list(texts)
        self.messages.clear()


async def connected(url: str, **options: Any) -> Player:
    """Connect a client."""
    endpoint = SockJSClientEndpoint(reactor, url, **options)
    player: Any = await endpoint.connect(Factory.forProtocol(Player))
    return player
