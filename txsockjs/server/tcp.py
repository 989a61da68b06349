"""Shortcuts through Twisted's TCP transport: to write, to end, to learn what it is.

Rules: bytes keep their order, so it is written directly only while nothing waits in the transport's
buffer; what the kernel does not take, and every error, is left to the transport's ordinary
``write``. All that depends on the inside of that transport is here. Called by the front, the
exchanges and the websocket receiver.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from twisted.internet import interfaces, main, tcp
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

_DONE = Failure(main.CONNECTION_DONE)
# More addresses of this end than any server has ports.
_MOST_ADDRESSES = 64
_addresses: dict[Any, interfaces.IAddress] = {}


def watch(transport: Any, producer: interfaces.IPushProducer) -> None:
    """Let ``producer`` be told whether the peer reads what `write` is given for it."""
    if not isinstance(transport, tcp.Connection):  # there `write` does it, if it is ever needed
        transport.registerProducer(producer, True)


def write(transport: Any, data: bytes, producer: interfaces.IPushProducer) -> bool:
    """Write ``data``, now if that is possible; return whether all of it has left.

    ``producer`` is the one that was told to `watch` the transport.
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
                sent = 0  # not now, or never more, which the transport finds out for itself
            if sent == len(data):
                return True
            if sent:
                data = data[sent:]
        if transport.producer is None and transport.connected and not transport.disconnecting:
            transport.registerProducer(producer, True)
    transport.write(data)
    return False


def lose(transport: Any) -> None:
    """End a connection of which `write` just said that all has left; its protocol hears of it now.

    The ordinary ``loseConnection`` would first wait until the socket can be written to.
    """
    transport.connectionLost(_DONE)


def unsent(transport: Any) -> int:
    """Return how many bytes wait in a transport, or in the one under it; 0 if it can't tell."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    try:
        return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)
    except AttributeError:
        return 0


def end_writing(transport: Any) -> None:
    """Let what was written leave, and then tell the peer that nothing more comes.

    What the peer sends is still read, until its own end. TLS has no half close: there it is told
    (close_notify), and its answer is waited for.
    """
    if is_secure(transport) or not hasattr(transport, "loseWriteConnection"):
        transport.loseConnection()
    else:
        transport.loseWriteConnection()


def is_secure(transport: Any) -> bool:
    """Tell whether it is one over TLS."""
    if isinstance(transport, tcp.Connection):
        return bool(transport.TLS)
    return bool(interfaces.ISSLTransport.providedBy(transport))


def own_address(transport: Any) -> interfaces.IAddress:
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
