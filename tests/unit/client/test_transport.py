"""A session as the transport of a protocol."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import HostnameAddress
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from zope.interface.verify import verifyObject

from txsockjs.client import SessionClosed, SessionLost
from txsockjs.client.options import TRANSPORTS

from ...support.client_network import ClientLab, Noting
from ...support.fakes import Producer


def test_it_is_a_transport() -> None:
    lab = ClientLab()
    transport = lab.connect(transports="websocket").transport
    for interface in (ITransport, IConsumer, IPushProducer):
        assert verifyObject(interface, transport)
    assert transport.getPeer() == transport.getHost() == HostnameAddress(b"server.example", 80)
    assert transport.getTcpNoDelay() and transport.getTcpKeepAlive()
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(1)
    assert repr(transport) == "<ClientTransport <client's session open over websocket>>"
    transport.stopProducing()
    assert transport.disconnecting
    lab.settle()


def test_bytes_that_are_no_text_end_the_session() -> None:
    lab = ClientLab()
    client = lab.connect()
    client.transport.write(b"\xff")
    lab.advance()
    assert isinstance(client.reason, SessionLost)
    assert client.reason.reason == "Bytes that are not UTF-8 were written"
    client.transport.write(b"\xff")
    lab.settle()


def test_or_are_sent_in_the_fallback_encoding() -> None:
    lab = ClientLab()
    client = lab.connect(fallback_encoding="latin-1")
    client.transport.write(b"\xfc")
    lab.advance()
    assert client.messages == ["ü"]
    client.close()
    lab.settle()


def test_the_beginning_of_a_character_leaves_before_the_end() -> None:
    lab = ClientLab()
    client = lab.connect()
    client.transport.write(b"x\xc3")
    client.transport.loseConnection()
    lab.advance()
    assert lab.log[:3] == ["open", "x", "\ufffd"]
    lab.settle()


def test_only_bytes_are_written() -> None:
    lab = ClientLab()
    client = lab.connect()
    with pytest.raises(TypeError, match="a transport writes bytes"):
        client.transport.write("text")
    client.close()
    lab.settle()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_producer_is_paused_while_the_network_takes_nothing(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    producer = Producer()
    client.transport.registerProducer(producer, True)
    lab.network.jammed = True
    for _ in range(4):
        client.send("x" * 50_000)
    lab.advance()
    assert producer.told == ["pause"]
    lab.network.drain()
    lab.advance()
    assert producer.told == ["pause", "resume"]
    assert len(client.messages) == 4
    client.transport.unregisterProducer()
    client.close()
    lab.settle()


def test_a_close_waits_for_a_producer_that_is_paused() -> None:
    lab = ClientLab()
    client = lab.connect(transports="xhr_polling")
    producer = Producer()
    client.transport.registerProducer(producer, True)
    lab.network.jammed = True
    client.send("x" * 100_000)
    client.send("y" * 100_000)
    client.close()
    lab.network.drain()
    producer.resumeProducing = client.transport.unregisterProducer
    lab.advance()
    assert isinstance(client.reason, SessionClosed)
    assert [len(each) for each in lab.log[1:3]] == [100_000, 100_000]
    lab.settle()


def test_a_producer_that_comes_too_late_is_stopped() -> None:
    lab = ClientLab()
    client = lab.connect()
    client.close()
    lab.advance()
    producer: Any = Producer()
    client.transport.registerProducer(producer, True)
    assert producer.told == ["stop"]
    lab.settle()


def test_the_end_stops_the_producer() -> None:
    lab = ClientLab()
    client = lab.connect(Noting)
    producer = Producer()
    client.transport.registerProducer(producer, True)
    client.transport.abortConnection()
    assert producer.told == ["stop"]
    lab.settle()
