"""The endpoint: any protocol over any transport, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.web.client import Agent
from zope.interface.verify import verifyObject

from txsockjs import SettingsError
from txsockjs.client import ConnectionFailed, SessionClosed, SockJSClientEndpoint
from txsockjs.client.options import TRANSPORTS

from ...support.client_network import ClientLab, Noting

EACH = pytest.mark.parametrize("transport", TRANSPORTS)


class Bytes(Protocol):
    """A protocol that knows nothing of SockJS."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)


@EACH
def test_text_goes_both_ways(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    assert client.transport.name == transport
    texts = ["one", "grüße", "\u2028\ud800", "100%25 \r\n\0", "", "x" * 100_000]
    for text in texts:
        client.send(text)
    lab.advance()
    assert client.messages == texts
    client.close()
    lab.advance()
    assert client.reason.args == (1000, "Normal closure")
    assert isinstance(client.reason, SessionClosed)
    lab.settle()


@EACH
def test_a_plain_protocol_writes_and_reads_bytes(transport: str) -> None:
    lab = ClientLab()
    protocol = lab.connect(Bytes, transports=transport)
    protocol.transport.write(b"gr\xc3")
    protocol.transport.writeSequence([b"\xbc", b"n"])
    lab.advance()
    assert protocol.data == [b"gr", "ün".encode()]
    protocol.transport.loseConnection()
    lab.settle()


@EACH
def test_the_server_s_close_is_the_reason_of_the_end(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    client.send("close")
    lab.advance()
    assert client.reason.args == (3001, "as told")
    assert not client.transport.connected
    client.send("too late")
    lab.settle()


@EACH
def test_what_is_sent_before_a_close_arrives(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    for number in range(100):
        client.send(str(number))
    client.close()
    lab.advance()
    assert client.messages == []
    assert lab.log[:101] == ["open", *map(str, range(100))]
    assert isinstance(client.reason, SessionClosed)
    lab.settle()


@EACH
def test_an_abort_drops_the_connection(transport: str) -> None:
    lab = ClientLab()
    client = lab.connect(transports=transport)
    client.transport.abortConnection()
    assert client.reason is None
    lab.advance()
    assert isinstance(client.reason, ConnectionAborted)
    lab.settle()


class Started(Factory):
    """A factory that knows whether it is started."""

    noisy = False
    is_started = False

    def startFactory(self) -> None:
        self.is_started = True

    def stopFactory(self) -> None:
        self.is_started = False


class Refusing(Started):
    def buildProtocol(self, addr: Any) -> Any:
        return None


class Failing(Started):
    def buildProtocol(self, addr: Any) -> Any:
        raise ValueError("no")


class Fails(Protocol):
    def connectionMade(self) -> None:
        raise ValueError("no")


class MakesFailing(Started):
    protocol = Fails


@EACH
@pytest.mark.parametrize(
    ("factory", "error"),
    [(Refusing, ConnectionAborted), (Failing, ValueError), (MakesFailing, ValueError)],
)
def test_a_factory_that_refuses_or_fails_leaves_nothing(
    factory: Any, error: type[Exception], transport: str
) -> None:
    lab = ClientLab()
    failures: list[Any] = []
    made = factory()
    lab.endpoint(transports=transport).connect(made).addErrback(failures.append)
    assert made.is_started
    lab.advance()
    assert failures[0].check(error)
    assert not made.is_started
    assert lab.network.ends == []
    lab.settle()


def test_a_factory_is_started_as_long_as_there_is_a_connection() -> None:
    lab = ClientLab()
    factory = Started.forProtocol(Noting)
    clients: list[Any] = []
    lab.endpoint().connect(factory).addCallback(clients.append)
    lab.advance()
    assert factory.is_started
    clients[0].close()
    lab.advance()
    assert clients[0].reason is not None and not factory.is_started
    lab.settle()


@EACH
def test_an_attempt_can_be_cancelled(transport: str) -> None:
    lab = ClientLab()
    for steps in range(6):
        failures: list[Any] = []
        connecting = lab.connecting(transports=transport).addBoth(failures.append)
        for _ in range(steps):
            lab.clock.advance(0)
        connecting.cancel()
        lab.advance(1)
        assert len(failures) == 1
        if isinstance(failures[0], Noting):
            failures[0].close()
        else:
            assert failures[0].check(CancelledError)
        lab.advance(0.1)
        assert lab.network.ends == []
    lab.settle()


def test_it_is_an_endpoint_and_a_service_reconnects_by_it() -> None:
    lab = ClientLab()
    endpoint = lab.endpoint()
    assert verifyObject(IStreamClientEndpoint, endpoint)
    assert repr(endpoint) == "<SockJSClientEndpoint http://server.example/echo>"
    clients: list[Noting] = []

    def remember(client: Any) -> None:
        clients.append(client)

    service = ClientService(
        endpoint,
        Factory.forProtocol(Noting),
        retryPolicy=lambda _: 1,
        clock=lab.clock,
        prepareConnection=remember,
    )
    service.startService()
    lab.advance()
    clients[0].send("close")
    lab.advance(2)
    assert [client.reason is None for client in clients] == [False, True]
    clients[1].send("again")
    lab.advance()
    assert clients[1].messages == ["again"]
    service.stopService()
    lab.settle()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"transports": "carrier-pigeon"}, "transports must be of websocket"),
        ({"transports": ()}, "must name at least one"),
        ({"url": "ftp://example.com"}, "a URL must be http://HOST/PATH"),
        ({"timeout": 0}, "timeout must be > 0, not 0"),
        ({"send_limit": None}, "send_limit must be > 0"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "the header X-A must be printable ASCII"),
        ({"cookies": {"a": "b; c=d"}}, "the cookie a has a character"),
        ({"fallback_encoding": "klingon"}, "fallback_encoding must be a text encoding"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_made(options: dict[str, Any], words: str) -> None:
    options = {"url": "http://example.com/echo", **options}
    with pytest.raises(SettingsError, match=words):
        SockJSClientEndpoint(Clock(), **options)


def test_a_websocket_does_not_pass_an_agent_by() -> None:
    clock = Clock()
    agent = Agent(clock)
    url = "http://example.com/echo"
    endpoint = SockJSClientEndpoint(clock, url, agent=agent)
    assert "websocket" not in endpoint.opening.options.transports
    with pytest.raises(SettingsError, match="a websocket can't go through an agent"):
        SockJSClientEndpoint(clock, url, agent=agent, transports="websocket")


def test_an_agent_makes_the_requests() -> None:
    lab = ClientLab()
    agent = Agent.usingEndpointFactory(lab.clock, lab.network)
    endpoint = SockJSClientEndpoint(lab.clock, "http://server.example/echo", agent=agent)
    clients: list[Any] = []
    endpoint.connect(Factory.forProtocol(Noting)).addCallback(clients.append)
    lab.advance()
    assert clients[0].transport.name == "xhr_streaming"
    clients[0].close()
    lab.settle()


def test_a_server_that_is_not_there() -> None:
    lab = ClientLab()
    lab.network.refuses = True
    error = lab.failure()
    assert isinstance(error, ConnectionFailed)
    assert str(error) == (
        "cannot connect to http://server.example/echo: "
        "info: Connection was refused by other side: refused."
    )
    lab.settle()
