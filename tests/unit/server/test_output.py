"""The writing side of a connection: peers that read slowly, addresses, small packets."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.address import IPv4Address

from txsockjs.server.front import Front

from ...support.fakes import Reactor
from ...support.sites import INFO, POLL, SEND, UPGRADE, SiteLab, request


def test_a_poll_that_is_read_slowly_ends_when_it_has_left() -> None:
    lab = SiteLab()
    client, other = lab.connect(), lab.connect()
    client.transport.slow = True
    client.send(POLL)
    client.send(POLL)
    assert len(client.answers) == 1
    client.transport.drain()
    lab.clock.advance(0)
    assert len(client.answers) == 1  # the second poll waits for messages
    other.send(SEND)
    assert [answer.body for answer in client.answers] == [[b"o\n"], [b'a["hello"]\n']]
    lab.settle()


def test_a_stream_that_is_read_slowly_gets_all_at_once_when_it_goes_on() -> None:
    lab = SiteLab()
    client, other = lab.connect(), lab.connect()
    client.send(request(path="/chat/000/abc/xhr_streaming"))
    client.transport.slow = True
    other.send(SEND * 3)
    assert client.answers[0].body[1:] == [b"o\n", b'a["hello"]\n']
    client.transport.drain()
    assert client.answers[0].body[1:] == [b"o\n", b'a["hello"]\n', b'a["hello","hello"]\n']
    lab.settle()


def test_a_connection_that_is_full_when_it_is_handed_on_is_still_asked_to_wait() -> None:
    for data in (UPGRADE, INFO):
        lab = SiteLab()
        client = lab.connect()
        client.transport.slow = True
        client.send(POLL + data)
        assert len(client.answers) == 1
        client.transport.drain()
        lab.clock.advance(0)
        assert [answer.code for answer in client.answers][1:] in ([101], [200])
        lab.settle()


def test_a_connection_whose_address_nobody_told_is_asked_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket() as peer:
        peer.connect(port.getsockname())
        here, client = port.accept()
        with here:
            for address in (None, IPv4Address("TCP", *client)):
                front: Any = Front(SiteLab().site, address)
                front.transport = tcp.Server(here, front, client, None, 0, Reactor())
                assert front.address == IPv4Address("TCP", *client)


@pytest.mark.parametrize("data", [request("OPTIONS"), SEND, POLL + POLL, request("GET")])
def test_answers_do_not_wait_for_each_other(data: bytes) -> None:
    lab = SiteLab()
    client = lab.connect()
    client.send(data + data)
    assert client.received
    assert client.is_fast
    assert client.transport.no_delay
    lab.settle()
