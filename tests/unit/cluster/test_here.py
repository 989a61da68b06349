"""A room that has members on this node: what was heard of other nodes, and who waits."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txsockjs.cluster.here import Here


def room(listening: bool = True) -> Here:
    here = Here(("", "tea"), watched=False)
    here.listening = listening
    return here


def test_it_knows_what_was_heard_last_of_each_node() -> None:
    here = room()
    alive = frozenset(("a", "b"))
    assert here.note("a", 4, alive) is None
    assert here.note("b", 1, alive) is None
    assert here.note("a", 5, alive) == 4
    assert here.note("a", 1, alive) == 5


def test_what_comes_before_it_is_listened_to_is_no_start_to_count_from() -> None:
    here = room(listening=False)
    assert here.note("a", 4, frozenset("a")) is None
    here.listening = True
    assert here.note("a", 6, frozenset("a")) is None


def test_nodes_that_are_gone_are_forgotten_before_they_are_many() -> None:
    here = room()
    for number in range(100):
        here.note(f"gone{number}", 1, frozenset(("a",)))
    here.note("a", 1, frozenset(("a",)))
    assert len(here.heard) < 25
    assert here.note("a", 2, frozenset(("a",))) == 1


def test_whoever_waits_goes_on_once_it_is_ready_or_can_not_be() -> None:
    for act, ready, early in ((Here.be_ready, True, False), (Here.release, False, True)):
        here = room()
        waiter: Deferred[None] = Deferred()
        here.waiters.append(waiter)
        act(here)
        assert waiter.called
        assert (here.ready, here.early, here.waiters) == (ready, early, [])
