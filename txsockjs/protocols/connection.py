"""`connection_class`: the connection class that serves an ordinary Twisted protocol factory.

Rules: each session is a connection to the factory; its protocol has a `SockJSTransport`.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo
from ..wire.text import checked_encoding
from .transport import SockJSTransport


class ProtocolFactory(Protocol):
    """`IProtocolFactory` for type checkers that do not know zope.interface."""

    def buildProtocol(self, addr: Any, /) -> Any:
        """Make a protocol for a connection, or return None to refuse it."""

    def doStart(self) -> None:
        """Note that one more port or resource serves the factory."""

    def doStop(self) -> None:
        """Note that one port or resource stopped serving the factory."""


class ProtocolConnection(SockJSConnection):
    """One client's connection to a protocol of ``factory``, which a subclass sets."""

    factory: ProtocolFactory
    fallback_encoding: str | None = None
    transport: SockJSTransport | None = None

    @classmethod
    def on_start(cls, router: Any) -> None:
        """Start the factory, as a listening port does."""
        cls.factory.doStart()

    @classmethod
    def on_stop(cls, router: Any) -> None:
        """Stop the factory, unless others serve it, too."""
        cls.factory.doStop()

    def on_open(self, info: ConnectionInfo) -> object:
        """Build the protocol and connect it; refuse the client if there is none."""
        transport = SockJSTransport(self, self.fallback_encoding)
        protocol = self.factory.buildProtocol(transport.getPeer())
        if protocol is None:
            return False
        self.transport = transport
        transport.opened(protocol)
        return None

    def on_message(self, message: str | bytes) -> object:
        """Pass the message to the protocol, as bytes."""
        return None if self.transport is None else self.transport.received(message)

    def on_event(self, event: object) -> object:
        """Pass an event posted in a room to the protocol's ``on_event``, if it has one."""
        return None if self.transport is None else self.transport.call("on_event", event)

    def on_gap(self, room: str) -> object:
        """Call the protocol's ``on_gap``, if it has one."""
        return None if self.transport is None else self.transport.call("on_gap", room)

    def on_close(self) -> None:
        """Tell the protocol that its connection is lost."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.lost()


def connection_class(
    factory: ProtocolFactory, fallback_encoding: str | None = None
) -> type[SockJSConnection]:
    """Make the connection class that serves an ordinary Twisted protocol factory."""
    if not callable(getattr(factory, "buildProtocol", None)):
        raise TypeError(f"factory must have a buildProtocol, as IProtocolFactory, not {factory!r}")
    name = f"{type(factory).__name__}Connection"
    encoding = checked_encoding(fallback_encoding)
    namespace = {"factory": factory, "fallback_encoding": encoding}
    return type(name, (ProtocolConnection,), namespace)


def encoding_from(text: str) -> str | None:
    """Parse a ``fallback_encoding`` from a command line or an endpoint string."""
    return None if text.strip().lower() == "none" else checked_encoding(text)
