"""All requests that others answer: which of them end, and when none is left."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.cluster.edges import Edges


class Edge:
    """A receiver, which ends when it is given up, or a sender, which does not."""

    def __init__(self, edges: Edges, number: int, owner: str, is_receiver: bool) -> None:
        self.number = number
        self.owner = owner
        self.is_receiver = is_receiver
        self.happened: list[str] = []
        self._edges: Any = edges

    def give_up(self) -> None:
        self.happened.append("given up")
        if self.is_receiver:
            self._edges.over(self)

    def owner_lost(self, lives: bool) -> None:
        self.happened.append("owner lost")
        self._edges.over(self)


@pytest.fixture
def edges() -> Any:
    return Edges()


def add(edges: Any, number: int, owner: str = "a", is_receiver: bool = True) -> Edge:
    edge = Edge(edges, number, owner, is_receiver)
    edges.add(number, edge)
    return edge


def test_they_are_known_until_they_are_over(edges: Any) -> None:
    edge = add(edges, 7)
    assert edges.get(7) is edge
    edges.over(edge)
    assert edges.get(7) is None


def test_those_of_an_owner_that_is_lost_end(edges: Any) -> None:
    first, second = add(edges, 1, "a"), add(edges, 2, "b")
    edges.owner_lost("a", lives=False)
    assert (first.happened, second.happened) == (["owner lost"], [])


def test_all_are_given_up(edges: Any) -> None:
    both = [add(edges, 1), add(edges, 2, is_receiver=False)]
    edges.give_up()
    assert [edge.happened for edge in both] == [["given up"], ["given up"]]


def test_a_node_leaves_once_its_senders_are_answered(edges: Any) -> None:
    add(edges, 1)
    sender = add(edges, 2, is_receiver=False)
    left = edges.leave()
    assert edges.get(1) is None
    assert (sender.happened, left.called) == ([], False)
    edges.over(sender)
    assert left.called


def test_a_node_that_relays_nothing_leaves_at_once(edges: Any) -> None:
    assert edges.leave().called
