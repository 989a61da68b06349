"""Streams between the processes of one machine: `Control`, to the directory, and `Peer`.

Rules: strings after their length in four bytes; JSON, or a kind and raw bytes. A turn takes at most
`_MOST_STRINGS` of what one stream brings; the rest waits as the bytes it came in.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import struct
from collections import deque
from typing import Any, Callable, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.pace import Pace

_log = Logger()

VERSION = 1
# The largest string, in bytes: a publication is the largest there is.
_LONGEST = 16 * 1024 * 1024
_MOST_STRINGS = 256

# What a peer says: who it is; a message; a publication; that it subscribes, or not any more; that
# it knows that this end does.
HELLO, MESSAGE, PUBLICATION, SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBED = range(6)

_NAME = struct.Struct("!H")


class Stream(Int32StringReceiver):
    """A stream of strings, read in bounded turns; ``reactor`` is for the next turn."""

    MAX_LENGTH = _LONGEST
    reactor: Any
    transport: Any
    _pace: Pace | None = None
    _next_turn: Any | None = None

    def dataReceived(self, data: bytes) -> None:
        """Take what came, or some of it."""
        self._pace = Pace(_MOST_STRINGS)
        super().dataReceived(data)

    def stringReceived(self, string: bytes) -> None:
        """Take a string; whatever is wrong with it ends the stream."""
        try:
            self.take(string)
        except Exception:  # noqa: BLE001
            _log.failure("a stream between processes brought what is none")
            self.transport.abortConnection()
        if self._pace is not None and not self._pace.may_go_on() and self._next_turn is None:
            self.pauseProducing()
            self._next_turn = self.reactor.callLater(0, self._go_on)

    def take(self, string: bytes) -> None:
        """Do what a string says."""
        raise NotImplementedError

    def _go_on(self) -> None:
        self._next_turn = None
        self.resumeProducing()

    def lengthLimitExceeded(self, length: int) -> None:
        """End a stream that brings nonsense."""
        _log.error("a stream between processes brought {length} bytes at once", length=length)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Leave no timer behind."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None


class Control(Stream):
    """The stream between a process and the directory: tables in JSON, both ways."""

    def __init__(
        self, reactor: Any, told: Callable[[dict[str, Any]], object], ended: Callable[[], object]
    ) -> None:
        self.reactor = reactor
        self._told = told
        self._ended = ended

    def say(self, **table: Any) -> None:
        """Send a table."""
        if self.transport is not None and self.connected:
            self.sendString(json.dumps(table).encode())

    def take(self, string: bytes) -> None:
        """Take a table."""
        table = json.loads(string)
        if not isinstance(table, dict):
            raise ValueError(f"not a table: {table!r}")
        self._told(table)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell that the other end is gone."""
        super().connectionLost(reason)
        self._ended()


class PeerOwner(Protocol):
    """What a peer needs from its bus."""

    node: str
    reactor: Any

    @property
    def channels(self) -> list[str]:
        """The channels that this node subscribes to."""
        ...

    def greeted(self, peer: Peer, channels: list[str]) -> bool:
        """Note who a peer is; return whether it may stay."""
        ...

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        """Take what a peer says."""

    def ended(self, peer: Peer) -> None:
        """Note that a peer's stream ended."""


@implementer(IPushProducer)
class Peer(Stream):
    """The stream to another process; ``node`` is its name, empty before it said so.

    What is not urgent waits here while the other end reads more slowly than it is written to.
    """

    def __init__(self, owner: PeerOwner) -> None:
        self.reactor = owner.reactor
        self.node = ""
        self._owner = owner
        self._waiting: deque[bytes] = deque()
        self._slow = False

    def connectionMade(self) -> None:
        """Say who this end is."""
        super().connectionMade()
        self.transport.registerProducer(_Output(self), True)
        hello = {"version": VERSION, "node": self._owner.node, "channels": self._owner.channels}
        self.say(HELLO, json.dumps(hello).encode())

    def take(self, string: bytes) -> None:
        """Take what the other end says; first, who it is."""
        kind, payload = string[0], string[1:]
        if self.node:
            self._owner.took(self, kind, payload)
            return
        hello = json.loads(payload)
        if kind != HELLO or hello["version"] != VERSION:
            raise ValueError(f"it speaks another version: {hello!r}")
        self.node = hello["node"]
        if not self._owner.greeted(self, hello["channels"]):
            self.transport.abortConnection()

    def say(self, kind: int, payload: bytes, urgent: bool = True) -> None:
        """Send a kind and its bytes; unless it is ``urgent``, once the other end reads."""
        string = bytes((kind,)) + payload
        if urgent or not (self._slow or self._waiting):
            self.sendString(string)
        else:
            self._waiting.append(string)

    def set_slow(self, slow: bool) -> None:
        """Hold back what is not urgent, or send it."""
        self._slow = slow
        while self._waiting and not self._slow:
            self.sendString(self._waiting.popleft())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the bus."""
        super().connectionLost(reason)
        self._waiting.clear()
        self._owner.ended(self)


@implementer(IPushProducer)
class _Output:
    """The transport's word on whether the other end reads; reading this end's is another matter."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def pauseProducing(self) -> None:
        self._peer.set_slow(True)

    def resumeProducing(self) -> None:
        self._peer.set_slow(False)

    def stopProducing(self) -> None:
        self._peer.set_slow(True)


def named(name: str, data: bytes) -> bytes:
    """Return a name and bytes as one."""
    encoded = name.encode("utf-8", "surrogatepass")
    return _NAME.pack(len(encoded)) + encoded + data


def read_named(payload: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of `named`."""
    (size,) = _NAME.unpack_from(payload)
    end = _NAME.size + size
    return payload[_NAME.size : end].decode("utf-8", "surrogatepass"), payload[end:]
