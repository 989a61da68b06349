"""What a node publishes and subscribes to, while Redis is there, is away, and does not read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from twisted.python.failure import Failure

from txsockjs.cluster.bus import BusError
from txsockjs.cluster.link import WINDOW
from txsockjs.cluster.redis import channels as module
from txsockjs.cluster.redis.channels import Channels
from txsockjs.cluster.redis.client import Lost
from txsockjs.cluster.redis.envelope import SENDER, Envelope
from txsockjs.cluster.redis.resp import ReplyError
from txsockjs.cluster.redis.url import RedisURL

from .broker import FakeConnection

NODE = "n" * SENDER
ROOM = b"txsockjs:3:room"


class Lab:
    def __init__(self) -> None:
        self.connection = FakeConnection(RedisURL("h", database=3))
        self.counters: Counter[str] = Counter()
        connection: Any = self.connection
        envelope = Envelope(NODE, None, self.counters)
        self.channels = Channels(connection, envelope, self.counters)
        self.reach()

    def reach(self) -> None:
        """Connect anew, as a node does."""
        self.channels.subscribe_again()
        self.channels.reached()

    def subscribe(self, name: str = "room") -> list[Any]:
        done: list[Any] = []
        self.channels.subscribe(name).addCallback(done.append)
        return done

    def count(self, name: str = "room") -> list[Any]:
        found: list[Any] = []
        self.channels.count(name).addBoth(found.append)
        return found

    def published(self) -> list[tuple[bytes, bytes]]:
        """Take what was published, out of its envelopes."""
        found, self.connection.published = self.connection.published, []
        plain = b"1" + NODE.encode()
        assert all(message.startswith(plain) for _, message in found)
        return [(channel, message[len(plain) :]) for channel, message in found]


@pytest.fixture
def lab() -> Lab:
    return Lab()


# -- subscriptions


def test_a_subscription_holds_once_redis_confirmed_it(lab: Lab) -> None:
    done = lab.subscribe()
    assert lab.connection.told == [(b"SUBSCRIBE", ROOM)]
    lab.channels.confirmed(b"txsockjs:3:another")
    assert done == []
    lab.channels.confirmed(ROOM)
    assert done == [None]
    assert lab.channels.name(ROOM) == "room"
    assert lab.channels.name(b"txsockjs:3:another") is None


def test_each_subscription_waits_for_a_confirmation_of_its_own(lab: Lab) -> None:
    first = lab.subscribe()
    lab.channels.unsubscribe("room")
    second = lab.subscribe()
    lab.channels.confirmed(ROOM)  # of the first, which does not hold any more
    assert (first, second) == ([], [])
    lab.channels.confirmed(ROOM)
    assert (first, second) == ([None], [None])


def test_who_does_not_wait_any_more_is_not_told(lab: Lab) -> None:
    waiting = lab.channels.subscribe("room")
    waiting.addErrback(lambda _: None)
    done = lab.subscribe()
    waiting.cancel()
    lab.channels.confirmed(ROOM)
    lab.channels.confirmed(ROOM)
    assert done == [None]


def test_after_unsubscribing_it_is_no_channel_of_ours(lab: Lab) -> None:
    lab.subscribe()
    lab.channels.unsubscribe("room")
    assert lab.connection.told[-1] == (b"UNSUBSCRIBE", ROOM)
    assert lab.channels.name(ROOM) is None


def test_a_new_connection_subscribes_to_all_and_confirms_what_was_waited_for(lab: Lab) -> None:
    tea, chess, over = lab.subscribe("tea"), lab.subscribe("chess"), lab.subscribe("over")
    lab.channels.unsubscribe("over")
    lab.channels.confirmed(b"txsockjs:3:chess")
    lab.channels.lost()
    lab.connection.told.clear()
    lab.reach()
    assert lab.connection.told == [(b"SUBSCRIBE", b"txsockjs:3:tea", b"txsockjs:3:chess")]
    assert (tea, chess) == ([], [None])
    lab.channels.confirmed(b"txsockjs:3:tea")
    lab.channels.confirmed(b"txsockjs:3:chess")
    assert (tea, chess, over) == ([None], [None], [])


def test_a_connection_without_channels_subscribes_to_nothing(lab: Lab) -> None:
    assert lab.connection.told == []


def test_names_of_channels_may_be_any_text(lab: Lab) -> None:
    lab.subscribe("room:/chat#\u2603 \ud800")
    assert lab.connection.told == [
        (b"SUBSCRIBE", "txsockjs:3:room:/chat#\u2603 \ud800".encode("utf-8", "surrogatepass"))
    ]


# -- publications


def test_a_publication_leaves_at_once_in_an_envelope(lab: Lab) -> None:
    lab.channels.publish("room", b"x")
    assert lab.published() == [(ROOM, b"x")]


def test_publications_wait_for_redis_in_order(lab: Lab) -> None:
    lab.channels.lost()
    lab.channels.publish("room", b"1")
    lab.channels.publish("tea", b"2")
    assert lab.published() == []
    lab.reach()
    lab.channels.publish("room", b"3")
    assert lab.published() == [(ROOM, b"1"), (b"txsockjs:3:tea", b"2"), (ROOM, b"3")]


def test_while_redis_does_not_read_they_wait_and_nobody_overtakes(lab: Lab) -> None:
    lab.connection.full = True
    lab.channels.publish("room", b"1")
    lab.connection.full = False
    lab.channels.publish("room", b"2")
    assert lab.published() == []
    publish = lab.connection.publish

    def fill(*arguments: Any) -> None:
        publish(*arguments)
        lab.connection.full = True

    lab.connection.publish = fill  # type: ignore[method-assign]
    lab.channels.go_on()
    assert lab.published() == [(ROOM, b"1")]
    lab.connection.full = False
    lab.channels.go_on()
    assert lab.published() == [(ROOM, b"2")]


def test_what_waits_is_bounded_and_the_rest_is_dropped_and_counted(lab: Lab) -> None:
    lab.channels.lost()
    half = b"x" * (WINDOW // 2 - 64)  # each counts as 64 bytes more than it has
    for _ in range(3):
        lab.channels.publish("room", half)
    lab.channels.publish("room", b"")
    assert lab.counters == {"publications_dropped": 2}
    lab.reach()
    assert lab.published() == [(ROOM, half)] * 2
    lab.channels.lost()
    lab.channels.publish("room", half)  # there is room again
    assert lab.counters == {"publications_dropped": 2}


def test_what_was_on_its_way_at_the_end_is_counted_and_not_sent_again(lab: Lab) -> None:
    for _ in range(3):
        lab.channels.publish("room", b"x")
    for answer, reply in zip(lab.connection.answers, (2, Lost("x"), ReplyError("OOM"))):
        assert answer is not None
        answer(reply)
    assert lab.counters == {"publications_lost": 1, "publications_refused": 1}
    lab.published()
    lab.channels.lost()
    lab.reach()
    assert lab.published() == []


# -- how many subscribe


def test_redis_is_asked_how_many_subscribe(lab: Lab) -> None:
    found = lab.count()
    ((answer, *words),) = lab.connection.called
    assert words == [b"PUBSUB", b"NUMSUB", ROOM]
    assert found == []
    answer([ROOM, 5])
    assert found == [5]


def test_a_question_waits_for_redis_and_is_asked_again_if_its_answer_was_lost(lab: Lab) -> None:
    lab.channels.lost()
    found = lab.count()
    assert lab.connection.called == []
    lab.reach()
    ((answer, *_),) = lab.connection.called
    lab.channels.lost()
    answer(Lost("x"))
    assert (len(lab.connection.called), found) == (1, [])
    lab.reach()
    answer, *words = lab.connection.called[1]
    assert words == [b"PUBSUB", b"NUMSUB", ROOM]
    answer([ROOM, 0])
    assert found == [0]


def test_a_question_that_redis_refuses_fails(lab: Lab) -> None:
    found = lab.count()
    lab.connection.called[0][0](ReplyError("NOPERM"))
    (failure,) = found
    assert isinstance(failure, Failure)
    assert failure.check(BusError)
    assert "Redis refused a question: NOPERM" in failure.getErrorMessage()


def test_a_question_that_was_cancelled_is_asked_no_more(lab: Lab) -> None:
    early = lab.channels.count("room")
    early.addErrback(lambda _: None)
    early.cancel()
    lab.connection.called[0][0]([ROOM, 5])  # which harms nobody
    lab.channels.lost()
    late = lab.channels.count("room")
    late.addErrback(lambda _: None)
    late.cancel()
    lab.reach()
    assert len(lab.connection.called) == 1


def test_questions_that_wait_are_bounded_in_number(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    lab.channels.lost()
    lab.count(), lab.count()
    (failure,) = lab.count()
    assert failure.check(BusError)
    lab.reach()
    assert len(lab.connection.called) == 2
    assert lab.count() == []
