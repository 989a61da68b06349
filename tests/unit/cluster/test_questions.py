"""Questions to other nodes: when they are over, and what they leave behind."""

import json

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.cluster.questions import PATIENCE, Questions
from txsockjs.wire.publication import COUNT, MEMBERS


class Bus:
    """Notes what is asked; ``counting`` tells how many subscribe."""

    node = "me"

    def __init__(self):
        self.asked = []
        self.sent = []
        self.cancelled = []
        self.counting = Deferred(self.cancelled.append)

    def publish(self, channel, data):
        self.asked.append((channel, json.loads(data)["ask"]))

    def send(self, node, port, data, urgent=False):
        self.sent.append((node, port, json.loads(data)))

    def subscribers(self, channel):
        return self.counting


class Asked:
    def __init__(self, what=MEMBERS, node=None):
        self.clock, self.bus, self.answers, self.taken = Clock(), Bus(), [], []
        self.questions = Questions(self.bus, "/chat", "rooms/chat", self.clock)
        self.question = (
            self.questions.ask_all(("", "tea"), what, True)
            if node is None
            else self.questions.ask_node(node, ("", "tea"), lambda *it: self.taken.append(it))
        )
        self.question.addCallback(
            lambda answers: self.answers.append(
                {node: each.value for node, each in answers.items()}
            )
        )

    def take(self, node, **content):
        self.questions.take(node, {"answer": 1, "n": 0, **content})

    def is_over(self):
        return not self.questions and self.clock.getDelayedCalls() == []


def test_it_is_over_when_all_that_subscribe_have_answered():
    asked = Asked()
    assert asked.bus.asked == [("room:/chat#tea", {"id": 1, "what": MEMBERS})]
    asked.take("a", members=[1, 2])
    asked.bus.counting.callback(3)
    assert asked.answers == []
    asked.take("b", members=[])
    assert asked.answers == [{"a": [1, 2], "b": []}]
    assert asked.is_over()
    asked.take("c", members=["late"])


def test_it_is_over_when_nobody_else_subscribes():
    asked = Asked(COUNT)
    asked.bus.counting.callback(1)
    assert asked.answers == [{}]
    assert asked.is_over()


def test_it_is_over_after_a_while_and_leaves_nothing_behind():
    asked = Asked(COUNT)
    asked.take("a", count=3)
    asked.clock.advance(PATIENCE)
    assert asked.answers == [{"a": 3}]
    assert len(asked.bus.cancelled) == 1
    assert asked.is_over()


def test_who_asked_may_stop_waiting():
    asked = Asked()
    asked.question.cancel()
    assert asked.answers == [{}]
    assert asked.is_over()


def test_each_piece_of_an_answer_gives_it_time():
    asked = Asked()
    asked.bus.counting.callback(2)
    for n in range(5):
        asked.clock.advance(PATIENCE * 0.9)
        asked.take("a", members=[n], more=True)
    asked.clock.advance(PATIENCE * 0.9)
    asked.take("a", members=[5])
    assert asked.answers == [{"a": [0, 1, 2, 3, 4, 5]}]


def test_one_node_is_asked_by_a_message():
    asked = Asked(node="a")
    content = {"id": 1, "what": MEMBERS, "room": ["", "tea"]}
    assert asked.bus.sent == [("a", "rooms/chat", {"v": 1, "ask": content})]
    asked.take("a", members=["x"], n=7)
    assert asked.taken == [("a", (7, ["x"]))]
    assert asked.is_over()


@pytest.mark.parametrize(
    "content",
    [{"answer": "1"}, {"n": -1}, {"more": 1}, {"members": 3}, {"count": 3}],
)
def test_what_is_no_answer_is_refused(content):
    asked = Asked()
    with pytest.raises(ValueError, match="not a"):
        asked.take("a", **content)
    asked.question.cancel()


def test_a_number_must_be_one():
    asked = Asked(COUNT)
    with pytest.raises(ValueError, match="not a number of members"):
        asked.take("a", count=-1)
    asked.question.cancel()


@pytest.mark.parametrize("number", [0, 1, 100])
def test_an_answer_is_what_is_taken(number):
    asked = Asked(node="a")
    presences = [json.dumps("x" * 1000)] * number
    answer = asked.questions.answer("a", 1, MEMBERS, 5, presences)
    pieces = len(list(answer))
    assert pieces == len(asked.bus.sent) - 1 == 1 + number * 1002 // 33000
    for _, _, content in asked.bus.sent[1:]:
        asked.questions.take("a", content)
    assert asked.answers == [{"a": ["x" * 1000] * number}]
