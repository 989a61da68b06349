"""What the page in the browser hears, over the admin site's own SockJS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs

from txsockjs.admin.asking import Asker, NoAnswer, Replies
from txsockjs.admin.feed import INTERVAL, KEPT, Watch

from ...support.memory import Connection
from .test_resource import TOKEN, Place

OWN = {"Origin": "http://server.example"}


def opened(place: Place, at: str = "127.0.0.1", **headers: str) -> Connection:
    socket = place.connect(at).upgrade("/feed/websocket", **(headers or OWN))
    place.lab.clock.advance(0)
    return socket


def heard(socket: Connection) -> list[Any]:
    """Return the messages that came since the last call."""
    data = socket.take().rpartition(b"\r\n\r\n")[2]
    found = []
    while data:
        opcode, size, start = data[0] & 15, data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        payload, data = data[start : start + size], data[start + size :]
        if opcode == 1:
            found.append(json.loads(payload))
        elif opcode == 8:
            found.append((int.from_bytes(payload[:2], "big"), payload[2:].decode()))
    return found


def test_who_looks_hears_what_was_and_then_what_is() -> None:
    place = Place()
    place.lab.upgrade("/chat/000/abc/websocket")
    first = opened(place)
    past, now = heard(first)
    assert past == {"interval": INTERVAL, "label": "", "history": []}
    assert now["now"]["sessions"]["websocket"] == 1
    assert [each["name"] for each in now["now"]["processes"]] == ["here"]
    place.lab.pass_time(2)
    assert len(heard(first)) == 2
    second = opened(place)
    (past,) = heard(second)
    assert len(past["history"]) == 3
    assert [each["name"] for each in past["history"][0]["processes"]] == ["here"]
    place.settle()
    assert place.lab.clock.getDelayedCalls() == []


def test_nobody_is_asked_while_nobody_looks() -> None:
    place = Place()
    socket = opened(place)
    place.lab.pass_time(3)
    socket.vanish()
    heard(socket)
    place.lab.pass_time(30)
    (past, *_) = heard(opened(place))
    assert len(past["history"]) <= 5
    place.settle()


class Slow(Asker):
    """Answers a question after a while."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.asked: list[float] = []

    def ask(self, *arguments: Any, **options: Any) -> Deferred[Replies]:
        self.asked.append(self.clock.seconds())
        return deferLater(self.clock, self.seconds, lambda: Replies({}, {}, ["1"]))


@pytest.mark.parametrize(
    ("takes", "times"),
    [
        (0.0, [0.0, 1.0, 2.0, 3.0]),
        (0.25, [0.0, 2.5, 5.0]),
        (2.0, [0.0, 7.0]),  # as for one that is silent
    ],
)
def test_the_longer_a_round_takes_the_rarer_it_is(takes: float, times: list[float]) -> None:
    clock = Clock()
    asker = Slow(clock, takes)
    watch = Watch(asker, clock)
    watcher: Any = Watcher()
    watch.add(watcher)
    clock.advance(0)
    while clock.seconds() < times[-1]:
        clock.advance(0.25)
    assert asker.asked == times
    watch.remove(watcher)
    clock.advance(10)
    assert clock.getDelayedCalls() == []


def test_who_comes_back_while_a_round_is_under_way_asks_nobody_twice() -> None:
    clock = Clock()
    asker = Slow(clock, 2.0)
    watch = Watch(asker, clock)
    watcher: Any = Watcher()
    watch.add(watcher)
    clock.advance(0.5)
    watch.remove(watcher)
    watch.add(watcher)
    clock.advance(1.5)
    assert asker.asked == [0.0]
    assert len(watcher.heard) == 3  # twice what was, and once what is
    watch.remove(watcher)
    assert clock.getDelayedCalls() == []


class Watcher:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def send(self, message: str) -> None:
        self.heard.append(message)


def test_a_round_that_fails_is_followed_by_others() -> None:
    class Failing(Slow):
        def ask(self, *arguments: Any, **options: Any) -> Deferred[Replies]:
            super().ask()
            if len(self.asked) == 1:
                raise NoAnswer("too many questions at once")
            raise RuntimeError("as told")

    clock = Clock()
    asker = Failing(clock, 0)
    watch = Watch(asker, clock)
    watcher: Any = Watcher()
    with capturedLogs() as logs:
        watch.add(watcher)
        clock.advance(1)
        clock.advance(1)
    assert len(asker.asked) == 3
    assert len(watcher.heard) == 1
    assert len(logs) == 3
    watch.remove(watcher)


