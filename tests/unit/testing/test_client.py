"""The clients for tests of applications: every transport, and what a network does to them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall, deferLater

from txsockjs import Refused, SockJSConnection, SockJSRouter, testing
from txsockjs.server.front import Front

FRAMED = [transport for transport in testing.TRANSPORTS if transport != "rawwebsocket"]
POLLS = ["xhr", "jsonp"]
STREAMS = ["xhr_streaming", "eventsource", "htmlfile"]
SOCKETS = ["websocket", "rawwebsocket"]

TEXTS = [
    "plain",
    "",
    "☃ é \x85 \xa0 😀",
    "a\ud800b",
    "%41 %25 %",
    "\r\n\r\n \n \x00",
    "data: x\r\n\r\ndata: y",
    "</script><script>\np(1);\n</script>\r\n",
    '"); //',
    "h" * 2048,
]


class Echo(SockJSConnection):
    """Sends everything back, and notes what happens to it."""

    log: list[Any]
    gate: Deferred[None] | None

    def on_open(self, info: Any) -> Any:
        self.log.append(self)
        if info.get_argument("token") == "wrong":
            raise Refused(4003, "wrong token")

    def on_message(self, message: Any) -> Any:
        if message == "close":
            self.close(3001, "as told")
        elif message == "wait":
            type(self).gate = Deferred()
            return self.gate
        elif message == "flood":
            for _ in range(100):
                self.send("x" * 10000)
        else:
            self.send(message)
        return None

    def on_close(self) -> None:
        self.log.append(self.close_reason)


def make_router(**settings: Any) -> Any:
    connection = type("Echo", (Echo,), {"log": [], "gate": None})
    return SockJSRouter(connection, "/echo", reactor=Clock(), **settings)


@pytest.fixture(autouse=True, params=[False, True], ids=["site", "plain"])
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Go both ways that a server may have its requests from."""
    monkeypatch.setattr(testing, "connect", partial(testing.connect, plain=request.param))
    return bool(request.param)


@pytest.fixture
def router() -> Iterator[Any]:
    router = make_router()
    yield router
    testing.settle(router)


def log(router: Any) -> list[Any]:
    found: list[Any] = router.get_connection_class().log
    return found


# -- every transport


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_messages_come_back_in_order(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    assert client.is_open
    client.send("one")
    client.send("two", "three")
    assert client.take() == ["one", "two", "three"]
    assert client.take() == []
    assert client.messages == ["one", "two", "three"]
    assert log(router)[0].info.transport == transport


def test_a_plain_client_is_served_by_twisted_web_alone(router: Any, plain: bool) -> None:
    client = testing.connect(router, "xhr_streaming")
    (connection,) = client._connections()
    assert isinstance(connection.transport.protocol, Front) is not plain


@pytest.mark.parametrize(
    ("name", "ours"),
    [("xhr-streaming", "xhr_streaming"), ("xhr-polling", "xhr"), ("jsonp-polling", "jsonp")],
)
def test_a_transport_may_have_the_clients_name(router: Any, name: str, ours: str) -> None:
    client = testing.connect(router, name)
    client.send("hello")
    assert client.messages == ["hello"]
    assert log(router)[0].info.transport == ours


@pytest.mark.parametrize("transport", FRAMED)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_comes_back_unchanged(router: Any, transport: str, text: str) -> None:
    client = testing.connect(router, transport)
    client.send(text, text)
    client.send(text)
    assert client.messages == [text, text, text]


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 300000])
@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_messages_may_be_long(router: Any, transport: str, size: int) -> None:
    client = testing.connect(router, transport)
    client.send("x" * size)
    client.send("after")
    assert client.messages == ["x" * size, "after"]


