"""Connections that change hands: whoever stands in between passes on to the new protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from txsockjs.errors import UpgradeRequired
from txsockjs.server.takeover import replace_protocol, take_over

from ...support.noting import Noting, NotingFactory


def make_noting() -> Noting:
    protocol: Noting = NotingFactory().buildProtocol(None)
    return protocol


def test_a_transport_that_knows_its_protocol_calls_the_new_one() -> None:
    transport = SimpleNamespace(protocol=Protocol())
    new = Protocol()
    replace_protocol(transport, new)  # type: ignore[arg-type]
    assert transport.protocol is new


def test_a_wrapper_is_left_where_it_is_and_passes_on() -> None:
    factory = WrappingFactory(Factory())
    wrapper, new = ProtocolWrapper(factory, Protocol()), make_noting()
    transport = SimpleNamespace(protocol=wrapper)
    replace_protocol(transport, new)  # type: ignore[arg-type]
    assert transport.protocol is wrapper
    assert wrapper.wrappedProtocol is new
    again = make_noting()
    replace_protocol(wrapper, again)  # type: ignore[arg-type]
    assert wrapper.wrappedProtocol is again


def test_a_transport_that_does_not_tell_whom_it_calls_is_left_alone() -> None:
    transport = SimpleNamespace()
    replace_protocol(transport, make_noting())  # type: ignore[arg-type]
    assert vars(transport) == {}


@pytest.mark.parametrize("channel", [object(), None])
def test_a_connection_that_is_shared_can_not_be_taken(channel: Any) -> None:
    request: Any = SimpleNamespace(channel=channel)
    with pytest.raises(UpgradeRequired):
        take_over(request, make_noting(), 30)  # type: ignore[arg-type]


class Upgrade(Resource):
    """Hands its connection over to a protocol."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.protocol = make_noting()

    def render(self, request: Any) -> int:
        take_over(request, self.protocol, 30)  # type: ignore[arg-type]
        return NOT_DONE_YET


def test_what_came_with_the_request_and_after_it_is_the_new_protocols() -> None:
    clock = Clock()
    resource = Upgrade()
    site = Site(resource, reactor=clock)
    channel: Any = site.buildProtocol(None)
    transport: Any = StringTransport()
    transport.protocol = channel
    channel.makeConnection(transport)
    channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nfirst")
    protocol = resource.protocol
    assert protocol.heard == [b"first"]
    assert protocol.transport is transport
    assert transport.protocol is protocol
    assert (transport.producer, transport.producerState) == (None, "producing")
    # Its idle time is not the site's any more.
    clock.advance(1000)
    assert not transport.disconnecting
    assert transport.value() == b""
    assert clock.getDelayedCalls() == []