def test_a_sample_is_written_once_however_many_look(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    watch = Watch(Slow(clock, 0), clock)
    first: Any = Watcher()
    watch.add(first)
    clock.pump([1] * 20)
    written: list[Any] = []
    monkeypatch.setattr(
        "txsockjs.admin.feed.json.dumps", lambda value: written.append(value) or "1"
    )
    others: list[Any] = [Watcher() for _ in range(3)]
    for other in others:
        watch.add(other)
    assert not any(isinstance(value, dict) and value.get("history") for value in written)
    clock.advance(1)
    assert sum(isinstance(value, dict) and "at" in value for value in written) == 1
    for watcher in [first, *others]:
        watch.remove(watcher)


def test_what_is_kept_is_bounded() -> None:
    place = Place()
    socket = opened(place)
    for _ in range(KEPT + 20):
        place.lab.clock.advance(INTERVAL)
        place.lab.clock.advance(0)
        heard(socket)
        socket.say(b"", opcode=10)  # as a browser answers pings
    (past, *_) = heard(opened(place))
    assert len(past["history"]) == KEPT
    place.settle()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://server.example:8080"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_page_from_elsewhere_hears_nothing(headers: dict[str, str]) -> None:
    place = Place()
    socket = opened(place, **headers)
    assert socket.status == 403
    poll = place.ask("POST", "/feed/000/abc/xhr", **headers)
    assert poll.status == 403
    assert "Access-Control-Allow-Origin" not in poll.received.decode()
    place.settle()


def test_from_elsewhere_the_token_comes_first() -> None:
    place = Place(token=TOKEN)
    socket = opened(place, "192.0.2.1")
    assert socket.status == 101
    assert heard(socket) == []
    place.lab.pass_time(3)
    assert heard(socket) == []
    socket.say(json.dumps({"token": TOKEN}).encode())
    place.lab.clock.advance(0)
    assert [list(each) for each in heard(socket)] == [["interval", "label", "history"], ["now"]]
    socket.say(b"anything more is not listened to")
    place.lab.pass_time(1)
    assert len(heard(socket)) == 1
    place.settle()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b'{"token": "a-wrong-token-of-tests"}', "wrong token"),
        (b'{"token": ""}', "a token is needed"),
        (b'{"token": 5}', "a token is needed"),
        (b"[]", "a token is needed"),
        (b"{", "not a token"),
        (b"[" * 4000, "not a token"),
    ],
)
def test_without_the_token_it_ends(said: bytes, reason: str) -> None:
    place = Place(token=TOKEN)
    socket = opened(place, "192.0.2.1")
    socket.say(said)
    assert heard(socket) == [(4401, reason)]
    place.settle()


def test_the_token_is_waited_for_ten_seconds() -> None:
    place = Place(token=TOKEN)
    socket = opened(place, "192.0.2.1")
    place.lab.pass_time(9)
    assert heard(socket) == []
    place.lab.pass_time(1)
    assert heard(socket) == [(4401, "a token is needed")]
    place.settle()


def test_without_a_token_nobody_gets_in_from_elsewhere() -> None:
    place = Place()
    assert opened(place, "192.0.2.1").status == 403
    place.settle()


@pytest.mark.parametrize(
    "path",
    [
        "/feed/info",
        "/feed/iframe.html",
        "/feed/",
        "/feed",
        "/feed/000/abc/eventsource",
        "/feed/1/2/jsonp",
    ],
)
def test_the_rest_of_sockjs_is_not_there(path: str) -> None:
    place = Place()
    assert place.ask("GET", path).status == 404
    place.settle()


def test_a_page_that_gets_no_websocket_polls() -> None:
    place = Place()
    assert place.ask("POST", "/feed/000/abc/xhr", **OWN).body == b"o\n"
    body = place.ask("POST", "/feed/000/abc/xhr", **OWN).body
    assert json.loads(json.loads(body[1:])[0]) == {"interval": INTERVAL, "label": "", "history": []}
    place.settle()
