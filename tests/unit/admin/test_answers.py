"""What a process answers: for itself, and for all nodes of its bus."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.admin.answers import ProcessAnswers
from txsockjs.admin.asking import NoAnswer
from txsockjs.cluster.memory import MemoryNetwork

from ...support.memory import Lab


def process(clock: Clock, network: MemoryNetwork | None = None) -> tuple[ProcessAnswers, Any]:
    router = SockJSRouter(SockJSConnection, "/chat", reactor=clock)
    if network is not None:
        bus = network.bus()
        router.join_bus(bus)
        bus.start()
    buses = [] if router.bus is None else [router.bus]
    return ProcessAnswers([router], clock, buses=buses), router


def ask(clock: Clock, answers: ProcessAnswers, what: str, **arguments: Any) -> Any:
    got: list[Any] = []
    answers.answer(what, arguments).addBoth(got.append)
    clock.pump([0.05] * 50)
    return got[0]


def test_a_process_reports() -> None:
    clock = Clock()
    answers, _ = process(clock)
    assert [mount["mount"] for mount in ask(clock, answers, "report")["mounts"]] == ["/chat"]
    answers.stop()
    assert clock.getDelayedCalls() == []


def test_however_many_ask_one_answer_at_a_time_takes_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("txsockjs.admin.sessions._STRETCH", 1)
    monkeypatch.setattr("txsockjs.admin.report._STRETCH", 1)
    lab = Lab(prefix="/chat")
    for number in range(5):
        lab.xhr(f"/chat/000/s{number}/xhr")
    answers = ProcessAnswers([lab.router], lab.clock)
    before = len(lab.clock.getDelayedCalls())
    got: list[Any] = []
    for question in ["report", "sessions"] * 4:
        answers.answer(question, {}).addBoth(got.append)
    assert len(lab.clock.getDelayedCalls()) == before + 1
    lab.clock.advance(0)
    assert len(got) == 8
    answers.stop()
    lab.settle()


def test_without_a_bus_there_is_nobody_else_to_ask() -> None:
    clock = Clock()
    answers, _ = process(clock)
    assert answers.nodes is None
    ask(clock, answers, "everywhere", question="report").trap(NoAnswer)


def test_all_nodes_of_a_bus_are_asked_by_way_of_one() -> None:
    clock = Clock()
    network = MemoryNetwork(clock)
    made = [process(clock, network) for _ in range(2)]
    clock.pump([0.5] * 6)
    replies = ask(clock, made[0][0], "everywhere", question="report")
    assert set(replies["answers"]) == {router.bus.node for _, router in made}
    assert (replies["failed"], replies["silent"]) == ({}, [])
    node = made[1][1].bus.node
    replies = ask(clock, made[0][0], "everywhere", question="what", whom=node)
    assert replies["failed"] == {node: "nobody answers 'what' here"}


def test_what_can_not_be_asked_everywhere_is_refused() -> None:
    clock = Clock()
    answers, _ = process(clock, MemoryNetwork(clock))
    for question in ("everywhere", None, 5):
        failure = ask(clock, answers, "everywhere", question=question)
        assert failure.getErrorMessage() == f"all nodes can't be asked for {question!r}"


def test_a_second_service_on_a_bus_leaves_it_to_the_first() -> None:
    clock = Clock()
    answers, router = process(clock, MemoryNetwork(clock))
    second = ProcessAnswers([router], clock, buses=[router.bus])
    assert answers.nodes is not None
    assert second.nodes is None
