"""Questions: who answers, who fails, who is silent, and how many are under way at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from txsockjs.admin.asking import MOST, PATIENCE, Answers, Asker, Here, NoAnswer, Others, Replies


class Far:
    """Others who are asked; tests answer for them."""

    def __init__(self, *names: str) -> None:
        self.clock = Clock()
        self.names = list(names)
        self.said: list[tuple[str, Any]] = []
        self.asker = Others(
            self.clock,
            lambda: dict(zip(self.names, self.names)),
            lambda *said: self.said.append(said),
        )


def replies(asker: Asker, *arguments: Any) -> list[Replies]:
    got: list[Any] = []
    asker.ask(*arguments).addBoth(got.append)
    return got


def refused(asker: Asker, *arguments: Any) -> str:
    got: list[Any] = []
    asker.ask(*arguments).addErrback(got.append)
    got[0].trap(NoAnswer)
    return str(got[0].value)


def sum_of(arguments: Mapping[str, Any]) -> int:
    return int(arguments["a"] + arguments["b"])


def test_a_question_is_answered_here_at_once() -> None:
    clock, answers = Clock(), Answers()
    answers.add("sum", sum_of)
    assert replies(Here(clock, answers), "sum", {"a": 1, "b": 2}) == [Replies({"here": 3}, {}, [])]
    assert clock.getDelayedCalls() == []


def test_an_answer_may_be_awaited() -> None:
    clock, answers = Clock(), Answers()
    waits: Deferred[int] = Deferred()

    async def slow(arguments: Mapping[str, Any]) -> int:
        return await waits + 1

    answers.add("slow", slow)
    got = replies(Here(clock, answers, "me"), "slow")
    assert got == []
    waits.callback(1)
    assert got == [Replies({"me": 2}, {}, [])]


def test_who_has_no_answer_says_why() -> None:
    clock, answers = Clock(), Answers()

    def refuse(arguments: Mapping[str, Any]) -> None:
        raise NoAnswer("not today")

    answers.add("refuse", refuse)
    answers.add("sum", sum_of)
    here = Here(clock, answers)
    assert replies(here, "refuse") == [Replies({}, {"here": "not today"}, [])]
    assert replies(here, "what") == [Replies({}, {"here": "nobody answers 'what' here"}, [])]
    with capturedLogs() as logged:
        assert replies(here, "sum") == [Replies({}, {"here": "failed; the log tells why"}, [])]
    assert formatEvent(logged[0]).startswith("no answer to 'sum'")


def test_who_answers_what_is_not_understood_has_failed() -> None:
    odd = "its answer is not understood: another version?"
    given = Replies(
        {"a": {"n": 1}, "b": {}, "c": 5, "d": {"n": "x"}, "e": None}, {"f": "no"}, ["g"]
    )
    assert given.read(lambda answer: int(answer["n"])) == Replies(
        {"a": 1}, {"f": "no", **dict.fromkeys("bcde", odd)}, ["g"]
    )


def test_a_question_has_one_answer() -> None:
    answers = Answers()
    answers.add("sum", sum_of)
    with pytest.raises(ValueError, match="'sum' is answered already"):
        answers.add("sum", sum_of)


def test_no_more_than_so_many_questions_are_answered_at_once() -> None:
    answers = Answers()
    waits = [answers_to(answers) for _ in range(MOST)]
    got: list[Any] = []
    answers.answer("wait", {}).addErrback(got.append)
    assert str(got[0].value) == "too many questions at once"
    waits[0].callback(None)
    got = []
    answers.answer("wait", {}).addBoth(got.append)
    assert got == []


def answers_to(answers: Answers) -> Deferred[None]:
    """Ask a question that waits for what is returned."""
    waits: list[Deferred[None]] = answers.__dict__.setdefault("waits", [])
    if not waits:

        def wait(arguments: Mapping[str, Any]) -> Deferred[None]:
            waits.append(Deferred())
            return waits[-1]

        answers.add("wait", wait)
    answers.answer("wait", {})
    return waits[-1]


def test_all_are_asked_at_once_and_answer_in_any_order() -> None:
    far = Far("1", "2")
    got = replies(far.asker, "report", {"n": 1})
    table = {"ask": 1, "question": "report", "arguments": {"n": 1}}
    assert far.said == [("1", table), ("2", table)]
    far.asker.take("2", {"number": 1, "value": "b"})
    far.asker.take("3", {"number": 1, "value": "not asked"})
    far.asker.take("2", {"number": 1, "value": "twice"})
    far.asker.take("1", {"number": 1, "error": "busy"})
    assert got == [Replies({"2": "b"}, {"1": "busy"}, [])]
    assert far.clock.getDelayedCalls() == []


def test_who_says_nothing_in_time_or_ends_is_silent() -> None:
    far = Far("1", "2", "3")
    got = replies(far.asker, "report")
    far.asker.lost("3")
    far.asker.take("1", {"number": 1, "value": 5})
    far.clock.advance(PATIENCE - 0.1)
    assert got == []
    far.clock.advance(0.2)
    assert got == [Replies({"1": 5}, {}, ["3", "2"])]
    far.asker.take("2", {"number": 1, "value": "late"})
    far.asker.take("2", {"number": "odd", "value": "odd"})
    assert len(got) == 1


def test_one_can_be_asked_alone() -> None:
    far = Far("1", "2")
    got = replies(far.asker, "close", {}, "2")
    assert [name for name, _ in far.said] == ["2"]
    far.asker.take("2", {"number": 1, "value": True})
    assert got == [Replies({"2": True}, {}, [])]
    assert refused(far.asker, "close", {}, "5") == "there is no '5'"


def test_where_there_is_nobody_there_are_no_replies() -> None:
    assert replies(Far().asker, "report") == [Replies({}, {}, [])]


def test_no_more_than_so_many_questions_are_asked_at_once() -> None:
    far = Far("1")
    asked = [replies(far.asker, "report") for _ in range(MOST)]
    assert refused(far.asker, "report") == "too many questions at once"
    far.clock.advance(PATIENCE)
    assert asked == [[Replies({}, {}, ["1"])]] * MOST
    assert replies(far.asker, "report") == []


def test_an_impatient_asker_can_stop_to_wait() -> None:
    far = Far("1")
    got: list[Any] = []
    waiting = far.asker.ask("report").addBoth(got.append)
    waiting.cancel()
    assert got == [Replies({}, {}, ["1"])]
    assert far.clock.getDelayedCalls() == []
