"""A network in memory between `txsockjs.client` and a server, on one `Clock`.

Bytes arrive in the clock's next iteration. What a request asks for can be answered by the test
instead of the server, as a broken proxy or another server would.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Callable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txsockjs import SockJSRouter
from txsockjs.client import SockJSClientEndpoint, SockJSClientProtocol
from txsockjs.site import SockJSSite
from txsockjs.testing import Connection, advance, settle, start

from .memory import Echo

# What a test answers a request with: bytes, b"" for nothing yet, None to let the server answer.
Answer = Callable[[bytes], "bytes | None"]


def response(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def stream(*frames: bytes) -> bytes:
    """A response that does not end."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


def accepting(request: bytes, *frames: bytes, subprotocol: str | None = None) -> bytes:
    """The answer to a websocket's handshake, and frames after it."""
    (key,) = re.findall(rb"Sec-WebSocket-Key: (\S+)", request)
    # RFC 6455 section 1.3.
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode() + b"".join(frames)


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """The opcode and payload of each short frame that a client wrote."""
    frames = []
    while data:
        assert data[1] & 0x80, "a client's frame is masked"
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        mask, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
        frames.append((data[0] & 15, bytes(a ^ mask[i % 4] for i, a in enumerate(payload))))
        data = data[start + 4 + size :]
    return frames


class ClientEnd(StringTransport):
    """The client's end of a connection."""

    def __init__(self, network: Network, protocol: Any) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "192.0.2.2", 80))
        self.network = network
        self.protocol = protocol
        self.connected = True
        self.asked = b""
        self.upgraded = False
        self.server: Connection | None = None
        self._kept: list[bytes | Exception] = []
        self._reading = True

    # -- what the client does

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.network.jammed:
            if self.producer is not None:
                self.producer.pauseProducing()
            self.network.held.append((self, data))
        else:
            self.network.clock.callLater(0, self.arrive, data)

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.network.clock.callLater(0, self._end, ConnectionDone())

    def abortConnection(self) -> None:
        self.network.clock.callLater(0, self._end, ConnectionLost())

    def pauseProducing(self) -> None:
        self._reading = False
        if self.server is not None:
            self.server.transport.slow = True

    def resumeProducing(self) -> None:
        self._reading = True
        if self.server is not None:
            self.server.transport.drain()
        self.network.clock.callLater(0, self._read)

    def stopProducing(self) -> None:
        self.loseConnection()

    def unregisterProducer(self) -> None:
        self.producer = None  # as TCP does, whether there is one or not

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    # -- what the network does

    def arrive(self, data: bytes) -> None:
        """Bring to the server what the client wrote."""
        if not self.connected:
            return
        if self.network.answer is None or self.upgraded:
            self.serve(data)
            return
        self.asked += data
        while (request := self.next_request()) is not None:
            answer = self.network.answer(request)
            if answer is not None:
                self.deliver(answer)
                continue
            self.upgraded = b"Upgrade: " in request
            self.serve(request)

    def next_request(self) -> bytes | None:
        """Take the next whole request."""
        head, end, rest = self.asked.partition(b"\r\n\r\n")
        size = int(([b"0", *re.findall(rb"(?i)content-length: (\d+)", head)])[-1])
        if not end or len(rest) < size:
            return None
        self.asked = rest[size:]
        return head + end + rest[:size]

    def serve(self, data: bytes) -> None:
        """Let the server have it."""
        if self.server is None:
            self.server = Connection(self.network.site, self.network.clock)
            self.server.transport.slow = not self._reading
            self.server.transport.reader = self.deliver
            self.server.transport.lost = lambda: self.deliver(ConnectionDone())
        if self.server.is_open:
            self.server.send(data)

    def deliver(self, what: bytes | Exception) -> None:
        """Bring to the client what the server wrote, or its end."""
        if self.network.silent:
            return
        self._kept.append(what)
        self.network.clock.callLater(0, self._read)

    def cut(self, reason: Exception | None = None) -> None:
        """Lose the connection."""
        self._end(reason or ConnectionLost())

    def _read(self) -> None:
        while self._kept and self._reading and self.connected:
            what = self._kept.pop(0)
            if isinstance(what, Exception):
                self._end(what)
            elif what:
                self.protocol.dataReceived(what)

    def _end(self, reason: Exception) -> None:
        if self.connected:
            self.connected = False
            if self.server is not None and self.server.is_open:
                self.server.vanish()
            self.network.ends.remove(self)
            self.protocol.connectionLost(Failure(reason))


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Network:
    """Connections to one server; ``ends`` are the clients' ends of those that are open."""

    def __init__(self, router: Any = None) -> None:
        self.router = router
        self.clock: Clock = Clock() if router is None else router.reactor
        self.site: Any = None
        if router is not None:
            self.site = SockJSSite(router.resource(), [router], reactor=self.clock)
        self.ends: list[ClientEnd] = []
        self.made = 0
        self.uris: list[bytes] = []
        self.refuses = False
        self.end: type[ClientEnd] = ClientEnd
        self.answer: Answer | None = None
        # The network takes nothing of what clients write.
        self.jammed = False
        self.held: list[tuple[ClientEnd, bytes]] = []
        # Nothing of what the server says arrives.
        self.silent = False

    def endpointForURI(self, uri: Any) -> Network:
        self.uris.append(uri.toBytes())
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.refuses:
            return fail(ConnectionRefusedError("refused"))
        connected: Deferred[Any] = Deferred(lambda _: call.cancel())
        call = self.clock.callLater(0, self._connect, factory, connected)
        return connected

    def _connect(self, factory: Any, connected: Deferred[Any]) -> None:
        self.made += 1
        protocol = factory.buildProtocol(None)
        end = self.end(self, protocol)
        self.ends.append(end)
        protocol.makeConnection(end)
        connected.callback(protocol)

    def drain(self) -> None:
        """Take what clients write again."""
        self.jammed = False
        held, self.held = self.held, []
        for end, data in held:
            self.clock.callLater(0, end.arrive, data)
        for end in list(self.ends):
            if end.producer is not None:
                end.producer.resumeProducing()


