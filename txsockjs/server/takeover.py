"""The takeover of an HTTP connection by another protocol, and nothing else.

Rules: everything that depends on the internals of twisted.web's connections is in this module.
After the takeover, the connection belongs to the protocol: the HTTP machinery neither reads, writes
nor times out, and does not hear of the connection's end.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import HTTPChannel, Request

from ..errors import UpgradeRequired
from .tcp import tune


def take_over(request: Request, protocol: IProtocol, peer_timeout: float) -> None:
    """Hand the request's connection over to ``protocol``.

    The kernel drops it if the peer acknowledges nothing for ``peer_timeout`` seconds. Raises
    `UpgradeRequired` if the connection is shared with other requests (HTTP/2).
    """
    channel = request.channel
    if not isinstance(channel, HTTPChannel) or channel.transport is None:
        raise UpgradeRequired()
    transport: Any = channel.transport
    tune(channel, peer_timeout)
    channel.setTimeout(None)
    leave = getattr(channel, "leave", None)
    if leave is not None:  # a site's own channel, which the site stops tracking
        leave()
    # The channel would go on pausing its reading by the transport's writing.
    transport.unregisterProducer()
    # Bytes that arrived in the same packet as the request are still inside the channel. They come
    # out at these three methods, which are looked up at each call.
    channel.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
    channel.rawDataReceived = protocol.dataReceived  # type: ignore[method-assign]
    channel.connectionLost = protocol.connectionLost  # type: ignore[method-assign]
    # From the next packet on, the transport calls the protocol itself, so that the channel, the
    # request and its headers need not stay in memory.
    replace_protocol(transport, protocol)
    protocol.makeConnection(transport)
    transport.resumeProducing()


def replace_protocol(transport: Any, protocol: IProtocol) -> None:
    """Make ``transport`` deliver to ``protocol`` instead of its present protocol."""
    if isinstance(transport, ProtocolWrapper):
        transport.wrappedProtocol = protocol
        return
    present = getattr(transport, "protocol", None)
    if isinstance(present, ProtocolWrapper):
        present.wrappedProtocol = protocol
    elif present is not None:
        transport.protocol = protocol
