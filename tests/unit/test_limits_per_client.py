"""Limits per client on every transport and way: what is refused, how, and that each end counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import integers, sampled_from
from twisted.internet.error import ConnectionLost
from twisted.logger import capturedLogs, formatEvent

from txsockjs import Refused, SockJSConnection
from txsockjs.multiplex import MultiplexConnection
from txsockjs.transports.receiver import HTTPReceiver

from ..support.cluster import Cluster, answer
from ..support.frames import masked, text
from ..support.memory import Echo, Lab
from ..support.sites import Client, SiteLab, Wire, read_answers, request
from ..support.speed import examples

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
ORIGIN = "http://guest.example"
# By transport: the method and the path of what opens a session.
OPENS: dict[str, tuple[str, str]] = {
    "websocket": ("GET", "/chat/000/{}/websocket"),
    "rawwebsocket": ("GET", "/chat/websocket"),
    "xhr": ("POST", "/chat/000/{}/xhr"),
    "xhr_streaming": ("POST", "/chat/000/{}/xhr_streaming"),
    "jsonp": ("GET", "/chat/000/{}/jsonp?c=cb"),
    "eventsource": ("GET", "/chat/000/{}/eventsource"),
    "htmlfile": ("GET", "/chat/000/{}/htmlfile?c=cb"),
}
TRANSPORTS = pytest.mark.parametrize("transport", list(OPENS))


def opening(transport: str, session_id: str, *lines: str) -> bytes:
    """The request that opens a session."""
    method, path = OPENS[transport]
    upgrade = UPGRADE if "websocket" in transport else ()
    return request(method, path.format(session_id), b"", f"Origin: {ORIGIN}", *upgrade, *lines)


def limits_of(lab: Any) -> Any:
    limits = lab.router.client_limits
    assert limits is not None
    return limits


@pytest.fixture(params=[True, False], ids=["fast", "web"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether the front serves it, or twisted.web."""
    return bool(request.param)


# -- what is refused, and how


@TRANSPORTS
@pytest.mark.parametrize(
    ("setting", "value", "kind", "words", "seconds"),
    [
        ("max_sessions_per_ip", 1, "limit", b"Too many sessions from this address.", "7"),
        (
            "open_rate_per_ip",
            "1/min",
            "rate",
            b"New sessions come too fast from this address.",
            "60",
        ),
    ],
)
def test_one_too_many_is_429_on_every_transport(
    transport: str, setting: str, value: Any, kind: str, words: bytes, seconds: str, fast: bool
) -> None:
    lab = SiteLab(fast=fast, disconnect_delay=7, **{setting: value})
    lab.connect().send(opening(transport, "one"))
    assert lab.log == ["open"]
    client = lab.connect()
    client.send(opening(transport, "two"))
    (refused,) = read_answers(client.received)
    headers = dict(refused.headers)
    assert (refused.status, refused.body) == ("HTTP/1.1 429 Too Many Requests", [words])
    assert headers["retry-after"] == seconds
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["cache-control"].startswith("no-store")
    assert lab.router.stats.refusals[kind] == 1
    assert sum(lab.router.stats.refusals.values()) == 1
    assert len(lab.router.sessions) == 1
    assert lab.log == ["open"]
    client.send(request("GET", "/chat/info"))  # the connection is left to HTTP
    assert [each.code for each in client.answers] == [429, 200]
    lab.settle()


@TRANSPORTS
def test_when_a_session_is_over_another_one_may_come(transport: str, fast: bool) -> None:
    lab = SiteLab(fast=fast, disconnect_delay=5, max_sessions_per_ip=1)
    first = lab.connect()
    first.send(opening(transport, "one"))
    lab.connect().send(opening(transport, "two"))
    assert lab.router.stats.refusals["limit"] == 1
    first.vanish()
    lab.pass_time(10)
    lab.connect().send(opening(transport, "three"))
    assert lab.router.stats.refusals["limit"] == 1
    assert lab.log.count("open") == 2
    lab.settle()
    assert limits_of(lab)._sessions == {}


def test_a_session_that_is_there_is_served_whatever_its_client_has(fast: bool) -> None:
    lab = SiteLab(fast=fast, max_sessions_per_ip=1, open_rate_per_ip="1/h")
    client = lab.connect()
    for _ in range(3):
        client.send(request("POST", "/chat/000/abc/xhr"))
        client.send(request("POST", "/chat/000/abc/xhr_send", b'["x"]'))
        client.send(request("GET", "/chat/info"))
    assert {each.code for each in client.answers} == {200, 204}
    assert sum(lab.router.stats.refusals.values()) == 0
    lab.settle()