class Flood(Echo):
    """Once told to, sends as long as its client reads; ``written`` is how many characters."""

    text = "x" * 10_000
    written = 0
    flowing = False
    call: Any = None

    def on_message(self, message: Any) -> None:
        self.register_producer(self, True)
        self.flowing = True
        self.flow()

    def flow(self) -> None:
        if self.flowing:
            self.send(self.text)
            self.written += len(self.text)
        self.call = self.session.server.reactor.callLater(0.001, self.flow)

    def pauseProducing(self) -> None:
        self.flowing = False

    def resumeProducing(self) -> None:
        self.flowing = True

    def stopProducing(self) -> None:
        self.flowing = False

    def on_close(self) -> None:
        if self.call is not None:
            self.call.cancel()


class Noting(SockJSClientProtocol):
    """A client that keeps what happens to it."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.reason: Any = None

    def on_message(self, message: str) -> None:
        assert self.reason is None
        self.messages.append(message)

    def connectionLost(self, reason: Any = None) -> None:
        assert self.reason is None
        self.reason = reason.value


class ClientLab:
    """A server on a clock, a network, and clients of it."""

    def __init__(self, base: Any = Echo, *, served: bool = True, **settings: Any) -> None:
        self.log: list[Any] = []
        self.router: Any = None
        if served:
            connection = type(base.__name__, (base,), {"log": self.log})
            self.router = SockJSRouter(connection, "/echo", reactor=Clock(), **settings)
            start(self.router)
        self.network = Network(self.router)
        self.clock = self.network.clock

    def endpoint(self, url: str = "http://server.example/echo", **options: Any) -> Any:
        return SockJSClientEndpoint(self.clock, url, endpoints=self.network, **options)

    def connecting(self, protocol: Any = Noting, **options: Any) -> Deferred[Any]:
        return self.endpoint(**options).connect(Factory.forProtocol(protocol))

    def connect(self, protocol: Any = Noting, **options: Any) -> Any:
        """Connect a protocol, and return it."""
        results: list[Any] = []
        self.connecting(protocol, **options).addBoth(results.append)
        self.advance(0.1)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def failure(self, seconds: float = 0.1, **options: Any) -> Any:
        """Fail to connect, and return the error."""
        results: list[Any] = []
        self.connecting(**options).addBoth(results.append)
        self.advance(seconds)
        (result,) = results
        return result.value

    def advance(self, seconds: float = 0.05) -> None:
        advance(self.clock, seconds)

    def settle(self) -> None:
        """Check that nothing is left once the clients are gone and kept connections have ended."""
        self.advance(10)
        assert self.network.ends == []
        if self.router is not None:
            settle(self.router)
        assert self.clock.getDelayedCalls() == []
