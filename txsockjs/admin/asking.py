"""Questions to serving processes: the answers of one, and how to ask several.

A question is a name with arguments: ``report`` asks for counters, ``sessions`` for a list, and so
on. The code that asks need not know who answers: this process (`Here`), its workers, or the nodes
of a bus (`Others`, each over its own carrier).

Rules: arguments and answers are JSON. Processes that do not answer in time are listed as silent.
The number of questions under way is bounded, at both ends.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.deadlines import Deadline
from ..errors import SockJSError

_log = Logger()

#: How many seconds to wait for an answer.
PATIENCE = 2.0
#: The most questions under way: those that a process asks, and those that it answers.
MOST = 32

Table = dict[str, Any]
#: Answers a question from its arguments: returns JSON, or an awaitable of JSON.
Function = Callable[[Mapping[str, Any]], Any]


class NoAnswer(SockJSError):
    """A question has no answer; the message says why."""


class Replies(NamedTuple):
    """The results of a question, by the names of the processes asked.

    ``failed`` has the reasons of those that could not answer; the ``silent`` did not answer in
    time, or ended meanwhile.
    """

    answers: dict[str, Any]
    failed: dict[str, str]
    silent: list[str]

    def read(self, function: Callable[[Any], object]) -> Replies:
        """Return the same replies, with each answer passed through ``function``.

        If that raises anything, the process counts as failed: a node may be of another version, and
        must not hide the others.
        """
        answers, failed = {}, dict(self.failed)
        for name, answer in self.answers.items():
            try:
                answers[name] = function(answer)
            except Exception:  # noqa: BLE001
                failed[name] = "its answer is not understood: another version?"
        return Replies(answers, failed, self.silent)


class Answers:
    """The questions that this process answers."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._under_way = 0

    def add(self, question: str, function: Function) -> None:
        """Answer a question, which must be new, with ``function(arguments)``.

        It raises `NoAnswer` to say why it can't; other exceptions are logged.
        """
        if question in self._functions:
            raise ValueError(f"{question!r} is answered already")
        self._functions[question] = function

    def answer(self, question: str, arguments: Mapping[str, object]) -> Deferred[Any]:
        """Fire with the answer; fail with `NoAnswer`."""
        return Deferred.fromCoroutine(self._answer(question, arguments))

    async def _answer(self, question: str, arguments: Mapping[str, object]) -> object:
        function = self._functions.get(question)
        if function is None:
            raise NoAnswer(f"nobody answers {question!r} here")
        if self._under_way >= MOST:
            raise NoAnswer("too many questions at once")
        self._under_way += 1
        try:
            result = function(arguments)
            return await result if inspect.isawaitable(result) else result
        except NoAnswer:
            raise
        except Exception as error:
            _log.failure("no answer to {question!r}", question=question)
            raise NoAnswer("failed; the log tells why") from error
        finally:
            self._under_way -= 1


class Asker(ABC):
    """Asks one process or several; ``label`` says what they are, and is empty for one."""

    label = ""

    @abstractmethod
    def ask(
        self,
        question: str,
        arguments: Mapping[str, object] | None = None,
        whom: str | None = None,
        patience: float = PATIENCE,
    ) -> Deferred[Replies]:
        """Fire with the replies of all, or only of the one called ``whom``, within ``patience``.

        Fails with `NoAnswer` if too many questions are under way, or if nobody has that name.
        """


class Others(Asker):
    """Asks the processes in ``others()``, by name; ``say`` sends a table to one of them.

    ``label`` is ``worker`` or ``node``. A question is a table with its number under ``ask``; the
    answer has the same under ``number``, and a ``value`` or an ``error``. Its receiver calls
    `take`. The names may have changed by then.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        others: Callable[[], Mapping[str, object]],
        say: Callable[[Any, Table], object],
        label: str = "",
    ) -> None:
        self.label = label
        self._reactor = reactor
        self._others = others
        self._say = say
        self._last = 0
        self._rounds: dict[int, _Round] = {}

    def ask(
        self,
        question: str,
        arguments: Mapping[str, object] | None = None,
        whom: str | None = None,
        patience: float = PATIENCE,
    ) -> Deferred[Replies]:
        """Ask all of them at once."""
        others = self._others()
        if whom is not None:
            if whom not in others:
                return _fail(f"there is no {whom!r}")
            others = {whom: others[whom]}
        if len(self._rounds) >= MOST:
            return _fail("too many questions at once")
        self._last = number = self._last + 1
        asked = self._rounds[number] = _Round(others, self._reactor, patience)
        asked.done.addBoth(self._forget, number)
        table = {"ask": number, "question": question, "arguments": dict(arguments or {})}
        for other in others.values():
            self._say(other, table)
        asked.look()
        return asked.done

    def _forget(self, result: Replies, number: int) -> Replies:
        del self._rounds[number]
        return result

    def take(self, other: object, table: Table) -> None:
        """Take an answer; a late one is dropped."""
        number = table.get("number")
        asked = self._rounds.get(number) if isinstance(number, int) else None
        if asked is not None:
            asked.take(other, table)

    def lost(self, other: object) -> None:
        """Stop waiting for a process that ended."""
        for asked in list(self._rounds.values()):
            asked.lost(other)


class Here(Others):
    """Asks only this process, under the given name."""

    def __init__(self, reactor: IReactorTime, answers: Answers, name: str = "here") -> None:
        super().__init__(reactor, lambda: {name: name}, self._reply)
        self._answers = answers

    def _reply(self, name: str, table: Table) -> None:
        reply(self._answers, table, lambda answer: self.take(name, answer))


def reply(answers: Answers, table: Table, say: Callable[[Table], object]) -> None:
    """Answer the question in a table (see `Others`) with another table, now or later."""
    number = table["ask"]

    def tell(value: object) -> None:
        say({"number": number, "value": value})

    def fail(failure: Failure) -> None:
        say({"number": number, "error": failure.getErrorMessage()})

    answers.answer(table["question"], table["arguments"]).addCallbacks(tell, fail)


class _Round:
    """A question to several processes; ``done`` fires with their replies."""

    def __init__(
        self, others: Mapping[str, object], reactor: IReactorTime, patience: float
    ) -> None:
        self.done: Deferred[Replies] = Deferred(lambda _: self._end())
        self._names = {other: name for name, other in others.items()}  # still to answer
        self._replies = Replies({}, {}, [])
        self._deadline = Deadline(reactor, patience, self._end)

    def take(self, other: object, table: Table) -> None:
        """Take the answer of one."""
        name = self._names.pop(other, None)
        if name is not None:
            if "value" in table:
                self._replies.answers[name] = table["value"]
            else:
                self._replies.failed[name] = str(table.get("error"))
            self.look()

    def lost(self, other: object) -> None:
        """Note that one will not answer."""
        name = self._names.pop(other, None)
        if name is not None:
            self._replies.silent.append(name)
            self.look()

    def look(self) -> None:
        """Finish if all have answered."""
        if not self._names:
            self._end()

    def _end(self) -> None:
        self._deadline.cancel()
        if not self.done.called:
            self._replies.silent.extend(self._names.values())
            self._names.clear()
            self.done.callback(self._replies)


def _fail(why: str) -> Deferred[Any]:
    failed: Deferred[object] = Deferred()
    failed.errback(NoAnswer(why))
    return failed
