"""`Bus`: how nodes find and reach each other.

A node is a serving process. Its name, ``node``, is new at each start, so that no message meant for
one life of a process reaches the next. Implementations: `memory` for tests, `local` for the workers
of one machine, `redis` for machines that share a broker.

Rules: a message to a node arrives in order and exactly once, or both ends are told that the other
is lost. A publication arrives at most once, in order for each publisher. No callback runs inside a
call to the bus; everything runs in the reactor's thread. Those that wait for a bus that is away
bound what they keep.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Callable, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import SockJSError

_log = Logger()

#: Receives a publication.
Subscriber = Callable[[bytes], object]

# In seconds: how often a node renews its lease, and how long the lease holds.
RENEWAL = 2.0
LEASE = 7.0
# How many seconds a claim outlives its node's lease: those that ask meanwhile hear that the node is
# gone, rather than that there never was such a session.
MEMORY = 60.0


class BusError(SockJSError):
    """A request to a bus got no answer, and waits no longer."""


class Owner(NamedTuple):
    """The node that claimed a key, and whether it is alive."""

    node: str
    alive: bool


class PortListener(Protocol):
    """A listener on a port of a bus."""

    def received(self, node: str, data: bytes) -> None:
        """Handle a message from the listener on the same port of another node."""

    def lost(self, node: str) -> None:
        """Note that a node ended, or must be taken for ended: messages may not have arrived."""

    def away(self) -> None:
        """Note that the bus can't be reached; messages wait meanwhile."""

    def back(self) -> None:
        """Note that the bus can be reached again, and that subscriptions are active.

        Some publications are missing. For nodes that ended meanwhile, `lost` is called before this.
        """

    def taken(self, key: str) -> None:
        """Note that another node owns a key that this node had claimed before the bus was away."""


class Bus(ABC):
    """One node's end of a bus.

    ``connected`` is whether the bus can be reached now, ``reached`` whether it ever was. `settled`
    is false while it is unknown whether this node's claims still hold, as after a sleep longer than
    its lease; implementations set it. ``counters`` counts events.
    """

    def __init__(self) -> None:
        self.node = os.urandom(8).hex()
        self.connected = False
        self.reached = False
        self._settled = True
        self._held: list[Callable[[], object]] = []
        self.counters: Counter[str] = Counter()
        self.listeners: dict[str, PortListener] = {}
        self.subscriptions: dict[str, Subscriber] = {}

    def listen(self, port: str, listener: PortListener) -> None:
        """Call ``listener`` with messages to ``port``, and with the state of other nodes.

        Raises `ValueError` if there is a listener on this port already.
        """
        if port in self.listeners:
            raise ValueError(f"somebody listens on {port} of this bus already")
        self.listeners[port] = listener

    @property
    def settled(self) -> bool:
        """Whether this node's claims hold."""
        return self._settled

    @settled.setter
    def settled(self, settled: bool) -> None:
        self._settled = settled
        while self._held and self._settled:
            self._held.pop(0)()

    def when_settled(self, call: Callable[[], object]) -> None:
        """Call ``call`` once this node's claims hold: now, if they do."""
        if self._settled:
            call()
        else:
            self._held.append(call)

    # -- for implementations; exceptions of a listener are logged and go no further

    def deliver(self, node: str, port: str, messages: Sequence[bytes]) -> None:
        """Pass messages to the listener on their port."""
        listener = self.listeners.get(port)
        if listener is None:
            self.counters["messages_unwanted"] += len(messages)
            return
        for data in messages:
            try:
                listener.received(node, data)
            except BaseException:  # noqa: BLE001
                _log.failure("a message of {node} could not be handled", node=node)

    def tell(self, what: str, *arguments: str) -> None:
        """Call a method of every listener."""
        for listener in list(self.listeners.values()):
            try:
                getattr(listener, what)(*arguments)
            except BaseException:  # noqa: BLE001
                _log.failure("{listener!r} failed at {what}", listener=listener, what=what)

    def deliver_publication(self, channel: str, data: bytes) -> None:
        """Pass a publication to its subscriber."""
        subscriber = self.subscriptions.get(channel)
        if subscriber is not None:
            try:
                subscriber(data)
            except BaseException:  # noqa: BLE001
                _log.failure("a publication to {channel} could not be handled", channel=channel)

    # -- the life of a node

    @abstractmethod
    def start(self) -> Deferred[None]:
        """Become a node; fires once the bus is reached, which is tried until `stop`."""

    @abstractmethod
    def stop(self) -> Deferred[None]:
        """Stop being a node, and give up the lease and all claims; fires when that is done."""

    @property
    @abstractmethod
    def nodes(self) -> frozenset[str]:
        """The nodes known to be alive, this one included once it is a node."""

    # -- who owns what

    @abstractmethod
    def claim(self, key: str) -> Deferred[Owner]:
        """Own ``key`` unless another node does; fires with its owner, which may have ended.

        A claim is renewed until `release`. While the bus is away, the Deferred waits; cancel it to
        stop waiting. If the answer to a cancelled claim still comes, the key is released.
        """

    @abstractmethod
    def find(self, key: str) -> Deferred[Owner | None]:
        """Fire with the owner of ``key``, or None; waits and can be cancelled as in `claim`."""

    @abstractmethod
    def release(self, key: str) -> None:
        """Give up a claim; does nothing if this node does not own the key."""

    # -- to one node

    @abstractmethod
    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to the listener on ``port`` of a node.

        At most 1 MiB is under way to a node, and the rest waits for acknowledgements. ``urgent``
        messages, which are short and waited for, do not wait. If the node is lost, now or already,
        the listeners here are told, and the data is dropped.
        """

    # -- to all subscribers

    @abstractmethod
    def publish(self, channel: str, data: bytes) -> None:
        """Send to all other nodes that subscribe to ``channel``.

        While the bus is away, up to 1 MiB of publications wait; more are dropped and counted.
        """

    @abstractmethod
    def subscribe(self, channel: str, subscriber: Subscriber) -> Deferred[None]:
        """Call ``subscriber`` with the publications of others; fires once they arrive."""

    @abstractmethod
    def unsubscribe(self, channel: str) -> None:
        """Stop receiving a channel."""

    @abstractmethod
    def subscribers(self, channel: str) -> Deferred[int]:
        """Fire with the number of nodes that subscribe to a channel, this one included."""
