"""`RedisBus`: a node among those that share a broker.

Rules: channel names contain the prefix and the database, because publish and subscribe ignore
databases. Each message is in an `Envelope`. While Redis is away, output waits: claims in `Claims`,
messages in their links, publications in `Channels`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from ..bus import LEASE, MEMORY, RENEWAL, Bus, Owner, Subscriber
from ..links import Links
from .channels import Channels
from .claims import Claims
from .connection import Connection
from .envelope import Envelope
from .leases import Leases
from .scripts import ALL
from .url import RedisURL

# How many seconds a stopping node waits for Redis to take back its lease and claims.
_PATIENCE = 2.0
# The messages to all other nodes: this node is alive; it has claimed its keys again; it stops.
_HELLO, _CLAIMED, _GOODBYE = b"hello", b"claimed", b"goodbye"


class RedisBus(Bus):
    """One node's end of a bus over Redis.

    ``url`` is described in `RedisURL`; a wrong one raises `SettingsError`. With a ``secret``, each
    message is signed, and messages not signed with the same secret are dropped. ``lease``,
    ``renewal`` and ``memory`` are in seconds; only tests shorten them.
    """

    def __init__(
        self,
        url: str,
        reactor: Any,  # to type checkers, the global one is a module
        secret: str | None = None,
        *,
        lease: float = LEASE,
        renewal: float = RENEWAL,
        memory: float = MEMORY,
    ) -> None:
        super().__init__()
        self.url = RedisURL.parse(url)
        self._reactor = reactor
        self._connection = Connection(self.url, reactor, self, ALL)
        self._envelope = Envelope(self.node, secret, self.counters)
        self._leases = Leases(
            self.node,
            reactor,
            self._connection,
            (lease, renewal),
            self._renewed,
            self.broker_lost,
            self._slept,
        )
        self._claims = Claims(
            self.node,
            reactor,
            self._connection,
            (lease, renewal, memory),
            (self._leases.key, self._leases.returning),
            lambda key: self.tell("taken", key),
        )
        self._links = Links(self, reactor, self._post)
        self._leases.watch(lambda: self._links)
        self._of_node = f"{self.url.channels}@node:{{}}".format
        self._everybody = f"{self.url.channels}@nodes".encode()
        self._own = self._of_node(self.node).encode()
        self._channels = Channels(self._connection, self._envelope, self.counters)
        self._started: Deferred[None] | None = None
        self._stopped = False

    # -- the life of a node

    def start(self) -> Deferred[None]:
        """Become a node; fires once Redis is reached."""
        self._started = Deferred()
        self._connection.start()
        return self._started

    def stop(self) -> Deferred[None]:
        """Give up all claims and the lease; waits two seconds for that at most."""
        if self._stopped:
            return succeed(None)
        self._stopped = True
        self._leases.stop()
        self._links.stop()
        given_back = self._claims.stop()
        if self.connected:
            given_back.addTimeout(_PATIENCE, self._reactor)
            given_back.addErrback(lambda _: None)
            self._connection.call(None, b"ZREM", self._leases.key, self.node.encode())
            self._say(self._everybody, _GOODBYE)
        self.connected = False
        return given_back.addCallback(lambda _: self._connection.stop())

    @property
    def nodes(self) -> frozenset[str]:
        """The living nodes."""
        return self._leases.alive

    # -- told by the connection

    def broker_reached(self) -> None:
        """Subscribe, and become a node."""
        if self._stopped:
            return
        self._connection.tell(b"SUBSCRIBE", self._own, self._everybody)
        self._channels.subscribe_again()
        self._leases.renew()

    def broker_lost(self) -> None:
        """Wait: Redis is not connected or does not answer."""
        self._claims.lost()
        self._channels.lost()
        if self.connected:
            self.connected = False
            self.tell("away")

    def broker_failed(self, reason: str) -> None:
        """Do nothing: the connection has logged it."""

    def broker_ready(self) -> None:
        """Publish waiting publications."""
        self._channels.go_on()

    def broker_confirmed(self, channel: bytes) -> None:
        """Note that a subscription is active."""
        self._channels.confirmed(channel)

    def broker_said(self, channel: bytes, message: bytes) -> None:
        """Take a message for this node, or a publication."""
        opened = self._envelope.open(channel, message)
        if opened is None or self._stopped:
            return
        if channel != self._own and channel != self._everybody:
            name = self._channels.name(channel)
            if name is not None:
                self.deliver_publication(name, opened.data)
            return
        if opened.sender is None:
            self.counters["messages_invalid"] += 1
            return
        node = opened.sender.decode("ascii", "replace")
        if channel == self._own:
            self._links.take(node, opened.data)
        elif opened.data == _HELLO:
            self._leases.met(node)
        elif opened.data == _CLAIMED:
            self._leases.claimed(node)
        elif opened.data == _GOODBYE:
            if self._leases.left(node):
                self._links.lose(node)
        else:
            self.counters["messages_invalid"] += 1

    # -- told by the lease

    def _renewed(self, kept: bool, ended: list[str]) -> None:
        if self._stopped:
            return
        if not self.connected or not kept:
            self._be_a_node(kept)
        elif self.settled:
            self._claims.renew()
        else:
            self._check()
        for node in ended:
            self._links.lose(node)

    def _be_a_node(self, kept: bool) -> None:
        """Begin, or begin again: Redis was away, or took this node for lost."""
        again = self.reached and not self.connected
        self.connected = self.reached = True
        self._connection.works()
        self._say(self._everybody, _HELLO)
        if not kept:  # the others were told that it is lost, and messages under way may be
            for node in self._links:
                self._links.lose(node)
        self._check()
        self._links.resend()
        self._channels.reached()
        if again:
            self.tell("back")
        elif self._started is not None and not self._started.called:
            self._started.callback(None)

    def _check(self) -> None:
        self.settled = not self._claims
        self._claims.reached(self._settle)

    def _settle(self) -> None:
        self.settled = True
        self._say(self._everybody, _CLAIMED)
        self._leases.claimed(self.node)

    def _slept(self) -> None:
        """Give no answers for claims before they are known to hold."""
        if self._claims:
            self.settled = False

    # -- who owns what

    def claim(self, key: str) -> Deferred[Owner]:
        """Own a key unless another node does; fails with `BusError` if too many wait."""
        return self._claims.claim(key, self.settled)

    def find(self, key: str) -> Deferred[Owner | None]:
        """Fire with the owner of a key; fails with `BusError` if too many wait."""
        return self._claims.find(key, self.settled)

    def release(self, key: str) -> None:
        """Give up a claim."""
        self._claims.release(key)

    # -- to one node

    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to the listener on a port of a node."""
        if node in self._leases.gone:
            self._reactor.callLater(0, self._links.lose, node)
        else:
            self._links.send(node, port, data, urgent)

    def _post(self, node: str, packet: bytes) -> None:
        if self.connected:  # otherwise the link sends it again
            self._say(self._of_node(node).encode(), packet)

    def _say(self, channel: bytes, data: bytes) -> None:
        self._connection.publish(channel, self._envelope.close(channel, data))

    # -- to all subscribers

    def publish(self, channel: str, data: bytes) -> None:
        """Send to all other nodes that subscribe."""
        self._channels.publish(channel, data)

    def subscribe(self, channel: str, subscriber: Subscriber) -> Deferred[None]:
        """Call a subscriber with the publications of others; fires once they arrive."""
        self.subscriptions[channel] = subscriber
        return self._channels.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving a channel."""
        if self.subscriptions.pop(channel, None) is not None:
            self._channels.unsubscribe(channel)

    def subscribers(self, channel: str) -> Deferred[int]:
        """Fire with the number of nodes that subscribe; fails with `BusError` if too many wait."""
        return self._channels.count(channel)
