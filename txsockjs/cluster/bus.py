"""`Bus`: how nodes find each other and reach each other.

A node is a process that serves; its name, ``node``, is new at each start, so that nothing meant for
one life of a process reaches the next. Implementations: `memory` for tests, `local` for the workers
of one machine, `redis` for machines that share a broker.

Rules: a message to a node comes in order and once, or both ends are told that the other is lost; a
publication comes in order for each publisher and at most once; nobody is called from inside a call
to the bus; all in the reactor's thread. What waits for a bus that is away is bounded by whoever
waits.
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

# In seconds: how often a node says that it lives, and how long its word holds.
RENEWAL = 2.0
LEASE = 7.0
# How long a claim outlives the lease of the node that made it: whoever asks meanwhile is told that
# the node is gone, rather than that there never was such a session.
MEMORY = 60.0


class BusError(SockJSError):
    """What was asked of a bus got no answer, and waits no longer."""


class Owner(NamedTuple):
    """The node that claimed a key, and whether it lives."""

    node: str
    alive: bool


class PortListener(Protocol):
    """What a bus tells those that listen on a port of it."""

    def received(self, node: str, data: bytes) -> None:
        """Take what the listener on the same port of another node sent."""

    def lost(self, node: str) -> None:
        """Note that a node ended, or has to be taken for it: what was sent may not have come."""

    def away(self) -> None:
        """Note that the bus can't be reached; what is sent meanwhile waits."""

    def back(self) -> None:
        """Note that the bus can be reached again, and subscriptions hold.

        Some publications are missing. Nodes that ended meanwhile are told `lost` before.
        """

    def taken(self, key: str) -> None:
        """Note that another node owns a key that was claimed here before the bus was away."""


class Bus(ABC):
    """One node's end of a bus.

    ``connected`` is whether the bus can be reached now, ``reached`` whether it ever was.
    `settled` is false while it is not known whether this node's claims still hold, as after a sleep
    that was longer than its lease; an implementation sets it. ``counters`` counts what happens.
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
        """Have ``listener`` told what is sent to ``port``, and what becomes of other nodes.

        Raises `ValueError` if somebody listens there already.
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

    # -- for implementations; what a listener raises is logged and goes no further

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
        """Pass a publication to who subscribes."""
        subscriber = self.subscriptions.get(channel)
        if subscriber is not None:
            try:
                subscriber(data)
            except BaseException:  # noqa: BLE001
                _log.failure("a publication to {channel} could not be handled", channel=channel)

    # -- the life of a node

    @abstractmethod
    def start(self) -> Deferred[None]:
        """Become a node; fires once the bus was reached, which is tried until `stop`."""

    @abstractmethod
    def stop(self) -> Deferred[None]:
        """Stop being a node: give back the lease and all claims; fires when that is done."""

    @property
    @abstractmethod
    def nodes(self) -> frozenset[str]:
        """The nodes that live, as far as is known here; this one included once it is one."""

    # -- who owns what

    @abstractmethod
    def claim(self, key: str) -> Deferred[Owner]:
        """Own ``key`` if nobody does; fires with its owner, which may be a node that ended.

        A claim is renewed until `release`. While the bus is away the Deferred waits; cancel it to
        stop waiting. If the answer to a cancelled claim comes after all, the key is released.
        """

    @abstractmethod
    def find(self, key: str) -> Deferred[Owner | None]:
        """Fire with the owner of ``key``, or None; waits, and may be cancelled, as in `claim`."""

    @abstractmethod
    def release(self, key: str) -> None:
        """Give up a claim; nothing happens if the key is not this node's."""

    # -- to one node

    @abstractmethod
    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to the listener on ``port`` of a node.

        At most 1 MiB is under way to a node; the rest waits for it to be acknowledged, unless it is
        ``urgent``: short, and what others wait for. If the node is lost, or lost already, its
        listeners here are told and the data is dropped.
        """

    # -- to all that want it

    @abstractmethod
    def publish(self, channel: str, data: bytes) -> None:
        """Send to all other nodes that subscribe to ``channel``.

        While the bus is away publications wait, up to 1 MiB; more are dropped and counted.
        """

    @abstractmethod
    def subscribe(self, channel: str, subscriber: Subscriber) -> Deferred[None]:
        """Have ``subscriber`` called with the publications of others; fires when they come."""

    @abstractmethod
    def unsubscribe(self, channel: str) -> None:
        """Receive nothing more of a channel."""

    @abstractmethod
    def subscribers(self, channel: str) -> Deferred[int]:
        """Fire with the number of nodes that subscribe to a channel, this one included."""
