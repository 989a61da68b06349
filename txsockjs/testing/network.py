"""`Connection`: a client's end of one HTTP connection to a site or a resource, in memory.

What the server sends can be read whole (``received``) or as it arrives (``take``, ``reader``).
`Transport` is the server's end, which also simulates network faults.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Site


def _nothing(*arguments: object) -> None:
    pass


class Transport(StringTransportWithDisconnection):
    """A transport whose peer may read slowly, vanish, or be aborted by the server.

    ``reader`` is called with what the server writes, ``lost`` when it ends the connection, and
    ``resumed`` when it reads again.
    """

    aborted = False
    slow = False
    protocol: IProtocol
    producer: Any

    def __init__(self, clock: Clock, ip: str) -> None:
        kind = IPv6Address if ":" in ip else IPv4Address
        super().__init__(peerAddress=kind("TCP", ip, 4711))
        self._clock = clock
        self._patience: float | None = None
        self._timeout: IDelayedCall | None = None
        self.reader: Callable[[bytes], object] = _nothing
        self.lost: Callable[[], object] = _nothing
        self.resumed: Callable[[], object] = _nothing

    # -- called by the server

    def write(self, data: bytes) -> None:
        """Send."""
        if self._patience is not None:
            if self._timeout is None:
                self._timeout = self._clock.callLater(self._patience, self._time_out)
            return
        super().write(data)
        if self.slow and self.producer is not None:
            self.producer.pauseProducing()
        self.reader(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send all of these together."""
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer at once if the peer does not read."""
        super().registerProducer(producer, streaming)
        if self.slow:
            producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        super().resumeProducing()
        self.resumed()

    def loseConnection(self) -> None:
        """End the connection."""
        if self.connected:
            self.end(ConnectionDone())
            self.lost()

    def abortConnection(self) -> None:
        """Drop the connection."""
        self.aborted = True
        if self.connected:
            self.end(ConnectionLost())
            self.lost()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: there are no packets here."""

    # -- called by the client

    def drain(self) -> None:
        """Make the peer read again."""
        self.slow = False
        if self.producer is not None:
            self.producer.resumeProducing()

    def half_open(self, patience: float) -> None:
        """Make the peer vanish without ending the connection.

        From now on everything written is lost. ``patience`` seconds after the first write the
        connection ends, as the kernel ends one whose peer acknowledges nothing.
        """
        self._patience = patience

    def end(self, reason: Exception) -> None:
        """Tell the server that the connection is lost."""
        if self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            timeout.cancel()
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(reason))

    def _time_out(self) -> None:
        self._timeout = None
        self.end(TimeoutError())
        self.lost()


class Connection:
    """A connection from a client at the address ``peer`` to a site or a resource.

    A resource is served by a plain `twisted.web` site, without time-outs.
    """

    def __init__(self, served: Site | IResource, clock: Clock, peer: str = "192.0.2.1") -> None:
        if isinstance(served, Site):
            site = served
        else:
            site = Site(served, reactor=clock)
            site.timeOut = None
        self.transport = Transport(clock, peer)
        protocol: Any = site.buildProtocol(self.transport.getPeer())
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        self._read = 0

    @property
    def received(self) -> bytes:
        """Everything the server has sent."""
        return bytes(self.transport.value())

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        return bool(self.transport.connected)

    @property
    def status(self) -> int:
        """The status of the first response; 0 if there is none yet."""
        return int(self.received[9:12] or 0)

    @property
    def body(self) -> bytes:
        """The body of the only response, with its chunks joined."""
        head, _, body = self.received.partition(b"\r\n\r\n")
        return b"".join(chunks(body)) if b"chunked" in head.lower() else body

    def take(self) -> bytes:
        """Return the bytes received since the last call."""
        new = self.received[self._read :]
        self._read += len(new)
        return new

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.protocol.dataReceived(data)

    def vanish(self, reason: Exception | None = None) -> None:
        """End the connection; the server sees a clean end unless there is a ``reason``."""
        self.transport.end(reason or ConnectionDone())

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Connection:
        """Send a request; underscores in header names stand for hyphens."""
        lines = [f"{method} {path} HTTP/1.1", "Host: server.example"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return self

    def upgrade(self, path: str, **headers: str) -> Connection:
        """Send the request for a websocket."""
        wanted = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": base64.b64encode(b"0123456789abcdef").decode(),
        }
        return self.request("GET", path, b"", **{**wanted, **headers})

    def say(self, payload: bytes, opcode: int = 1) -> None:
        """Send a websocket frame; its mask is zero, so that the payload stays readable."""
        size = len(payload)
        if size < 126:
            length = bytes((0x80 | size,))
        elif size < 65536:
            length = bytes((0x80 | 126,)) + size.to_bytes(2, "big")
        else:
            length = bytes((0x80 | 127,)) + size.to_bytes(8, "big")
        self.send(bytes((0x80 | opcode,)) + length + b"\0\0\0\0" + payload)


def chunks(body: bytes) -> list[bytes]:
    """Return the chunks of a chunked body, without the last, empty one."""
    found = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        found.append(body[:length])
        body = body[length + 2 :]
    return [chunk for chunk in found if chunk]