def test_opens_over_one_connection_count_each(fast: bool) -> None:
    lab = SiteLab(fast=fast, max_sessions_per_ip=3, open_rate_per_ip="100/s")
    client = lab.connect()
    client.send(b"".join(opening("xhr", f"s{number}") for number in range(20)))
    lab.pass_time(1)
    codes = [each.code for each in client.answers]
    assert codes == [200] * 3 + [429] * 17
    again = lab.connect()
    again.send(opening("xhr", "more"))
    assert again.answers[0].code == 429
    lab.settle()


def test_a_header_of_a_client_makes_it_no_other_one(fast: bool) -> None:
    lab = SiteLab(fast=fast, max_sessions_per_ip=1)
    for number in range(50):
        spoofed = f"X-Forwarded-For: 198.51.100.{number}", f"Forwarded: for=198.51.100.{number}"
        lab.connect().send(opening("xhr", f"s{number}", *spoofed))
    assert lab.router.stats.refusals["limit"] == 49
    assert limits_of(lab)._sessions == {"192.0.2.1": 1}
    lab.settle()


@TRANSPORTS
def test_thousands_of_addresses_of_one_network_are_one_client(transport: str, fast: bool) -> None:
    lab = SiteLab(fast=fast, max_sessions_per_ip=2, open_rate_per_ip="1000/s")
    for number in range(300):
        ip = f"2001:db8:5:6:{number:x}:{number:x}::1"
        client = Client(lab.site, lab.clock, Wire(lab.clock, ip))
        lab.clients.append(client)
        client.send(opening(transport, f"s{number}"))
    assert lab.router.stats.refusals["limit"] == 298
    limits = limits_of(lab)
    assert limits._sessions == {"2001:db8:5:6::/64": 2}
    assert len(limits._buckets) == 1
    lab.settle()


def test_refusals_are_logged_once_a_second_with_how_many_and_whose() -> None:
    lab = Lab(prefix="/chat", open_rate_per_ip="1/h")
    with capturedLogs() as logs:
        for number in range(40):
            lab.xhr(f"/chat/000/s{number}/xhr", Origin=ORIGIN)
            # A body that comes later is refused by its head, and counted with the answer.
            lab.send(b"x" * 10, f"/chat/000/t{number}/xhr")
        lab.pass_time(5)
        lines = [formatEvent(event) for event in logs]
    router = "<SockJSRouter Echo at /chat>"
    words = "new sessions: open_rate_per_ip is 1/h, the last one was of 192.0.2.1"
    assert lines == [f"{router} refused 1 {words}", f"{router} refused 78 {words}"]
    assert lab.router.stats.refusals["rate"] == 79
    lab.settle()


def test_refusals_are_logged_when_no_session_is_left_either() -> None:
    lab = Lab(prefix="/chat", open_rate_per_ip="1/h", disconnect_delay=1)
    lab.xhr("/chat/000/one/xhr")
    lab.pass_time(60)
    assert lab.clock.getDelayedCalls() == []
    with capturedLogs() as logs:
        for _ in range(3):
            assert lab.xhr("/chat/000/two/xhr").status == 429
        assert len(logs) == 1
        lab.pass_time(60)
        assert len(logs) == 2
    assert lab.clock.getDelayedCalls() == []
    lab.settle()


def test_without_these_settings_nobody_is_counted() -> None:
    lab = Lab(message_rate="1/s")
    assert lab.router.client_limits is None
    assert lab.router.end_observers == []


# -- each end counts, once


