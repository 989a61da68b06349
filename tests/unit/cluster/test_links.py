"""The links of a node: to whom, and for which port."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txsockjs.cluster.links import Links
from txsockjs.cluster.memory import MemoryNetwork


def test_links_bring_messages_to_their_ports() -> None:
    network = MemoryNetwork(Clock())
    bus = network.bus()
    posted: list[tuple[str, bytes]] = []
    links = Links(bus, network.clock, lambda node, packet: posted.append((node, packet)))

    class Heard:
        def __init__(self) -> None:
            self.messages: list[tuple[str, bytes]] = []

        def received(self, node: str, data: bytes) -> None:
            self.messages.append((node, data))
            raise RuntimeError("must be logged")

    heard: Any = Heard()
    bus.listen("port", heard)
    links.send("other", "port", b"one")
    links.send("other", "nobody's", b"two")
    network.clock.advance(0)
    ((node, packet),) = posted
    assert node == "other"
    links.take("other", packet)
    links.stop()
    assert heard.messages == [("other", b"one")]
    assert bus.counters["messages_unwanted"] == 1
