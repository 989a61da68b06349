"""One connection: the order of replies, pushes beside it, and its end."""

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from txsockjs.cluster.redis.client import Client, Lost
from txsockjs.cluster.redis.resp import ReplyError

from .transports import Transport


class Owner:
    """Owner and user at once: writes down what it is told."""

    def __init__(self) -> None:
        self.user = self
        self.told: list[Any] = []

    def connected(self, client) -> None:
        self.told.append("connected")

    def disconnected(self, client, reason) -> None:
        self.told.append("disconnected")

    def fail(self, reason) -> None:
        self.told.append(f"failed: {reason}")
        self.client.abort()

    def broker_said(self, channel, message) -> None:
        self.told.append((channel, message))

    def broker_confirmed(self, channel) -> None:
        self.told.append(channel)

    def broker_ready(self) -> None:
        self.told.append("ready")


@pytest.fixture
def owner():
    owner = Owner()
    owner.client = Client(owner)
    owner.transport = Transport()
    owner.client.makeConnection(owner.transport)
    assert owner.told.pop() == "connected"
    return owner


def test_replies_come_in_the_order_of_the_commands(owner):
    heard: list[Any] = []
    owner.client.send(b"commands", [heard.append, None, heard.append])
    assert owner.transport.value() == b"commands"
    owner.client.dataReceived(b":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nd\r\n:2\r\n:3")
    owner.client.dataReceived(b"\r\n")
    assert heard == [1, 3]
    assert owner.told == [(b"c", b"d")]


def test_subscriptions_are_confirmed_beside_the_order(owner):
    heard: list[Any] = []
    owner.client.send(b"", [heard.append])
    owner.client.dataReceived(
        b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"
    )
    assert owner.told == [b"c"]
    assert heard == []


def test_what_has_no_answer_when_it_ends_is_lost(owner):
    heard: list[Any] = []
    owner.client.send(b"", [heard.append, None])
    owner.client.connectionLost(Failure(ConnectionDone()))
    assert owner.told == ["disconnected"]
    assert [type(each) for each in heard] == [Lost]


@pytest.mark.parametrize("data", [b"nonsense\r\n", b":1\r\n"])
def test_what_nobody_asked_for_ends_it(owner, data):
    owner.client.dataReceived(data)
    assert owner.told[0].startswith("failed: it does not speak RESP3")
    assert owner.transport.aborted


def test_after_a_right_that_lacks_nothing_more_is_read(owner):
    heard: list[Any] = []
    owner.client.send(b"", [heard.append])
    owner.client.dataReceived(b"-NOPERM no channel\r\n:1\r\n")
    assert owner.told == ["failed: NOPERM no channel"]
    assert heard == []


def test_other_errors_are_replies(owner):
    heard: list[Any] = []
    owner.client.send(b"", [heard.append])
    owner.client.dataReceived(b"-ERR x\r\n")
    assert [type(each) for each in heard] == [ReplyError]


def test_it_is_full_while_the_broker_does_not_read(owner):
    owner.transport.producer.pauseProducing()
    assert owner.client.full
    owner.transport.producer.resumeProducing()
    assert not owner.client.full
    assert owner.told == ["ready"]
    owner.client.close()
    assert owner.transport.disconnecting
    assert owner.transport.producer is None
