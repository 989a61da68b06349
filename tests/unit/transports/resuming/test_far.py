"""The way to a session on another node; test_bridge has both ends."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.transports.resuming.far import Far


class Edge:
    def __init__(self) -> None:
        self.said: list[Any] = []
        self.session: Any = self

    def send(self, text: str) -> None:
        self.said.append(text)

    def end(self, reason: Any, cause: str) -> None:
        self.said.append((reason, cause))

    def absent(self) -> None:
        self.said.append("absent")


class Lab:
    def __init__(self) -> None:
        self.clock = Clock()
        self.edge = Edge()
        self.frames: list[Any] = []
        self.over = 0
        self.far = Far(self.edge, "owner", self._say, self._over, self.clock)

    def _say(self, *frame: Any) -> None:
        self.frames.append(frame)

    def _over(self) -> None:
        self.over += 1


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_an_owner_that_says_nothing_is_not_waited_for(lab: Lab) -> None:
    lab.clock.advance(5)
    assert lab.edge.said == ["absent"]
    assert lab.over == 1


def test_an_owner_that_answered_may_take_its_time(lab: Lab) -> None:
    lab.far.say(["one", "two"])
    lab.clock.advance(60)
    assert lab.edge.said == ["one", "two"]
    assert not lab.clock.getDelayedCalls()


def test_a_client_waits_for_leave_once_enough_is_under_way(lab: Lab) -> None:
    assert lab.far.said("x" * 40_000) is None
    waits: Any = lab.far.said("x" * 40_000)
    assert [frame[0] for frame in lab.frames] == ["said", "said"]
    lab.far.credited(10_000)
    assert not waits.called
    lab.far.credited(10_000)
    assert waits.called


@pytest.mark.parametrize("how", ["lost", "end"])
def test_at_the_end_nobody_waits(lab: Lab, how: str) -> None:
    waits: Any = lab.far.said("x" * 80_000)
    if how == "lost":
        lab.far.lost(None)
        assert lab.frames[-1] == ("lost",)
    else:
        lab.far.end((1001, "Node gone"), "node_gone")
        assert lab.edge.said == [((1001, "Node gone"), "node_gone")]
    assert waits.called
    assert lab.over == 1
    assert not lab.clock.getDelayedCalls()