def test_a_raw_websocket_has_binary_messages(router: Any) -> None:
    client = testing.connect(router, "rawwebsocket")
    client.send(b"\xff\x00", "text")
    assert client.messages == [b"\xff\x00", "text"]
    with pytest.raises(TypeError, match="a message must be str, not b'x'"):
        testing.connect(router, "websocket").send(b"x")


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_what_the_server_sends_by_itself_comes(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    [connection] = log(router)
    for number in range(3):
        connection.send(str(number))
    assert client.messages == ["0", "1", "2"]
    # Nobody looks, and still a poll is followed by the next.
    for number in range(3):
        connection.send(str(number))
        testing.advance(router.reactor, 4)
    assert not connection.is_closed
    assert client.take() == ["0", "1", "2"] * 2


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_the_servers_close_is_heard_with_what_was_sent_before(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.send("last words")
    client.send("close")
    assert client.messages == ["last words"]
    assert client.close_reason == (3001, "as told")
    assert not client.is_open
    client.advance(1)
    assert log(router)[1:] == [(3001, "as told")]
    with pytest.raises(RuntimeError, match="closed, 1 messages> can't send any more"):
        client.send("x")
    client.close()


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_the_clients_close_is_heard_once(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.close()
    client.close()
    client.advance(1)
    assert len(log(router)) == 2
    assert not client.is_open
    assert client.close_reason == ((1000, "") if transport in SOCKETS else None)


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_time_brings_heartbeats(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.advance(26 * 4)
    assert client.heartbeats == (0 if transport == "rawwebsocket" else 4)
    assert client.is_open


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_client_has_an_address_a_query_and_headers(router: Any, transport: str) -> None:
    headers = {"User-Agent": "test/1", "Origin": "http://page.example"}
    testing.connect(router, transport, ip="2001:db8::1", query="token=right", headers=headers)
    info = log(router)[0].info
    assert info.ip == "2001:db8::1"
    assert info.get_argument("token") == "right"
    assert info.get_header("user-agent") == "test/1"
    assert info.origin == "http://page.example"


@pytest.mark.parametrize("transport", FRAMED)
def test_an_application_may_refuse(router: Any, transport: str) -> None:
    client = testing.connect(router, transport, query="token=wrong")
    assert client.close_reason == (4003, "wrong token")
    assert not client.is_open


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_server_may_refuse(transport: str) -> None:
    router = make_router(max_sessions=1)
    testing.connect(router)
    with pytest.raises(testing.BadAnswer, match="was answered with 503 No new sessions now") as bad:
        testing.connect(router, transport)
    assert (bad.value.status, bad.value.body) == (503, b"No new sessions now.")
    testing.settle(router)


def test_time_must_be_a_clock_s() -> None:
    with pytest.raises(TypeError, match="the router's reactor must be a Clock, not <"):
        testing.connect(SockJSRouter(Echo))


def test_a_response_that_did_not_come_has_no_status(router: Any) -> None:
    connection = testing.Connection(router.resource(), router.reactor)
    assert (connection.status, connection.body) == (0, b"")
    assert connection.request("GET", "/nowhere").status == 404


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_the_servers_close_is_seen_wherever_one_looks(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    [connection] = [session.connection for session in router.sessions]
    connection.send("bye")
    connection.close(3001, "as told")
    assert client.close_reason == (3001, "as told")
    assert client.messages == ["bye"]


def test_a_transport_must_be_one(router: Any) -> None:
    with pytest.raises(ValueError, match=r"must be one of websocket, .*, not 'telnet'"):
        testing.connect(router, "telnet")


def test_a_second_receiver_is_told_so(router: Any) -> None:
    one = testing.connect(router, "xhr", session_id="same")
    two = testing.connect(router, "xhr_streaming", session_id="same")
    assert two.close_reason == (2010, "Another connection still open")
    assert one.is_open
    assert repr(two) == "<xhr_streaming client same closed, 0 messages>"


def test_a_refused_post_is_an_error(router: Any) -> None:
    client = testing.connect(router, "xhr")
    client.stop_reading()
    log(router)[0].close()
    client.send("too late")
    with pytest.raises(testing.BadAnswer, match="xhr_send was answered with 404"):
        client.read_on()


# -- what networks do


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_lost_connection_is_noticed_at_once(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.drop()
    router.reactor.advance(0)
    assert len(log(router)) == 2
    assert not client.is_open
    assert client.close_reason is None


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_connection_that_is_half_open_is_noticed_in_time(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.half_open()
    assert not client.is_open
    router.broadcast([log(router)[0]], "x")
    client.advance(3)
    assert len(log(router)) == 1
    client.advance(router.settings.peer_timeout * 2)
    assert len(log(router)) == 2
    assert client.messages == []


@pytest.mark.parametrize("transport", STREAMS + SOCKETS)
def test_a_client_that_stops_reading_gets_everything_later(router: Any, transport: str) -> None:
    client = testing.connect(router, transport)
    client.stop_reading()
    [connection] = log(router)
    for number in range(10):
        connection.send(str(number))
    assert client.messages == []
    client.read_on()
    assert client.messages == [str(number) for number in range(10)]
    client.send("on")
    assert client.messages[-1] == "on"


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_client_that_never_reads_is_a_slow_consumer(transport: str) -> None:
    router = make_router(send_limit=200000, response_limit=10**9)
    client = testing.connect(router, transport)
    client.send("wait")
    client.stop_reading()
    [connection] = log(router)
    for _ in range(100):
        connection.send("x" * 10000)
    type(connection).gate.callback(None)
    testing.advance(router.reactor, 0.1)
    assert log(router)[1:] == [(1008, "Slow consumer")]
    assert router.stats.slow_consumers == 1
    client.read_on()
    assert not client.is_open or transport in POLLS
    testing.settle(router)


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_client_is_held_while_the_mailbox_is_full(transport: str) -> None:
    router = make_router(mailbox_limit=1000)
    client = testing.connect(router, transport)
    client.send("wait")
    client.send("x" * 2000)
    assert client.is_held
    client.send("later")
    client.send("last")
    assert client.messages == []
    type(log(router)[0]).gate.callback(None)
    assert client.messages == ["x" * 2000, "later", "last"]
    assert not client.is_held
    testing.settle(router)


# -- settling


def test_what_is_left_behind_is_told() -> None:
    router = make_router()
    testing.connect(router)
    ticker = LoopingCall(lambda: None)
    ticker.clock = router.reactor
    ticker.start(7)
    with pytest.raises(AssertionError, match="delayed calls are left: <DelayedCall"):
        testing.settle(router)
    ticker.stop()


def test_an_application_that_does_not_end_is_told() -> None:
    class Clinging(Echo):
        log: list[Any] = []

        def on_close(self) -> Any:
            return Deferred()

    router = SockJSRouter(Clinging, reactor=Clock(), disconnect_delay=1000)
    testing.connect(router)
    with pytest.raises(
        AssertionError, match="is not closed: an on_close that does not end is left"
    ):
        testing.settle(router)
    stuck = make_router()
    client = testing.connect(stuck)
    client.stop_reading()
    log(stuck)[0].send("x" * 100000)
    with pytest.raises(AssertionError, match=r"is not closed: \[<BaseSession .*\] is left"):
        testing.settle(stuck)


class Starting(SockJSConnection):
    """Needs a time to start and to stop."""

    log: list[str]
    error: str | None = None

    @classmethod
    async def on_start(cls, router: Any) -> None:
        await deferLater(router.reactor, 5)
        if cls.error is not None:
            raise RuntimeError(cls.error)
        cls.log.append("started")

    @classmethod
    async def on_stop(cls, router: Any) -> None:
        await deferLater(router.reactor, 5)
        cls.log.append("stopped")

    def on_open(self, info: Any) -> None:
        self.log.append("open")

    def on_close(self) -> None:
        self.log.append("close")


def starting(**names: Any) -> SockJSRouter:
    connection = type("Starting", (Starting,), {"log": [], **names})
    return SockJSRouter(connection, reactor=Clock())


def test_what_connections_share_is_started_and_stopped() -> None:
    router = starting()
    testing.connect(router)
    testing.connect(router)
    testing.settle(router)
    assert log(router) == ["started", "open", "open", "close", "close", "stopped"]


def test_it_can_be_started_without_a_client() -> None:
    router = starting()
    testing.start(router)
    assert log(router) == ["started"]
    testing.settle(router)
    assert log(router) == ["started", "stopped"]


def test_what_can_not_be_started_is_told() -> None:
    with pytest.raises(RuntimeError, match="no pool"):
        testing.connect(starting(error="no pool"))
    with pytest.raises(AssertionError, match=r"an on_start of .* does not end"):
        testing.connect(starting(on_start=classmethod(lambda cls, router: Deferred())))
