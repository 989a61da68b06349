"""The publisher in memory: what it sends to which channel, and what waits or fails."""

import json
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from txsockjs.cluster import Publisher
from txsockjs.cluster.bus import BusError
from txsockjs.cluster.redis import resp
from txsockjs.errors import SettingsError

from ...support.reactors import Reactor
from .redis.transports import Transport

GREETING = b"%0\r\n+OK\r\n"


class Lab:
    def __init__(self) -> None:
        self.reactor = Reactor()
        self.publisher = Publisher("redis://127.0.0.1/2", self.reactor)
        self.room = self.publisher.room("/chat", "lobby")

    def accept(self) -> Any:
        *_, factory, _, _ = self.reactor.tcpClients[-1]
        client = factory.buildProtocol(None)._wrappedProtocol
        client.makeConnection(Transport())
        client.dataReceived(GREETING)
        client.transport.clear()
        self.reactor.advance(0)
        return client

    def sent(self, client) -> list[tuple[str, Any]]:
        """What was published, without its envelope."""
        self.reactor.advance(0)
        reader = resp.Reader()
        reader.feed(client.transport.value())
        client.transport.clear()
        found = []
        while (command := reader.gets()) is not resp.NOTHING:
            found.append((command[1].decode(), json.loads(command[2][17:])))
        return found


@pytest.fixture
def lab():
    return Lab()


def failed(answer) -> str:
    failures: list[Failure] = []
    answer.addErrback(failures.append)
    (failure,) = failures
    assert failure.check(BusError)
    return failure.getErrorMessage()


def test_it_connects_when_there_is_something_to_publish(lab):
    assert lab.reactor.tcpClients == []
    answer = lab.room.send("hi", "ho")
    client = lab.accept()
    assert lab.sent(client) == [("txsockjs:2:room:/chat#lobby", {"v": 1, "send": ["hi", "ho"]})]
    client.dataReceived(b":3\r\n")
    assert answer.result == 3
    lab.room.post({"a": 1})
    lab.room.close(3001, "bye")
    lab.publisher.room("/", "x", "hot news").send("y")
    assert lab.sent(client) == [
        ("txsockjs:2:room:/chat#lobby", {"v": 1, "post": [{"a": 1}]}),
        ("txsockjs:2:room:/chat#lobby", {"v": 1, "close": [3001, "bye"]}),
        ("txsockjs:2:room:?hot%20news#x", {"v": 1, "send": ["y"]}),
    ]
    assert len(lab.reactor.tcpClients) == 1


def test_what_waits_for_too_long_fails_and_says_why(lab):
    answer = lab.room.send("hi")
    *_, factory, _, _ = lab.reactor.tcpClients[-1]
    factory.clientConnectionFailed(None, Failure(ConnectionDone("no way")))
    lab.reactor.pump([0.05] * 220)
    assert "no way" in failed(answer)
    assert lab.sent(lab.accept()) == []


def test_no_more_waits_than_a_mebibyte(lab):
    answers = [lab.room.send("x" * 300_000) for _ in range(4)]
    assert "1 MiB" in failed(answers.pop())
    assert len(lab.sent(lab.accept())) == 3
    assert lab.room.send("x" * 300_000).called is False


def test_what_was_on_its_way_when_the_connection_ended_fails(lab):
    answer = lab.room.send("hi")
    client = lab.accept()
    lab.sent(client)
    client.connectionLost(Failure(ConnectionDone()))
    assert "may not have been published" in failed(answer)
    client.dataReceived(b"")


def test_what_redis_refuses_fails(lab):
    answer = lab.room.send("hi")
    client = lab.accept()
    lab.sent(client)
    client.dataReceived(b"-ERR no\r\n")
    assert failed(answer) == "not published: ERR no"


def test_once_closed_nothing_waits(lab):
    answer = lab.room.send("hi")
    lab.publisher.close()
    assert "was closed" in failed(answer)
    assert "was closed" in failed(lab.room.send("hi"))
    assert lab.reactor.getDelayedCalls() == []


def test_wrong_names_and_values_are_refused(lab):
    with pytest.raises(SettingsError):
        Publisher("localhost", lab.reactor)
    with pytest.raises(SettingsError):
        lab.publisher.room("chat", "lobby")
    with pytest.raises(ValueError, match="name of a room"):
        lab.publisher.room("/chat", "")
    with pytest.raises(TypeError):
        lab.room.send(b"bytes")
    with pytest.raises(TypeError):
        lab.room.post(object())
    with pytest.raises(ValueError, match="close code"):
        lab.room.close(17)
