"""TCP connections: direct writes, ends, addresses, and socket options.

Rules: data is written directly to the socket only while the transport's own buffer is empty, so
that bytes keep their order. What the kernel does not take, and every error, is left to the
transport's ordinary ``write``. Options are best effort, because not every platform has each of
them. Only this module depends on the internals of Twisted's transports.
"""

from __future__ import annotations

import socket
import sys
from functools import lru_cache
from typing import Any

from twisted.internet import interfaces, main, tcp
from twisted.internet.interfaces import ITransport
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

_DONE = Failure(main.CONNECTION_DONE)
# More addresses of this end than any server has ports.
_MOST_ADDRESSES = 64
_addresses: dict[object, interfaces.IAddress] = {}

# How many unsent bytes the kernel may hold: few, so that backpressure is noticed here.
_UNSENT = 128 * 1024

_TCP_RXT_CONNDROPTIME = 0x80  # macOS, <netinet/tcp.h>, in seconds


def watch(transport: Any, producer: interfaces.IPushProducer) -> None:
    """Pause and resume ``producer`` as the peer reads what `write` sends."""
    if not isinstance(transport, tcp.Connection):  # for TCP, `write` does it when needed
        transport.registerProducer(producer, True)


def write(transport: Any, data: bytes, producer: interfaces.IPushProducer) -> bool:
    """Write ``data``, at once if possible; return whether all of it has left.

    ``producer`` is the one passed to `watch`.
    """
    if isinstance(transport, tcp.Connection):
        if (
            not transport.dataBuffer
            and not transport._tempDataBuffer  # the only sign of bytes written in this iteration
            and transport.connected
            and not transport.disconnecting
            and not transport.TLS
        ):
            try:
                sent = transport.socket.send(data)
            except OSError:
                sent = 0  # not now, or never again: the transport finds out by itself
            if sent == len(data):
                return True
            if sent:
                data = data[sent:]
        if transport.producer is None and transport.connected and not transport.disconnecting:
            transport.registerProducer(producer, True)
    transport.write(data)
    return False


def lose(transport: Any) -> None:
    """End a connection at once, telling its protocol; `write` has just said that all has left.

    The ordinary ``loseConnection`` would first wait until the socket is writable.
    """
    transport.connectionLost(_DONE)


def unsent(transport: Any) -> int:
    """Return how many bytes wait in a transport, or in the one under it; 0 if unknown."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    try:
        return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)
    except AttributeError:
        return 0


def end_writing(transport: ITransport) -> None:
    """Close the writing side once everything written has left.

    The peer is still read, until its own end. TLS has no half close: there, the peer is told
    (close_notify), and this end waits for its answer.
    """
    if is_secure(transport) or not hasattr(transport, "loseWriteConnection"):
        transport.loseConnection()
    else:
        transport.loseWriteConnection()


def is_secure(transport: ITransport) -> bool:
    """Return whether the transport is TLS."""
    if isinstance(transport, tcp.Connection):
        return bool(transport.TLS)
    return bool(interfaces.ISSLTransport.providedBy(transport))


def own_address(transport: ITransport) -> interfaces.IAddress:
    """Return the address at this end, the same object for all connections of a port."""
    if not isinstance(transport, tcp.Connection):
        return shared(transport.getHost())
    name = transport.socket.getsockname()
    address = _addresses.get(name)
    if address is None:
        if len(_addresses) >= _MOST_ADDRESSES:
            _addresses.clear()
        address = _addresses[name] = transport.getHost()
    return address


@lru_cache(maxsize=_MOST_ADDRESSES)
def shared(address: interfaces.IAddress) -> interfaces.IAddress:
    """Return one object for equal addresses."""
    return address


def tune(channel: Any, peer_timeout: float) -> None:
    """Set the options of a long-lived connection on the TCP socket under ``channel``, if any.

    The kernel drops the connection if the peer acknowledges nothing for ``peer_timeout`` seconds;
    because of heartbeats, there is always something to acknowledge.
    """
    handle = getattr(getattr(channel, "transport", None), "socket", None)
    if not isinstance(handle, socket.socket):
        return
    set_option = handle.setsockopt
    for option in _options(peer_timeout):
        try:  # noqa: SIM105
            set_option(*option)
        except OSError:  # not every kernel has them, and UNIX sockets don't
            pass


class TCPOptions:
    """The options that protocols set on TCP transports, for a transport that is a session."""

    def getTcpNoDelay(self) -> bool:
        """Return True: small packets are sent at once."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: small packets always leave at once."""

    def getTcpKeepAlive(self) -> bool:
        """Return True: dead peers are noticed."""
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing: heartbeats do this, and have their own settings."""


@lru_cache(maxsize=64)
def _options(peer_timeout: float) -> list[tuple[int, int, int]]:
    options = [(socket.TCP_NODELAY, 1)]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.TCP_USER_TIMEOUT, _bounded(peer_timeout * 1000)))
    elif sys.platform == "darwin":
        options.append((_TCP_RXT_CONNDROPTIME, _bounded(peer_timeout)))
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        options.append((socket.TCP_NOTSENT_LOWAT, _UNSENT))
    return [(socket.IPPROTO_TCP, *option) for option in options]


def _bounded(value: float) -> int:
    """Return a value that fits a C int: a huge delay may be set to turn heartbeats off."""
    return max(1, int(min(value, 2**31 - 1)))
