"""An ordinary protocol and its factory, which note what happens to them."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol


class Noting(Protocol):
    """Notes what happens to it, and does what a test told its factory to do."""

    factory: Any

    def connectionMade(self) -> None:
        self.factory.made.append(self)
        self.heard: list[bytes] = []
        self.lost: list[Any] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        if self.factory.react is not None:
            self.factory.react(self, data)

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason.value)


class NotingFactory(Factory):
    protocol = Noting

    def __init__(self) -> None:
        self.made: list[Noting] = []
        self.addresses: list[Any] = []
        self.react: Any = None

    def buildProtocol(self, addr: Any) -> Any:
        self.addresses.append(addr)
        return super().buildProtocol(addr)
