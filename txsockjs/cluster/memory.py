"""`MemoryNetwork`: a broker and its nodes in one process, on a clock, with all faults of a network.

For our tests and those of applications. Calls replace the sockets of other buses; each takes
``delay`` seconds of the clock.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any, Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from .bus import LEASE, MEMORY, RENEWAL, Bus, Owner, Subscriber
from .link import WINDOW
from .links import Links


class MemoryNetwork:
    """The broker: living nodes, their claims and their subscriptions.

    ``fault`` is called for each packet between two nodes and returns how often it arrives (once by
    default); ``publication_lost`` is called for each publication to each node.
    """

    def __init__(
        self, clock: Any, delay: float = 0.0, lease: float = LEASE, renewal: float = RENEWAL
    ) -> None:
        self.clock = clock
        self.delay, self.lease, self.renewal = delay, lease, renewal
        self.leases: dict[str, float] = {}
        self.ended: set[str] = set()  # nodes whose lease others have seen end
        self.claims: dict[str, tuple[str, float]] = {}
        self.reachable: dict[str, MemoryBus] = {}
        self.fault: Callable[[], int] = lambda: 1
        self.publication_lost: Callable[[], bool] = lambda: False

    def bus(self) -> MemoryBus:
        """Make the bus of a new node; it becomes a node when the bus is started."""
        return MemoryBus(self)

    # -- faults

    def cut(self, bus: MemoryBus) -> None:
        """Cut a node off from the broker, and so from all others."""
        self.reachable.pop(bus.node, None)
        bus.cut_off()

    def heal(self, bus: MemoryBus) -> None:
        """Let a node reach the broker again."""
        self.reachable[bus.node] = bus
        bus.reconnect()

    def kill(self, bus: MemoryBus) -> None:
        """End a node's process: it sends and receives nothing more."""
        self.reachable.pop(bus.node, None)
        bus.die()

    def forget(self) -> None:
        """Restart the broker empty: all nodes lose it and reconnect a moment later."""
        nodes = list(self.reachable.values())
        for bus in nodes:
            self.cut(bus)
        self.leases.clear()
        self.claims.clear()
        for bus in nodes:  # as with Redis, nobody is lost who only comes back a moment later
            self.renew(bus.node)
        for bus in nodes:
            self.heal(bus)

    # -- requests of the nodes that reach it

    def renew(self, node: str) -> frozenset[str]:
        """Renew a lease, and return the living nodes."""
        now = self.clock.seconds()
        self.leases[node] = now + self.lease
        self.ended.update([other for other, end in self.leases.items() if end <= now])
        self.leases = {other: end for other, end in self.leases.items() if end > now}
        return frozenset(self.leases)

    def owner(self, key: str) -> Owner | None:
        """Return the owner of a key."""
        node, end = self.claims.get(key, ("", 0.0))
        now = self.clock.seconds()
        if end <= now:
            self.claims.pop(key, None)
            return None
        return Owner(node, self.leases.get(node, 0.0) > now)

    def claim(self, key: str, node: str) -> Owner:
        """Make a node the owner of a key, unless another one is."""
        owner = self.owner(key)
        if owner is None or owner.node == node:
            self.claims[key] = (node, self.clock.seconds() + LEASE + 2 * MEMORY)
            owner = Owner(node, True)
        return owner

    def carry(self, sender: str, node: str, packet: bytes) -> None:
        """Carry a packet between two nodes that reach the broker."""
        for _ in range(self.fault()):
            self.clock.callLater(self.delay, self._deliver, sender, node, packet)

    def _deliver(self, sender: str, node: str, packet: bytes) -> None:
        bus = self.reachable.get(node)
        if bus is not None:
            bus.links.take(sender, packet)

    def spread(self, sender: str, channel: str, data: bytes) -> None:
        """Carry a publication to all subscribers."""
        for bus in list(self.reachable.values()):
            if bus.node != sender and channel in bus.subscribed and not self.publication_lost():
                self.clock.callLater(self.delay, bus.deliver_publication, channel, data)


