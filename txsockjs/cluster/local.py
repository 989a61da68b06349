"""`LocalBus`: the bus of the workers of one machine, with nothing to install.

The parent of the workers is the directory (`directory`), which each worker asks over its own
stream. Messages between workers go over a UNIX socket between each two, never through the parent.

Rules: a UNIX stream loses nothing, so its end is the end of a process. Sockets are in a folder that
only the workers' user can enter, with a new name for each life of a process. Of two processes, the
one whose name comes first connects.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory

from ..wire.named import named, read_named
from .bus import Bus, Owner, Subscriber
from .link import WINDOW
from .peer import PUBLICATION, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, Peer, PeerFactory
from .streams import Control


class LocalBus(Bus):
    """A worker's end of the bus.

    ``control`` is the descriptor of its stream to the directory, which this object takes over;
    ``folder`` is where the sockets are. ``told`` gets the parent's tables that are not about the
    bus; ``orphaned`` is called when the parent is gone.
    """

    def __init__(
        self,
        reactor: Any,
        control: int,
        folder: str,
        told: Any = None,
        orphaned: Any = None,
    ) -> None:
        super().__init__()
        self.reactor = reactor
        self._descriptor = control
        self._path = os.path.join(folder, self.node)
        self._parent_told = told
        self._orphaned = orphaned
        self._control = Control(reactor, self._told, self._directory_lost)
        self._started: Deferred[None] = Deferred()
        self._port: Any | None = None
        self._nodes: dict[str, str] = {}
        self._streams: set[Peer] = set()  # to all peers, those without a name yet included
        self._peers: dict[str, Peer] = {}
        # For nodes that are not connected yet: messages with their ports, and publications without
        # one.
        self._early: dict[str, list[tuple[str | None, bytes]]] = {}
        self._unpublished: list[tuple[str, bytes]] = []  # until the other nodes are known
        self._subscribers: dict[str, set[str]] = {}
        self._subscribing: dict[str, tuple[set[str], Deferred[None]]] = {}
        self._questions: dict[int, Deferred[Any]] = {}
        self._numbers = itertools.count()
        self._stopped = False

    # -- the life of a node

    def start(self) -> Deferred[None]:
        """Become a node."""
        # First, to notice the end of the parent even if the folder is gone with it.
        control = Factory.forProtocol(lambda: self._control)
        control.noisy = False
        self.reactor.adoptStreamConnection(self._descriptor, socket.AF_UNIX, control)
        os.close(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self._port = self.reactor.listenUNIX(self._path, PeerFactory(self), mode=0o600)
        self._control.say(do="join", node=self.node, path=self._path)
        return self._started

    def say(self, **table: object) -> None:
        """Send the parent a table that is not about the bus."""
        self._control.say(**table)

    def stop(self) -> Deferred[None]:
        """Stop being a node."""
        if self._stopped:
            return succeed(None)
        self._stopped = True
        if self._control.transport is not None:  # started
            self._control.say(do="leave")
            self._control.flush()
            self._control.transport.loseConnection()
        self.connected = False
        for peer in list(self._peers.values()):
            peer.leave()
        return succeed(None) if self._port is None else self._port.stopListening()

    @property
    def nodes(self) -> frozenset[str]:
        """The living nodes."""
        return frozenset(self._nodes)

    def _told(self, table: dict[str, Any]) -> None:
        if "answer" in table:
            question = self._questions.pop(table["answer"])
            owner = table["owner"]
            question.callback(None if owner is None else Owner(*owner))
        elif "nodes" in table:
            self._know(table["nodes"])
        elif self._parent_told is not None:
            self._parent_told(table)

    def _know(self, nodes: dict[str, str]) -> None:
        before, self._nodes = self._nodes, nodes
        for node in set(before) - set(nodes):
            peer = self._peers.get(node)
            if peer is None:
                self._lose(node)
            else:
                peer.transport.loseConnection()  # what it sent before its end is still read
        for node in set(nodes) - set(before):
            self._connect(node)
        if not self.reached:
            self.reached = self.connected = True
            unpublished, self._unpublished = self._unpublished, []
            for channel, data in unpublished:
                self.publish(channel, data)
            self._started.callback(None)

    def _directory_lost(self) -> None:
        self.connected = False
        if not self._stopped and self._orphaned is not None:
            self._orphaned()

    # -- who owns what

    def claim(self, key: str) -> Deferred[Owner]:
        """Own a key unless another node does."""
        return self._ask("claim", key)

    def find(self, key: str) -> Deferred[Owner | None]:
        """Fire with the owner of a key."""
        return self._ask("find", key)

    def release(self, key: str) -> None:
        """Give up a claim."""
        self._control.say(do="release", key=key)

    def _ask(self, what: str, key: str) -> Deferred[Any]:
        number = next(self._numbers)

        def cancelled(_: object) -> None:
            late: Deferred[object] = Deferred()
            self._questions[number] = late
            if what == "claim":
                late.addCallback(lambda _: self.release(key))

        answer: Deferred[Any] = Deferred(cancelled)
        self._questions[number] = answer
        self._control.say(do=what, number=number, key=key)
        return answer

    # -- peers

    def made(self, peer: Peer) -> list[str]:
        """Note a new stream, to be told of changes; return the channels that it is told now."""
        self._streams.add(peer)
        return list(self.subscriptions)

    def _connect(self, node: str) -> None:
        if self.node < node and node in self._nodes and not self._stopped:
            self.reactor.connectUNIX(self._nodes[node], PeerFactory(self))

    def greeted(self, peer: Peer, channels: list[str]) -> bool:
        """Note the name of a peer, and send what waited for it."""
        if peer.node in self._peers:
            return False
        self._peers[peer.node] = peer
        for channel in channels:
            self._subscribers.setdefault(channel, set()).add(peer.node)
        for port, data in self._early.pop(peer.node, ()):
            if port is None:
                peer.say(PUBLICATION, data, urgent=False)
            else:
                peer.send(port, data)
        for channel, (missing, _) in self._subscribing.items():
            if peer.node in missing:
                peer.say(SUBSCRIBE, channel.encode())
                if channel not in self.subscriptions:  # it only has to confirm that
                    peer.say(UNSUBSCRIBE, channel.encode())
        if self._stopped:
            peer.leave()
        return True

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        """Handle a string from a peer."""
        if kind == PUBLICATION:
            self.deliver_publication(*read_named(payload))
        elif kind == SUBSCRIBE:
            self._subscribers.setdefault(payload.decode(), set()).add(peer.node)
            peer.say(SUBSCRIBED, payload)
        elif kind == UNSUBSCRIBE:
            self._unsubscribed(peer.node, payload.decode())
        elif kind == SUBSCRIBED:
            self._confirmed(peer.node, payload.decode())
        else:
            raise ValueError(f"there is no kind {kind}")

    def ended(self, peer: Peer) -> None:
        """Note that a peer's stream ended."""
        self._streams.discard(peer)
        if self._peers.get(peer.node) is peer:
            del self._peers[peer.node]
            path = self._nodes.pop(peer.node, None)  # listeners must not take it for alive
            self._lose(peer.node)
            if path is not None:
                self._nodes[peer.node] = path  # until the directory reports its end
            self.reactor.callLater(0, self._connect, peer.node)  # in case it is still alive

    def _lose(self, node: str) -> None:
        self._early.pop(node, None)
        for channel in list(self._subscribers):
            self._unsubscribed(node, channel)
        for channel in list(self._subscribing):
            self._confirmed(node, channel)
        if not self._stopped:
            self.tell("lost", node)

    def send(self, node: str, port: str, data: bytes, urgent: bool = False) -> None:
        """Send to the listener on a port of a node."""
        peer = self._peers.get(node)
        if peer is not None:
            peer.send(port, data, urgent)
        elif node in self._nodes:
            self._early.setdefault(node, []).append((port, data))
        else:
            self.reactor.callLater(0, self.tell, "lost", node)

    # -- publications

    def publish(self, channel: str, data: bytes) -> None:
        """Send to all other nodes that subscribe."""
        if not self.reached:
            if sum([len(each) for _, each in self._unpublished]) + len(data) > WINDOW:
                self.counters["publications_dropped"] += 1
            else:
                self._unpublished.append((channel, data))
            return
        payload = named(channel, data)
        for node in self._subscribers.get(channel, ()):
            self._peers[node].say(PUBLICATION, payload, urgent=False)
        for node in self._nodes.keys() - self._peers.keys() - {self.node}:
            # Its subscriptions are not known yet.
            self._early.setdefault(node, []).append((None, payload))

    def subscribe(self, channel: str, subscriber: Subscriber) -> Deferred[None]:
        """Receive the publications of others."""
        self.subscriptions[channel] = subscriber
        done: Deferred[None] = Deferred()
        self._subscribing[channel] = ({*self._nodes, *self._peers} - {self.node}, done)
        for peer in self._streams:
            peer.say(SUBSCRIBE, channel.encode())
        self._confirmed("", channel)
        return done

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving a channel."""
        if self.subscriptions.pop(channel, None) is not None:
            for peer in self._streams:
                peer.say(UNSUBSCRIBE, channel.encode())

    def subscribers(self, channel: str) -> Deferred[int]:
        """Fire with the number of nodes that subscribe."""
        others = self._subscribers.get(channel, ())
        return succeed(len(others) + (channel in self.subscriptions))

    def _unsubscribed(self, node: str, channel: str) -> None:
        nodes = self._subscribers.get(channel)
        if nodes is not None:
            nodes.discard(node)
            if not nodes:
                del self._subscribers[channel]

    def _confirmed(self, node: str, channel: str) -> None:
        missing, done = self._subscribing.get(channel, (set(), None))
        missing.discard(node)
        if not missing and done is not None:
            del self._subscribing[channel]
            done.callback(None)
