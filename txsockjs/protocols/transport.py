"""`SockJSTransport`: a session as the transport of a protocol that knows nothing of SockJS.

Rules: each write is one message, decoded as in `wire.text`. Bytes that are not UTF-8 end a SockJS
session with 1003 unless there is a fallback encoding; a raw websocket gets them as binary messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, IPushProducer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo
from ..actors.rooms import Room
from ..server.tcp import TCPOptions
from ..wire.frames import is_clean
from ..wire.text import Data, Decoder, NotText, check_data, encoded

_log = Logger()

Reason = tuple[int, str]

GO_AWAY: Reason = (3000, "Go away!")
NOT_TEXT: Reason = (1003, "Bytes that are not UTF-8 need a raw websocket")


@implementer(ITransport, IConsumer, IPushProducer)
class SockJSTransport(TCPOptions):
    """The ``transport`` of a wrapped protocol.

    ``connection`` is the `SockJSConnection` below it; ``connection.info`` describes the request.
    ``fallback_encoding`` is the encoding of bytes that are not UTF-8; with ``replace`` they become
    U+FFFD. Without it, such bytes end the session.
    """

    def __init__(self, connection: SockJSConnection, fallback_encoding: str | None = None) -> None:
        self.connection = connection
        self.connected = True
        self.disconnecting = False
        self._protocol: IProtocol | None = None
        is_raw = connection.session.transport == "rawwebsocket"
        self._decoder = Decoder(fallback_encoding, is_raw)
        self._aborted = False
        self._reason = GO_AWAY
        self._paused = False
        self._held: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.connection.session!r}>"

    # -- ITransport

    def write(self, data: Data) -> None:
        """Send these bytes as one message; they are dropped once the session is closed."""
        check_data(data)
        if self.connection.is_closed:
            return
        try:
            message = self._decoder.decode(data)
        except NotText as error:
            self._refuse(error.data)
        else:
            if message:
                self.connection.send(message)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send these bytes together, as one message."""
        self.write(b"".join(data))

    def loseConnection(self, code: int = GO_AWAY[0], reason: str = GO_AWAY[1]) -> None:
        """Close once everything written was sent; nothing more is received.

        As TCP does, wait for a pull producer until it unregisters, and for a paused push producer
        until it unregisters or is resumed. The client gets ``code`` and ``reason``.
        """
        if not self.disconnecting and not self.connection.is_closed:
            self._reason = (code, reason)
            if not self.connection.session.producer_waits:
                self._close()
            self.disconnecting = True
            self._read_on()

    def abortConnection(self) -> None:
        """Drop the connection without sending what was written."""
        if not self.connection.is_closed:
            self.disconnecting = self._aborted = True
            self._read_on()
            self.connection.session.abort()

    def getPeer(self) -> IAddress:
        """Return the client's address; behind trusted proxies, the one that they report.

        The port is 0 if a proxy reported the address. It is a UNIX address without a name if the
        connection came over a UNIX socket and no trusted proxy reported an address.
        """
        info = self._info
        if not info.ip:
            return UNIXAddress(None)
        kind = IPv6Address if ":" in info.ip else IPv4Address
        return kind("TCP", info.ip, info.port)

    def getHost(self) -> IAddress:
        """Return the address at which the client's first request arrived."""
        return self._info.server_address or UNIXAddress(None)

    # -- rooms

    @property
    def rooms(self) -> tuple[str, ...]:
        """The names of the rooms that the connection is in."""
        names: tuple[str, ...] = self.connection.rooms
        return names

    def join(self, name: str, presence: object = None) -> Deferred[None]:
        """Join a room, whose texts are sent to the client; see `SockJSConnection.join`.

        Events posted there are passed to the protocol's ``on_event(event)``, and gaps to its
        ``on_gap(room)``, if it has these methods.
        """
        return self.connection.join(name, presence)

    def leave(self, name: str) -> None:
        """Leave a room."""
        self.connection.leave(name)

    def room(self, name: str) -> Room:
        """Return a room, to send to all its members."""
        return self.connection.room(name)

    # -- IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume ``producer`` as the client reads; ask a pull producer for more."""
        if self.connection.is_closed:
            producer.stopProducing()
            return
        self.connection.session.register_producer(producer, streaming, self._close_if_free)

    def unregisterProducer(self) -> None:
        """Forget the producer, and close if only it delayed the close."""
        self.connection.unregister_producer()
        self._close_if_free()

    # -- IPushProducer: lets the protocol pause its client

    def pauseProducing(self) -> None:
        """Receive nothing until `resumeProducing`; when the mailbox is full, the client waits."""
        # While closing, nothing is received anyway, and a held message would delay the end.
        self._paused = not self.disconnecting

    def resumeProducing(self) -> None:
        """Receive again, from the reactor's next iteration on."""
        if self._paused and not self.disconnecting:
            self._paused = False
            self._read_on()

    def stopProducing(self) -> None:
        """Close, as TCP does when its consumer is gone."""
        self.loseConnection()

    # -- told by the connection

    def opened(self, protocol: IProtocol) -> None:
        """Connect the protocol."""
        self._protocol = protocol
        protocol.makeConnection(self)

    def received(self, message: str | bytes) -> object:
        """Pass a message to the protocol; return an awaitable if it is paused."""
        if self._paused:
            return self._receive_later(message)
        if isinstance(message, bytes):
            self._decoder.go_binary()
        else:
            message = encoded(message)
        if not self.disconnecting and self._protocol is not None:
            self._protocol.dataReceived(message)
        return None

    def call(self, name: str, argument: object) -> object:
        """Call the protocol's method of this name, if it has one."""
        method = getattr(self._protocol, name, None)
        return None if method is None else method(argument)

    def lost(self) -> None:
        """Tell the protocol that the connection is lost."""
        self.connected = False
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(self._end()))

    # -- inside

    @property
    def takes_text(self) -> bool:
        """Whether text may be sent to the connection directly, as `utils.broadcast` does."""
        return self._decoder.is_clean

    @property
    def _info(self) -> ConnectionInfo:
        info = self.connection.info
        assert info is not None, "a transport exists from on_open on"
        return info

    def _end(self) -> Exception:
        code, reason = self.connection.close_reason or GO_AWAY
        if not self._aborted and is_clean(code):
            return ConnectionDone()
        return ConnectionLost("aborted" if self._aborted else f"{code} {reason}")

    def _close_if_free(self) -> None:
        if self.disconnecting and not self.connection.session.producer_waits:
            self._close()

    def _close(self) -> None:
        rest = self._decoder.flush()
        if rest and not self.connection.is_closed:
            self.connection.send(rest)
        self.connection.close(*self._reason)

    def _refuse(self, data: bytes) -> None:
        _log.warn(
            "{protocol!r} wrote bytes that are not UTF-8 and there is no fallback_encoding, "
            "which ends {session!r}: {data!r}",
            protocol=self._protocol,
            session=self.connection.session,
            data=data[:75],
        )
        self.disconnecting = True
        self._read_on()
        self.connection.close(*NOT_TEXT)

    # -- waiting messages

    async def _receive_later(self, message: str | bytes) -> None:
        while self._paused:
            self._held = Deferred(self._let_go)
            await self._held
        self.received(message)

    def _let_go(self, _: object) -> None:
        self._held = None

    def _read_on(self) -> None:
        # Not now: like TCP, deliver after the protocol's method has returned.
        if self.disconnecting:
            self._paused = False
        if self._held is not None:
            self.connection.session.server.reactor.callLater(0, self._receive_held)

    def _receive_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.callback(None)
