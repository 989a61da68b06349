"""What a node publishes in rooms: together, in order, and counted."""

import json

from twisted.internet.task import Clock

from txsockjs.actors.scheduler import Scheduler
from txsockjs.cluster import outgoing
from txsockjs.wire.publication import CLOSE, POST, SEND

TEA, COFFEE = ("", "tea"), ("", "coffee")


class Bus:
    node = "me"
    connected = True

    def __init__(self):
        self.published = []

    def publish(self, channel, data):
        content = json.loads(data)
        assert (content.pop("v"), content.pop("from")) == (1, "me")
        self.published.append((channel.partition("#")[2], content))


def make():
    bus, scheduler = Bus(), Scheduler(Clock())
    return bus, scheduler, outgoing.Outgoing(bus, "/chat", scheduler)


def test_one_kind_after_the_other_is_published_when_the_turn_ends():
    bus, scheduler, out = make()

    def turn():
        out.say(TEA, SEND, "a")
        out.say(COFFEE, SEND, "x")
        out.say(TEA, SEND, "b")
        out.say(TEA, POST, 1)
        out.say(TEA, CLOSE, [3000, ""])
        out.say(TEA, SEND, "c")
        assert bus.published == []

    scheduler.turn(turn)
    assert bus.published == [
        ("tea", {"n": 1, "send": ["a", "b"]}),
        ("tea", {"n": 2, "post": [1]}),
        ("tea", {"n": 3, "close": [3000, ""]}),
        ("tea", {"n": 4, "send": ["c"]}),
        ("coffee", {"n": 1, "send": ["x"]}),
    ]


def test_counts_go_on_whoever_is_in_the_room():
    bus, _, out = make()
    out.say(TEA, SEND, "a")
    out.keep(TEA)
    out.say(TEA, SEND, "b")
    assert out.count(TEA) == 2
    out.let_go(TEA)
    out.say(TEA, SEND, "c")
    assert [content["n"] for _, content in bus.published] == [1, 2, 3]
    assert out.count(COFFEE) == 0


def test_counts_without_members_are_bounded(monkeypatch):
    monkeypatch.setattr(outgoing, "_MOST_COUNTS", 10)
    _, _, out = make()
    for n in range(100):
        out.say(("", str(n)), SEND, "x")
    assert len(out._counts) == 10
    assert out.count(("", "99")) == 1
    assert out.count(("", "0")) == 0


def test_what_was_said_while_the_bus_was_away_is_counted_when_it_is_back(monkeypatch):
    monkeypatch.setattr(outgoing, "_MOST_COUNTS", 1)
    bus, _, out = make()
    out.say(TEA, SEND, "a")
    bus.connected = False
    out.say(COFFEE, SEND, "b")
    out.say(TEA, SEND, "c")
    bus.connected = True
    bus.published.clear()
    out.publish_counts()
    out.publish_counts()
    assert bus.published == [("tea", {"n": 1})]
