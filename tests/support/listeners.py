"""Who listens on a bus, and keeps what it is told."""

from __future__ import annotations


class Heard:
    """A listener: messages, nodes that were lost, and in order whatever else it is told."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.ended: list[str] = []
        self.told: list[str] = []

    def received(self, node: str, data: bytes) -> None:
        self.messages.append((node, data))

    def lost(self, node: str) -> None:
        self.ended.append(node)

    def away(self) -> None:
        self.told.append("away")

    def back(self) -> None:
        self.told.append("back")

    def taken(self, key: str) -> None:
        self.told.append(f"taken {key}")