class MemoryBus(Bus):
    """A node's end of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__()
        self.network = network
        self.links = Links(self, network.clock, self._post)
        self.subscribed: set[str] = set()  # as the broker knows
        self._started: Deferred[None] | None = None
        self._alive: frozenset[str] = frozenset()
        self._claimed: set[str] = set()
        self._tick: IDelayedCall | None = None
        self._waiting: list[Callable[[], object]] = []
        self._publications: deque[tuple[str, bytes]] = deque()
        self._stopped = False

    # -- the life of a node

    def start(self) -> Deferred[None]:
        """Become a node."""
        self._started = Deferred()
        self.network.clock.callLater(self.network.delay, self.network.heal, self)
        return self._started

    def stop(self) -> Deferred[None]:
        """Stop being a node."""
        if self.connected:
            for key in list(self._claimed):
                self.release(key)
            self.network.leases.pop(self.node, None)
        self.network.kill(self)
        return succeed(None)

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes known to be alive."""
        return self._alive

    def die(self) -> None:
        """Stop doing anything."""
        self._stopped = True
        self.connected = False
        self.links.stop()
        if self._tick is not None and self._tick.active():
            self._tick.cancel()

    def cut_off(self) -> None:
        """Notice that the broker can't be reached."""
        if self.connected:
            self.connected = False
            self.subscribed.clear()
            self.tell("away")

    def reconnect(self) -> None:
        """Notice that it can."""
        if self._stopped or self.connected:
            return
        first, self.reached, self.connected = not self.reached, True, True
        self.subscribed.update(self.subscriptions)
        self.settled = not self._claimed
        self._renew()
        if self.node in self.network.ended:  # the others were told that it is lost
            self.network.ended.discard(self.node)
            for node in self.links:
                self.links.lose(node)
        self.links.resend()
        waiting, self._waiting = self._waiting, []
        for ask in waiting:
            self._later(ask)
        while self._publications:
            self.network.spread(self.node, *self._publications.popleft())
        self._later(self._settle)
        if not first:
            self.tell("back")
        elif self._started is not None:
            self._started.callback(None)

    def _renew(self) -> None:
        """Renew the lease, and see which other nodes are alive."""
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        self._tick = self.network.clock.callLater(self.network.renewal, self._renew)
        if not self.connected:
            return
        before, self._alive = self._alive, self.network.renew(self.node)
        for node in (before | set(self.links)) - self._alive:
            self.links.lose(node)

    def _settle(self) -> None:
        """Claim all keys again, because they may have been forgotten or taken."""
        for key in list(self._claimed):
            if self.network.claim(key, self.node).node != self.node:
                self._claimed.discard(key)
                self.tell("taken", key)
        self.settled = True

    # -- who owns what

    def claim(self, key: str) -> Deferred[Owner]:
        """Own a key unless another node does."""

        def ask() -> Owner:
            owner = self.network.claim(key, self.node)
            if owner.node == self.node:
                self._claimed.add(key)
            return owner

        return self._ask(ask, lambda: self.release(key))

    def find(self, key: str) -> Deferred[Owner | None]:
        """Fire with the owner of a key."""
        return self._ask(lambda: self.network.owner(key))

    def release(self, key: str) -> None:
        """Give up a claim."""
        if key in self._claimed:
            self._claimed.discard(key)
            owner = self.network.owner(key)
            if self.connected and owner is not None and owner.node == self.node:
                del self.network.claims[key]

    def _ask(
        self, question: Callable[[], object], forget: Callable[[], object] = lambda: None
    ) -> Deferred[Any]:
        cancelled: list[bool] = []
        answer: Deferred[Any] = Deferred(lambda _: cancelled.append(True))

        def ask() -> None:
            if not cancelled:
                self._later(partial(tell, question()))

        def tell(found: object) -> None:
            if cancelled:
                forget()
            else:
                answer.callback(found)

        self._later(ask)
        return answer

    def _later(self, call: Callable[[], object]) -> None:
        self.network.clock.callLater(self.network.delay, self._now, call)

    def _now(self, call: Callable[[], object]) -> None:
        if self.connected:
            call()
        elif not self._stopped:
            self._waiting.append(call)

    # -- to other nodes

    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to the listener on a port of a node."""
        self.links.send(node, port, data, urgent)

    def _post(self, node: str, packet: bytes) -> None:
        if self.connected:
            self.network.carry(self.node, node, packet)

    def publish(self, channel: str, data: bytes) -> None:
        """Send to all other nodes that subscribe."""
        if self.connected:
            self.network.spread(self.node, channel, data)
        elif sum(len(each) for _, each in self._publications) + len(data) > WINDOW:
            self.counters["publications_dropped"] += 1
        else:
            self._publications.append((channel, data))

    def subscribe(self, channel: str, subscriber: Subscriber) -> Deferred[None]:
        """Receive the publications of others."""
        self.subscriptions[channel] = subscriber
        return self._ask(lambda: self.subscribed.update({channel} & set(self.subscriptions)))

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving a channel."""
        self.subscriptions.pop(channel, None)
        self.subscribed.discard(channel)

    def subscribers(self, channel: str) -> Deferred[int]:
        """Fire with the number of nodes that subscribe."""
        return self._ask(
            lambda: sum(channel in bus.subscribed for bus in self.network.reachable.values())
        )
