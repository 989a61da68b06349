"""How the parent asks its workers, those that are away and those that leave included."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txsockjs.admin.asking import PATIENCE, NoAnswer, Replies, Table
from txsockjs.cli.workers.asking import Everywhere, Workers


class Process:
    """A worker that notes what it is told."""

    def __init__(self, number: int, ready: bool = True) -> None:
        self.number = number
        self.was_ready = ready
        self.was_told_to_stop = False
        self.hears = True
        self.told: list[Table] = []

    def say(self, **table: Any) -> None:
        self.told.append(table)


class Parent:
    """Workers by number, and all that live."""

    def __init__(self, *workers: Process) -> None:
        self.clock = Clock()
        self.serving = {worker.number: worker for worker in workers}
        self.alive = set(workers)
        self.asker = Workers(self.clock, lambda: self.serving, lambda: self.alive)

    def ask(self, *arguments: Any) -> list[Any]:
        got: list[Any] = []
        self.asker.ask(*arguments).addBoth(got.append)
        return got


def test_workers_are_asked_by_number() -> None:
    one, two = Process(1), Process(2)
    parent = Parent(one, two)
    got = parent.ask("report", {"a": 1})
    assert one.told == two.told == [{"ask": 1, "question": "report", "arguments": {"a": 1}}]
    parent.asker.take(two, {"do": "answer", "number": 1, "value": "b"})
    parent.asker.take(one, {"do": "answer", "number": 1, "value": "a"})
    assert got == [Replies({"2": "b", "1": "a"}, {}, [])]
    assert parent.asker.label == "worker"


def test_one_that_starts_or_is_cut_off_is_silent_at_once() -> None:
    one, two, three = Process(1), Process(2, ready=False), Process(3)
    three.hears = False
    parent = Parent(one, two, three)
    got = parent.ask("report")
    assert (two.told, three.told) == ([], [])
    parent.asker.take(one, {"number": 1, "value": "a"})
    assert got == [Replies({"1": "a"}, {}, ["2", "3"])]


def test_one_that_leaves_has_a_name_of_its_own() -> None:
    old, new = Process(1), Process(1)
    parent = Parent(new)
    old.was_told_to_stop = True
    parent.alive.add(old)
    got = parent.ask("report")
    parent.asker.take(old, {"number": 1, "value": "old"})
    parent.asker.take(new, {"number": 1, "value": "new"})
    assert got == [Replies({"1-leaving": "old", "1": "new"}, {}, [])]


def test_one_that_is_replaced_meanwhile_is_known_by_the_name_it_was_asked_by() -> None:
    old, new = Process(1), Process(1)
    parent = Parent(old)
    first = parent.ask("report")
    old.was_told_to_stop = True
    parent.serving[1] = new
    parent.alive.add(new)
    second = parent.ask("report")
    for number in (1, 2):
        parent.asker.take(old, {"number": number, "value": "old"})
        parent.asker.take(new, {"number": number, "value": "new"})
    assert first == [Replies({"1": "old"}, {}, [])]
    assert second == [Replies({"1-leaving": "old", "1": "new"}, {}, [])]


def test_one_that_ends_meanwhile_is_silent() -> None:
    one, two = Process(1), Process(2)
    parent = Parent(one, two)
    got = parent.ask("report")
    parent.asker.lost(two)
    parent.asker.take(one, {"number": 1, "value": "a"})
    assert got == [Replies({"1": "a"}, {}, ["2"])]


def everywhere(parent: Parent, *arguments: Any) -> list[Any]:
    got: list[Any] = []
    Everywhere(parent.asker).ask(*arguments).addBoth(got.append)
    return got


def test_all_nodes_are_asked_by_way_of_the_first_worker_that_answers() -> None:
    one, two, three = Process(1, ready=False), Process(2), Process(3)
    parent = Parent(one, two, three)
    got = everywhere(parent, "sessions", {"a": 1}, "node 7")
    table = {"question": "sessions", "arguments": {"a": 1}, "whom": "node 7"}
    assert two.told == [{"ask": 1, "question": "everywhere", "arguments": table}]
    assert three.told == []
    answer = {"answers": {"node 7": []}, "failed": {}, "silent": ["node 8"]}
    parent.asker.take(two, {"number": 1, "value": answer})
    assert got == [Replies({"node 7": []}, {}, ["node 8"])]


def test_a_worker_that_says_nothing_is_followed_by_the_next_one() -> None:
    one, two = Process(1), Process(2)
    parent = Parent(one, two)
    got = everywhere(parent, "report")
    parent.clock.advance(1.5 * PATIENCE)
    assert len(two.told) == 1
    parent.asker.take(two, {"number": 2, "error": "there is no bus"})
    got[0].trap(NoAnswer)
    assert got[0].getErrorMessage() == "there is no bus"


def test_the_worker_that_answered_is_the_first_one_asked_again() -> None:
    one, two = Process(1), Process(2)
    parent = Parent(one, two)
    asker = Everywhere(parent.asker)
    answer = {"answers": {}, "failed": {}, "silent": []}
    asker.ask("report")
    parent.clock.advance(1.5 * PATIENCE)
    parent.asker.take(two, {"number": 2, "value": answer})
    asker.ask("report")
    assert [len(one.told), len(two.told)] == [1, 2]
    parent.asker.take(two, {"number": 3, "value": answer})


def test_only_so_many_workers_are_tried() -> None:
    workers = [Process(number) for number in range(4)]
    parent = Parent(*workers)
    got = everywhere(parent, "report")
    parent.clock.pump([1.5 * PATIENCE] * 4)
    got[0].trap(NoAnswer)
    assert [len(worker.told) for worker in workers] == [1, 1, 0, 0]


def test_where_no_worker_serves_nobody_can_be_asked() -> None:
    got = everywhere(Parent(), "report")
    assert got[0].getErrorMessage() == "no worker serves"
