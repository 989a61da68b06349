"""`Links`: the links of a node to all others, for buses whose carrier may lose packets.

Rules: a link is made when first needed, and kept for the life of the node, because its numbers must
continue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

from twisted.internet.interfaces import IReactorTime

from .bus import Bus
from .link import Link


class Links:
    """The links of a node to all others, made when first needed.

    ``post`` passes a packet for a node to the carrier. Messages contain their port.
    """

    def __init__(self, bus: Bus, clock: IReactorTime, post: Callable[[str, bytes], object]) -> None:
        self._bus = bus
        self._clock = clock
        self._post = post
        self._links: dict[str, Link] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._links))

    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to a port of a node."""
        name = port.encode()
        self._of(node).send(bytes((len(name),)) + name + data, urgent)

    def take(self, node: str, packet: bytes) -> None:
        """Take a packet from a node."""
        self._of(node).take(packet)

    def lose(self, node: str) -> None:
        """Take a node for lost, and tell the listeners."""
        link = self._links.get(node)
        if link is not None:
            link.reset()
        self._bus.tell("lost", node)

    def resend(self) -> None:
        """Send unacknowledged messages again, because the carrier was away."""
        for link in list(self._links.values()):
            link.resend()

    def stop(self) -> None:
        """Leave no timer behind."""
        for link in self._links.values():
            link.stop()

    def _of(self, node: str) -> Link:
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = Link(
                self._clock,
                lambda packet: self._post(node, packet),
                lambda message: self._received(node, message),
                lambda: self._bus.tell("lost", node),
                self._bus.counters,
            )
        return link

    def _received(self, node: str, message: bytes) -> None:
        size = message[0] if message else 0
        port = message[1 : 1 + size].decode("utf-8", "replace")
        self._bus.deliver(node, port, (message[1 + size :],))
