"""The connection that is made again for ever: when it is tried, what it says, what it logs."""

import sys
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from txsockjs.cluster.redis import resp
from txsockjs.cluster.redis.client import Lost
from txsockjs.cluster.redis.connection import Connection
from txsockjs.cluster.redis.url import RedisURL
from txsockjs.errors import SettingsError

from ....support.reactors import Reactor
from .transports import Transport

URL = "redis://ann:secret@127.0.0.1:7000/3"
HELLO = resp.command(b"HELLO", b"3", b"AUTH", b"ann", b"secret") + resp.command(b"SELECT", b"3")
GREETING = b"%1\r\n+server\r\n+redis\r\n+OK\r\n"


class Lab:
    def __init__(self, url: str = URL) -> None:
        self.reactor = Reactor()
        self.told: list[Any] = []
        self.connection = Connection(RedisURL.parse(url), self.reactor, self)

    def accept(self) -> Any:
        """Accept the attempt that is under way; return the client."""
        *_, factory, _, _ = self.reactor.tcpClients[-1]
        client = factory.buildProtocol(None)
        client.makeConnection(Transport())
        return client

    def refuse(self) -> None:
        *_, factory, _, _ = self.reactor.tcpClients[-1]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError("Refused.")))
        self.reactor.advance(0.05)  # it looks for another address

    def broker_reached(self) -> None:
        self.told.append("reached")

    def broker_lost(self) -> None:
        self.told.append("lost")

    def broker_failed(self, reason) -> None:
        self.told.append(reason)


@pytest.fixture
def lab():
    return Lab()


def said(logs):
    return [formatEvent(event) for event in logs]


def delay(lab) -> float:
    """In how many seconds it is tried again."""
    return round(lab.connection._retry.getTime() - lab.reactor.seconds(), 2)


def client_of(lab):
    lab.connection.start()
    client = lab.accept()
    client = client._wrappedProtocol
    client.transport.wrapped = client
    assert client.transport.value() == HELLO
    client.dataReceived(GREETING)
    assert lab.told == ["reached"]
    client.transport.clear()
    return client


def test_it_says_who_it_is_and_which_database_it_means(lab):
    client_of(lab)
    assert lab.connection.reached
    assert lab.reactor.tcpClients[0][:2] == ("127.0.0.1", 7000)


def test_it_is_tried_again_soon_at_first_and_every_second_at_last(lab):
    with capturedLogs() as logs:
        lab.connection.start()
        waited = []
        for _ in range(7):
            lab.refuse()
            waited.append(delay(lab))
            lab.reactor.advance(waited[-1])
    assert waited == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    (line,) = said(logs)
    assert "can't use redis://ann:***@127.0.0.1:7000/3: " in line
    assert "trying again every second" in line


def test_commands_of_an_iteration_leave_together(lab):
    client = client_of(lab)
    heard: list[Any] = []
    lab.connection.call(heard.append, b"A")
    lab.connection.tell(b"SUBSCRIBE", b"c")
    lab.connection.publish(b"c", b"d", heard.append)
    assert client.transport.value() == b""
    lab.reactor.advance(0)
    assert client.transport.value() == b"".join(
        [resp.command(b"A"), resp.command(b"SUBSCRIBE", b"c"), resp.publish(b"c", b"d")]
    )
    client.dataReceived(b":1\r\n:2\r\n")
    assert heard == [1, 2]


def test_what_was_not_sent_when_it_ended_is_lost_too(lab):
    client = client_of(lab)
    heard: list[Any] = []
    lab.connection.call(heard.append, b"A")
    client.connectionLost(Failure(ConnectionDone()))
    assert [type(each) for each in heard] == [Lost]
    assert lab.told[1:] == ["Connection was closed cleanly.", "lost"]
    lab.connection.call(heard.append, b"B")
    assert len(heard) == 1  # nobody is called from inside a call
    lab.reactor.advance(0)
    assert [type(each) for each in heard] == [Lost, Lost]
    assert delay(lab) == 0.1


def test_a_refusal_is_said_once_and_tried_again_after_a_second(lab):
    with capturedLogs() as logs:
        lab.connection.start()
        for _ in range(3):
            client = lab.accept()._wrappedProtocol
            client.dataReceived(b"-WRONGPASS no\r\n-NOAUTH no\r\n")
            assert client.transport.aborted
            client.connectionLost(Failure(ConnectionDone()))
            assert delay(lab) == 1.0
            lab.reactor.advance(1.0)
    assert lab.told == ["WRONGPASS no"] * 3
    assert len(said(logs)) == 1


def test_that_it_can_be_used_is_said_once_and_what_is_wrong_then_again(lab):
    with capturedLogs() as logs:
        client = client_of(lab)
        lab.connection.works()
        lab.connection.works()
        client.connectionLost(Failure(ConnectionDone()))
    assert [line.partition(" ")[0] for line in said(logs)] == [str(lab.connection.url), "can't"]


def test_once_stopped_it_is_not_tried_again(lab):
    client = client_of(lab)
    stopped = lab.connection.stop()
    assert client.transport.disconnecting
    assert not stopped.called
    client.connectionLost(Failure(ConnectionDone()))
    assert stopped.called
    assert lab.told == ["reached"]
    assert lab.reactor.getDelayedCalls() == []


def test_one_that_does_not_end_is_dropped(lab):
    client = client_of(lab)
    lab.connection.stop()
    lab.reactor.advance(3.1)
    assert client.transport.aborted


def test_one_that_waits_can_be_stopped(lab):
    lab.connection.start()
    lab.refuse()
    assert lab.connection.stop().called
    assert lab.reactor.getDelayedCalls() == []


def test_tls_is_spoken_where_the_url_says_so():
    lab = Lab("rediss://127.0.0.1:7000")
    lab.connection.start()
    *_, factory, _, _ = lab.reactor.tcpClients[-1]
    transport = Transport()
    factory.buildProtocol(None).makeConnection(transport)
    assert transport.value().startswith(b"\x16\x03")  # a handshake of TLS
    assert lab.told == []


def test_without_its_libraries_tls_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "twisted.internet.ssl", None)
    with pytest.raises(SettingsError, match=r"rediss:// needs .*txsockjs\[redis\]"):
        Lab("rediss://h")
