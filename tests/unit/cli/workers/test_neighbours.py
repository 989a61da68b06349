"""Who serves the sockets of a worker that is away."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txsockjs.cli.workers.neighbours import Neighbours

from ....support.workers import FakeChild


class Parent:
    """Knows the workers, which are three."""

    def __init__(self) -> None:
        self.born: list[Any] = []
        self.clock = Clock()
        self.children: dict[int, Any] = {}
        for number in (1, 2, 3):
            self.children[number] = self.child(number)
        self.neighbours = Neighbours(self.clock, self.children)

    def child(self, number: int) -> Any:
        child = FakeChild(number, self, None, None)
        child.is_ready = child.was_ready = True
        return child

    def end(self, number: int) -> None:
        child = self.children[number]
        child.is_ready = False
        self.neighbours.ended(child)
        self.neighbours.watch(number)

    def serve(self, number: int) -> Any:
        before = self.children[number]
        self.children[number] = child = self.child(number)
        self.neighbours.serves(child, before)
        return child


def test_a_neighbour_serves_until_the_worker_is_back() -> None:
    parent = Parent()
    parent.end(1)
    parent.clock.advance(1)
    assert parent.children[2].heard == []
    parent.clock.advance(1)
    assert parent.children[2].heard == [{"serve": 1}]
    parent.serve(1)
    assert parent.children[2].heard == [{"serve": 1}, {"leave": 1}]
    assert parent.clock.getDelayedCalls() == []


def test_one_that_is_back_in_time_needs_none() -> None:
    parent = Parent()
    parent.end(1)
    parent.serve(1)
    parent.clock.advance(2)
    assert not parent.children[2].heard


def test_whoever_replaces_the_neighbour_goes_on() -> None:
    parent = Parent()
    parent.end(1)
    parent.clock.advance(2)
    new = parent.serve(2)
    assert new.heard == [{"serve": 1}]
    parent.serve(1)
    assert new.heard[-1] == {"leave": 1}


def test_if_it_ends_another_one_is_found() -> None:
    parent = Parent()
    parent.end(1)
    parent.clock.advance(2)
    parent.end(2)
    parent.clock.advance(2)
    assert parent.children[3].heard == [{"serve": 1}, {"serve": 2}]


def test_one_is_looked_for_until_there_is_one() -> None:
    parent = Parent()
    for number in (1, 2, 3):
        parent.end(number)
    parent.clock.advance(2)
    third = parent.serve(3)
    parent.clock.advance(2)
    assert third.heard == [{"serve": 1}, {"serve": 2}]
    parent.end(3)
    parent.neighbours.stop()
    assert parent.clock.getDelayedCalls() == []
