"""`Peer`: the stream between two workers of one machine.

Rules: a string is a kind and raw bytes; the first one names the sender. Consecutive messages to one
port are one string, a bundle, because most of the cost is per string.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Any
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..wire.bundle import bundle, read_bundle
from ..wire.named import named, read_name
from .streams import Stream

VERSION = 2
# How many bytes are sent at once; messages that are not urgent wait behind them.
_MOST_AT_ONCE = 256 * 1024

# The most messages in a bundle: the receiver takes all of them before it looks at the clock. A
# message of more than this many bytes is the last one, because a bundle is read once it is
# complete.
_MOST_MESSAGES = 16
_LARGE = 4096

# The kinds of strings: the name of the peer; a bundle of messages to a port; a publication; that
# the peer subscribes; that it unsubscribes; that it knows of this end's subscription.
HELLO, MESSAGES, PUBLICATION, SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBED = range(6)
_A_BUNDLE = bytes((MESSAGES,))


class PeerOwner(Interface):
    """What a peer needs from its bus."""

    node: str
    reactor: IReactorTime

    def made(self, peer: Peer) -> list[str]:
        """Note a new stream, to be told of changes; return the channels that it is told now."""
        ...

    def greeted(self, peer: Peer, channels: list[str]) -> bool:
        """Note the name of a peer; return whether it may stay."""
        ...

    def deliver(self, node: str, port: str, messages: Sequence[bytes]) -> None:
        """Take messages."""

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        """Handle any other string from a peer."""

    def ended(self, peer: Peer) -> None:
        """Note that a peer's stream ended."""


class Peer(Stream):
    """The stream to another process; ``node`` is its name, empty until it is known.

    Messages that are not urgent wait here while the other end reads slowly.
    """

    def __init__(self, owner: PeerOwner) -> None:
        self.reactor = owner.reactor
        self.node = ""
        self._owner = owner
        # Messages with their ports, and other strings without one.
        self._waiting: deque[tuple[str | None, bytes]] = deque()
        self._port: str | None = None  # of the present bundle
        self._bundle: list[bytes] = []  # the messages of the present bundle
        self._slow = False
        self._size = 0  # of the strings sent in this iteration

    def connectionMade(self) -> None:
        """Send the name of this end."""
        super().connectionMade()
        self.transport.registerProducer(_Output(self), True)
        channels = self._owner.made(self)
        hello = {"version": VERSION, "node": self._owner.node, "channels": channels}
        self.say(HELLO, json.dumps(hello).encode())

    def take(self, string: bytes) -> int:
        """Handle a string from the other end; the first is its name."""
        kind = string[0]
        if self.node:
            if kind == MESSAGES:
                port, start = read_name(string, 1)
                messages = read_bundle(string, start)
                self._owner.deliver(self.node, port, messages)
                return len(messages)
            self._owner.took(self, kind, string[1:])
            return 1
        payload = string[1:]
        hello = json.loads(payload)
        if kind != HELLO or hello["version"] != VERSION:
            raise ValueError(f"it speaks another version: {hello!r}")
        self.node = hello["node"]
        if not self._owner.greeted(self, hello["channels"]):
            self.transport.abortConnection()
        return 1

    def say(self, kind: int, payload: bytes, urgent: bool = True) -> None:
        """Send a kind and its bytes; if not ``urgent``, wait until the other end reads."""
        string = bytes((kind,)) + payload
        if urgent or not (self._slow or self._waiting or self._size > _MOST_AT_ONCE):
            self._say(string)
        else:
            self._waiting.append((None, string))

    def send(self, port: str, message: bytes, urgent: bool = False) -> None:
        """Send a message to a port; if not ``urgent``, wait until the other end reads."""
        if urgent or not (self._slow or self._waiting or self._size > _MOST_AT_ONCE):
            self._add(port, message)
        else:
            self._waiting.append((port, message))

    def _say(self, string: bytes) -> None:
        self._end_bundle()
        self._size += len(string)
        self.sendString(string)

    def _add(self, port: str, message: bytes) -> None:
        """Add a message to the bundle, or to a new one."""
        if port != self._port or len(self._bundle) >= _MOST_MESSAGES:
            self._end_bundle()
            self._port = port
            self.flush_soon()
        self._bundle.append(message)
        size = len(message)
        self._size += size
        if size > _LARGE:
            self._end_bundle()

    def _end_bundle(self) -> None:
        messages, self._bundle = self._bundle, []
        port, self._port = self._port, None
        if port is not None:
            self.sendString(_A_BUNDLE + named(port, bundle(messages)))

    def set_slow(self, slow: bool) -> None:
        """Hold back messages that are not urgent, or send them."""
        self._slow = slow
        self._release()

    def flush(self) -> None:
        """Send everything said, and take some waiting messages for the next time."""
        self._end_bundle()
        super().flush()
        self._size = 0
        self._release()

    def _release(self) -> None:
        while self._waiting and not self._slow and self._size <= _MOST_AT_ONCE:
            port, data = self._waiting.popleft()
            if port is None:
                self._say(data)
            else:
                self._add(port, data)

    def leave(self) -> None:
        """Send everything said, and end the stream."""
        self.flush()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the bus."""
        super().connectionLost(reason)
        self._waiting.clear()
        self._bundle, self._port = [], None
        self._owner.ended(self)


@implementer(IPushProducer)
class _Output:
    """Hears from the transport whether the other end reads; not about reading on this end."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def pauseProducing(self) -> None:
        self._peer.set_slow(True)

    def resumeProducing(self) -> None:
        self._peer.set_slow(False)

    def stopProducing(self) -> None:
        self._peer.set_slow(True)


class PeerFactory(ClientFactory):
    """Makes peers; a failed connection needs no handling, as the directory knows who is alive."""

    noisy = False

    def __init__(self, owner: PeerOwner) -> None:
        self._owner = owner

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return Peer(self._owner)
