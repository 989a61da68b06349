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
from typing import Any, Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.pace import Pace
from ..wire.named import read_named

_log = Logger()

VERSION = 1
# The largest string, in bytes: a publication is the largest there is.
_LONGEST = 16 * 1024 * 1024
_MOST_STRINGS = 256
# After so many the time of a turn is looked at.
_A_FEW = 8
# How many bytes are said at once; what is not urgent waits behind them.
_MOST_AT_ONCE = 256 * 1024

# What a peer says: who it is; a message; a publication; that it subscribes, or not any more; that
# it knows that this end does.
HELLO, MESSAGE, PUBLICATION, SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBED = range(6)

_LENGTH = struct.Struct("!I")


class Stream(Protocol):
    """A stream of strings, read in bounded turns; ``reactor`` is for the next turn.

    What is said in an iteration of the reactor leaves together.
    """

    reactor: Any
    transport: Any
    _rest = b""
    _next_turn: Any | None = None
    _flush_call: Any | None = None

    def connectionMade(self) -> None:
        self._unsent: list[bytes] = []

    def sendString(self, string: bytes) -> None:
        """Say a string."""
        self._unsent += (_LENGTH.pack(len(string)), string)
        if self._flush_call is None:
            self._flush_call = self.reactor.callLater(0, self.flush)

    def flush(self) -> None:
        """Send what was said."""
        if self._flush_call is not None:
            if self._flush_call.active():
                self._flush_call.cancel()
            self._flush_call = None
        if self._unsent:
            data, self._unsent = b"".join(self._unsent), []
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        """Take what came, or some of it."""
        if self._rest:
            data = self._rest + data
        if self._next_turn is not None:  # it is not read, but some may be on its way
            self._rest = data
        else:
            self._take_strings(data)

    def _take_strings(self, data: bytes) -> None:
        pace = Pace(_MOST_STRINGS)
        taken, begin = 0, _LENGTH.size
        while begin <= len(data):
            (length,) = _LENGTH.unpack_from(data, begin - _LENGTH.size)
            end = begin + length
            if end > len(data):
                if length > _LONGEST:
                    self._end(f"{length} bytes at once")
                    return
                break
            try:
                self.take(data[begin:end])
            except Exception:  # noqa: BLE001
                _log.failure("a stream between processes brought what is none")
                self._end("what is none")
                return
            begin = end + _LENGTH.size
            taken += 1
            if not taken % _A_FEW and not pace.may_go_on(_A_FEW):
                self.transport.pauseProducing()
                self._next_turn = self.reactor.callLater(0, self._go_on)
                break
        start = begin - _LENGTH.size
        self._rest = data[start:] if start else data

    def _go_on(self) -> None:
        self._next_turn = None
        data, self._rest = self._rest, b""
        self._take_strings(data)
        if self._next_turn is None:
            self.transport.resumeProducing()

    def _end(self, what: str) -> None:
        self._rest = b""
        _log.error("a stream between processes brought {what}, which ends it", what=what)
        self.transport.abortConnection()

    def take(self, string: bytes) -> None:
        """Do what a string says."""
        raise NotImplementedError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Leave no timer behind."""
        for call in (self._next_turn, self._flush_call):
            if call is not None and call.active():
                call.cancel()
        self._next_turn = self._flush_call = None
        self._unsent = []


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


class PeerOwner(Interface):
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

    def deliver(self, node: str, port: str, data: bytes) -> None:
        """Take a message."""

    def took(self, peer: Peer, kind: int, payload: bytes) -> None:
        """Take anything else that a peer says."""

    def ended(self, peer: Peer) -> None:
        """Note that a peer's stream ended."""


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
        self._size = 0  # of what was said in this iteration

    def connectionMade(self) -> None:
        """Say who this end is."""
        super().connectionMade()
        self.transport.registerProducer(_Output(self), True)
        hello = {"version": VERSION, "node": self._owner.node, "channels": self._owner.channels}
        self.say(HELLO, json.dumps(hello).encode())

    def take(self, string: bytes) -> None:
        """Take what the other end says; first, who it is."""
        kind = string[0]
        if self.node:
            if kind == MESSAGE:
                self._owner.deliver(self.node, *read_named(string, 1))
            else:
                self._owner.took(self, kind, string[1:])
            return
        payload = string[1:]
        hello = json.loads(payload)
        if kind != HELLO or hello["version"] != VERSION:
            raise ValueError(f"it speaks another version: {hello!r}")
        self.node = hello["node"]
        if not self._owner.greeted(self, hello["channels"]):
            self.transport.abortConnection()

    def say(self, kind: int, payload: bytes, urgent: bool = True) -> None:
        """Send a kind and its bytes; unless it is ``urgent``, once the other end reads."""
        string = bytes((kind,)) + payload
        if urgent or not (self._slow or self._waiting or self._size > _MOST_AT_ONCE):
            self._size += len(string)
            self.sendString(string)
        else:
            self._waiting.append(string)

    def set_slow(self, slow: bool) -> None:
        """Hold back what is not urgent, or send it."""
        self._slow = slow
        self._release()

    def flush(self) -> None:
        """Send what was said, and take some of what waits for the next time."""
        super().flush()
        self._size = 0
        self._release()

    def _release(self) -> None:
        while self._waiting and not self._slow and self._size <= _MOST_AT_ONCE:
            string = self._waiting.popleft()
            self._size += len(string)
            self.sendString(string)

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


class PeerFactory(ClientFactory):
    """Makes peers; that one can't be connected to is known to the directory, too."""

    noisy = False

    def __init__(self, owner: PeerOwner) -> None:
        self._owner = owner

    def buildProtocol(self, addr: Any) -> Any:
        return Peer(self._owner)
