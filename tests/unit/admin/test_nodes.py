"""Questions over a bus: every node answers, and what is no question is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.admin.asking import PATIENCE, Answers
from txsockjs.admin.nodes import Nodes
from txsockjs.cluster.bus import LEASE
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork


class Node:
    """A node that answers its number to ``who``, and text of any length to ``text``."""

    def __init__(self, network: MemoryNetwork, number: int) -> None:
        self.bus: MemoryBus = network.bus()
        answers = Answers()
        answers.add("who", lambda arguments: number)
        answers.add("text", lambda arguments: "x" * arguments["length"])
        self.asker = Nodes(self.bus, answers, network.clock)
        self.bus.start()

    def ask(self, *arguments: Any) -> list[Any]:
        got: list[Any] = []
        self.asker.ask(*arguments).addBoth(got.append)
        return got


@pytest.fixture
def clock() -> Clock:
    return Clock()


def nodes(clock: Clock, count: int = 3) -> tuple[MemoryNetwork, list[Node]]:
    network = MemoryNetwork(clock, delay=0.01)
    made = [Node(network, number) for number in range(count)]
    advance(clock, 3)
    return network, made


def advance(clock: Clock, seconds: float) -> None:
    clock.pump([0.05] * round(seconds * 20))


def test_all_nodes_answer_this_one_too(clock: Clock) -> None:
    _, made = nodes(clock)
    got = made[1].ask("who")
    advance(clock, 0.5)
    assert got[0].answers == {node.bus.node: number for number, node in enumerate(made)}
    assert (got[0].failed, got[0].silent) == ({}, [])


def test_one_node_can_be_asked_alone(clock: Clock) -> None:
    _, made = nodes(clock)
    got = made[1].ask("who", {}, made[2].bus.node)
    advance(clock, 0.5)
    assert got[0].answers == {made[2].bus.node: 2}


def test_a_node_that_was_killed_is_silent_and_then_not_asked(clock: Clock) -> None:
    network, made = nodes(clock)
    network.kill(made[2].bus)
    got = made[0].ask("who")
    advance(clock, PATIENCE + 0.5)
    assert (len(got[0].answers), got[0].silent) == (2, [made[2].bus.node])
    advance(clock, LEASE + 3)
    got = made[0].ask("who")
    advance(clock, 0.5)
    assert (len(got[0].answers), got[0].silent) == (2, [])


def test_an_answer_that_is_too_long_for_the_bus_is_none(clock: Clock) -> None:
    _, made = nodes(clock, 2)
    other = made[1].bus.node
    got = made[0].ask("text", {"length": 2_000_000}, other)
    advance(clock, 0.5)
    assert got[0].failed == {other: "an answer of 2000026 bytes"}


@pytest.mark.parametrize(
    "said",
    [
        b"no JSON",
        b"[]",
        b"5",
        b"[" * 100_000,
        b'{"number": 1, "value": NaN}',
        b'{"ask": 1}',
        b'{"ask": 1, "question": [], "arguments": {}}',
        b'{"ask": 1, "question": "who", "arguments": 5}',
    ],
)
def test_what_is_no_question_and_no_answer_is_counted(clock: Clock, said: bytes) -> None:
    _, made = nodes(clock, 2)
    made[0].bus.send(made[1].bus.node, "admin", said)
    advance(clock, 0.5)
    assert made[1].bus.counters["messages_refused"] == 1


def test_answers_to_nobody_are_dropped(clock: Clock) -> None:
    _, made = nodes(clock, 2)
    for number in (7, "7", None):
        made[0].bus.send(made[1].bus.node, "admin", json.dumps({"number": number}).encode())
    advance(clock, 0.5)
    assert made[1].bus.counters["messages_refused"] == 0


def test_a_bus_that_is_away_makes_others_silent_at_once(clock: Clock) -> None:
    network, made = nodes(clock, 2)
    network.cut(made[0].bus)
    got = made[0].ask("who")
    assert (got[0].answers, got[0].silent) == ({made[0].bus.node: 0}, [made[1].bus.node])
    network.heal(made[0].bus)
    advance(clock, 3)
    got = made[0].ask("who")
    advance(clock, 0.5)
    assert len(got[0].answers) == 2
