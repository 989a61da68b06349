"""`ClientTransport`: a client's session as the transport of its protocol.

Rules: each write is one message, decoded by a `Decoder`. Bytes that are not UTF-8 end the session,
unless there is a fallback encoding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import unsendable
from ..server.tcp import TCPOptions
from ..wire.text import Data, Decoder, NotText, check_data, encoded
from .session import NORMAL, Session


@implementer(ITransport, IConsumer, IPushProducer)
class ClientTransport(TCPOptions):
    """The ``transport`` of a protocol; ``name`` is the SockJS transport below it.

    ``over`` is called after the protocol's ``connectionLost``.
    """

    def __init__(
        self,
        session: Session,
        address: IAddress,
        fallback_encoding: str | None,
        over: Callable[[], object],
    ) -> None:
        self.disconnecting = False
        self._session = session
        self._address = address
        self._decoder = Decoder(fallback_encoding, is_raw=False)
        self._over = over
        self._protocol: Any = None
        self._on_message: Any = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._session!r}>"

    def connect(self, protocol: IProtocol) -> None:
        """Connect the protocol; one with an ``on_message`` gets text."""
        self._protocol = protocol
        self._on_message = getattr(protocol, "on_message", None)
        protocol.makeConnection(self)
        self._session.begin(self)

    @property
    def name(self) -> str:
        """The name of the SockJS transport, such as ``xhr_streaming``."""
        return self._session.transport

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._session.is_open

    # -- ITransport

    def send(self, message: str) -> None:
        """Send text as one message; it is dropped once the session is closed."""
        if not isinstance(message, str):
            raise unsendable(message, "str")
        self._session.send(message)

    def write(self, data: Data) -> None:
        """Send these bytes as one message; they are dropped once the session is closed."""
        check_data(data)
        if not self._session.is_open:
            return
        try:
            message = self._decoder.decode(data)
        except NotText:
            self._session.fail("Bytes that are not UTF-8 were written")
        else:
            if message:
                self._session.send(message)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send these bytes together, as one message."""
        self.write(b"".join(data))

    def loseConnection(self, code: int = NORMAL[0], reason: str = NORMAL[1]) -> None:
        """Close once everything written was sent; nothing more is received.

        Waits for a producer, as TCP does. Over a websocket, the server gets ``code`` and
        ``reason``.
        """
        if not self.disconnecting:
            self.disconnecting = True
            rest = self._decoder.flush()
            if rest:
                self._session.send(rest)
            self._session.close(code, reason)

    def abortConnection(self) -> None:
        """Drop the connection without sending what was written."""
        self.disconnecting = True
        self._session.abort()

    def getPeer(self) -> IAddress:
        """Return the server's address, with the host as it is in the URL."""
        return self._address

    def getHost(self) -> IAddress:
        """Return the server's address: a session may have several connections, or none."""
        return self._address

    # -- IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume ``producer`` as the server reads; ask a pull producer for more."""
        if self._session.is_open:
            self._session.outgoing.register(producer, streaming)
        else:
            producer.stopProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer, and close if only it delayed the close."""
        self._session.outgoing.unregister()
        self._session.sent()

    # -- IPushProducer: lets the protocol pause the server

    def pauseProducing(self) -> None:
        """Receive nothing until `resumeProducing`; the server has to wait."""
        self._session.pause()

    def resumeProducing(self) -> None:
        """Receive again, from the reactor's next iteration on."""
        self._session.resume()

    def stopProducing(self) -> None:
        """Close, as TCP does when its consumer is gone."""
        self.loseConnection()

    # -- told by the session

    def received(self, message: str | bytes) -> object:
        """Pass a message to the protocol."""
        if self._on_message is not None:
            return self._on_message(message)
        assert isinstance(message, str), "SockJS has text only"
        return self._protocol.dataReceived(encoded(message))

    def ended(self, reason: Exception) -> None:
        """Tell the protocol that the connection is lost."""
        self.disconnecting = True
        protocol, self._protocol, self._on_message = self._protocol, None, None
        try:
            protocol.connectionLost(Failure(reason))
        finally:
            self._over()