class Moody(Echo):
    """Does at its open what its client asks for in the query string."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        if session.info.get_argument("do") == "init":
            raise RuntimeError("as asked")

    def on_open(self, info: Any) -> Any:
        super().on_open(info)
        what = info.get_argument("do")
        if what == "raise":
            raise RuntimeError("as asked")
        if what == "refuse":
            raise Refused(4000, "as asked")
        if what == "close":
            self.close()
        if what == "abort":
            self.session.abort()
        return what != "false"


@pytest.mark.parametrize("what", ["init", "raise", "refuse", "close", "abort", "false"])
@pytest.mark.parametrize("transport", ["xhr", "xhr_streaming", "websocket"])
def test_a_session_that_ends_in_its_open_counts_no_more(what: str, transport: str) -> None:
    lab = Lab(Moody, max_sessions_per_ip=1)
    with capturedLogs():
        for number in range(3):
            path = f"/000/s{number}/{transport}?do={what}"
            client = lab.upgrade(path) if transport == "websocket" else lab.xhr(path)
            assert client.status != 429
            assert limits_of(lab)._sessions == {}
            lab.clock.advance(0)
    lab.settle()


def test_a_session_that_never_opens_counts_until_it_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = Lab(max_sessions_per_ip=1, disconnect_delay=3)
    with monkeypatch.context() as patch, capturedLogs():
        patch.setattr(HTTPReceiver, "attach", lambda receiver, session: 1 / 0)
        assert lab.xhr("/000/one/xhr").status == 500
    assert lab.xhr("/000/two/xhr").status == 429
    lab.pass_time(5)
    assert limits_of(lab)._sessions == {}
    assert lab.xhr("/000/three/xhr").status == 200
    lab.settle()


class Crowd(RuleBasedStateMachine):
    """Clients of three addresses whose sessions begin and end in any way, in any order."""

    MOST = 3

    @initialize()
    def begin(self) -> None:
        self.lab = Lab(Moody, max_sessions_per_ip=self.MOST, disconnect_delay=5)
        self.clients: list[Any] = []
        self.count = 0

    def _there(self) -> Counter[str]:
        """Count the sessions of each address that are not over, as the router has them."""
        found: Counter[str] = Counter()
        for session in self.lab.router.sessions:
            if not session.is_closed:
                found[session.info.ip] += 1
        return found

    @rule(
        peer=sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        name=sampled_from(["xhr", "xhr_streaming", "eventsource", "websocket", ""]),
        what=sampled_from(["", "", "", "raise", "refuse", "abort", "close"]),
    )
    def a_client_comes(self, peer: str, name: str, what: str) -> None:
        full = self._there()[peer] >= self.MOST
        self.count += 1
        path = f"/000/s{self.count}/{name}?do={what}" if name else f"/websocket?do={what}"
        client = self.lab.connect(peer)
        with capturedLogs():
            if name in ("", "websocket"):
                client.upgrade(path)
            else:
                client.request("GET" if name == "eventsource" else "POST", path)
        assert (client.status == 429) is full
        if not full:
            self.clients.append(client)

    @precondition(lambda self: self.clients)
    @rule(which=integers(0, 1000), clean=sampled_from([True, False]))
    def a_client_vanishes(self, which: int, clean: bool) -> None:
        self.clients.pop(which % len(self.clients)).vanish(None if clean else ConnectionLost())

    @precondition(lambda self: self.clients)
    @rule(which=integers(0, 1000), data=sampled_from([masked(b"", 0x88), masked(b"no JSON")]))
    def a_client_says_something(self, which: int, data: bytes) -> None:
        client = self.clients[which % len(self.clients)]
        if client.is_open and client.status == 101:
            client.send(data)

    @precondition(lambda self: len(self.lab.router.sessions))
    @rule(which=integers(0, 1000), how=sampled_from(["close", "abort"]))
    def a_session_is_ended(self, which: int, how: str) -> None:
        sessions = list(self.lab.router.sessions)
        getattr(sessions[which % len(sessions)], how)()

    @precondition(lambda self: len(self.lab.router.sessions))
    @rule(which=integers(0, 1000))
    def a_session_is_polled_again(self, which: int) -> None:
        sessions = list(self.lab.router.sessions)
        session = sessions[which % len(sessions)]
        if session.transport not in ("websocket", "rawwebsocket"):
            client = self.lab.connect(session.info.ip)
            client.request("POST", f"/000/{session.session_id}/xhr")
            assert client.status != 429
            self.clients.append(client)

    @rule(seconds=sampled_from([0, 1, 3, 10]))
    def time_goes_by(self, seconds: int) -> None:
        self.lab.clock.advance(0)
        self.lab.pass_time(seconds)

    @invariant()
    def each_client_is_counted_for_what_it_has(self) -> None:
        assert dict(self._there()) == limits_of(self.lab)._sessions

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.settle()
            assert limits_of(self.lab)._sessions == {}
            assert limits_of(self.lab)._sessions.clients == {}


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)


# -- other nodes


def test_a_client_over_its_limit_is_not_sent_to_another_node() -> None:
    cluster = Cluster(2, max_sessions_per_ip=1)
    cluster.advance(3)  # until each knows of the other
    cluster.poll(0, session_id="one")
    second = cluster.poll(0, session_id="two")
    assert answer(second)[0] == 429
    assert [len(node.router.sessions) for node in cluster.nodes] == [1, 0]
    assert cluster.nodes[0].router.stats.refusals["limit"] == 1
    relay: Any = cluster.nodes[0].router.relay
    assert "two" not in relay._claims
    # Each process counts what it has.
    assert answer(cluster.poll(1, session_id="three")) == (200, b"o\n")
    cluster.settle()


def test_sessions_of_other_nodes_are_served_for_a_client_over_its_limit() -> None:
    cluster = Cluster(2, max_sessions_per_ip=1, open_rate_per_ip="1/h")
    cluster.poll(0, session_id="one")
    assert answer(cluster.poll(1, session_id="two")) == (200, b"o\n")
    assert answer(cluster.say(0, "hello", session_id="two")) == (204, b"")
    assert answer(cluster.poll(0, session_id="two")) == (200, b'a["hello"]\n')
    assert [sum(node.router.stats.refusals.values()) for node in cluster.nodes] == [0, 0]
    cluster.settle()


@pytest.mark.parametrize(
    ("setting", "value", "kind"),
    [("max_sessions_per_ip", 1, "limit"), ("open_rate_per_ip", "1/h", "rate")],
)
def test_a_session_that_another_node_opens_counts_there(
    setting: str, value: Any, kind: str
) -> None:
    cluster = Cluster(2, **{setting: value})
    cluster.advance(3)  # until each knows of the other
    cluster.nodes[0].router.leaving = True  # so that it lets others open them
    assert answer(cluster.poll(0, session_id="one")) == (200, b"o\n")
    refused = cluster.poll(0, session_id="two", headers=f"Origin: {ORIGIN}")
    (head,) = read_answers(refused.received)
    headers = dict(head.headers)
    assert head.code == 429
    assert headers["access-control-allow-origin"] == ORIGIN
    assert int(headers["retry-after"]) >= 1
    assert [node.router.stats.refusals[kind] for node in cluster.nodes] == [0, 1]
    limits: Any = [node.router.client_limits for node in cluster.nodes]
    counted = [each._sessions or each._buckets for each in limits]
    assert [list(each) for each in counted] == [[], ["192.0.2.1"]]
    relay: Any = cluster.nodes[1].router.relay
    assert "two" not in relay._claims
    cluster.settle()
    assert limits[1]._sessions == {}


# -- channels


class Channel(SockJSConnection):
    """Notes what it is told."""

    heard: list[str]

    def on_message(self, message: str) -> None:
        self.heard.append(message)


def channels() -> tuple[type[Any], list[str]]:
    heard: list[str] = []
    channel = type("Channel", (Channel,), {"heard": heard})
    names = {f"c{number}": channel for number in range(9)}
    return MultiplexConnection.get(**names), heard


def test_channels_are_no_sessions() -> None:
    connection, heard = channels()
    lab = Lab(connection, max_sessions_per_ip=1, open_rate_per_ip="1/h")
    socket = lab.upgrade("/websocket")
    for number in range(9):
        socket.send(text("/websocket", f"sub,c{number}"))
        socket.send(text("/websocket", f"msg,c{number},hello"))
    assert heard == ["hello"] * 9
    assert limits_of(lab)._sessions == {"192.0.2.1": 1}
    socket.send(text("/websocket", "uns,c1"))
    lab.clock.advance(0)
    assert limits_of(lab)._sessions == {"192.0.2.1": 1}
    assert lab.upgrade("/websocket").status == 429
    socket.vanish()
    lab.clock.advance(0)
    assert limits_of(lab)._sessions == {}
    lab.settle()


def test_all_channels_of_a_session_share_its_rate() -> None:
    connection, heard = channels()
    lab = Lab(connection, message_rate="6/s")
    socket = lab.upgrade("/websocket")
    for number in range(4):
        socket.send(text("/websocket", f"sub,c{number}"))
    for number in range(4):
        socket.send(text("/websocket", f"msg,c{number},{number}"))
    assert heard == ["0", "1"]
    lab.pass_time(1)
    assert heard == ["0", "1", "2", "3"]
    lab.settle()
