"""A protocol of text, also where something stands between it and its transport."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.protocols.policies import WrappingFactory

from txsockjs.client import SockJSClientProtocol

from ...support.client_network import ClientLab, Noting


def test_a_wrapper_gives_bytes_and_text_arrives() -> None:
    lab = ClientLab()
    wrappers: list[Any] = []
    factory = WrappingFactory(Factory.forProtocol(Noting))
    factory.noisy = False
    lab.endpoint().connect(factory).addCallback(wrappers.append)
    lab.advance()
    client = wrappers[0].wrappedProtocol
    client.send("grüße")
    lab.advance()
    assert client.messages == ["grüße"]
    client.close()
    lab.settle()


def test_text_only_is_sent() -> None:
    lab = ClientLab()
    client = lab.connect()
    with pytest.raises(TypeError, match="a message must be str, not b'x'"):
        client.send(b"x")
    client.close()
    lab.settle()


def test_messages_may_be_ignored() -> None:
    lab = ClientLab()
    client = lab.connect(SockJSClientProtocol)
    client.send("x")
    lab.advance()
    client.close()
    lab.settle()
    assert lab.log[:2] == ["open", "x"]
