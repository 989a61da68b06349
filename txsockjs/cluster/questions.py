"""`Questions`: what a node asks the others about a room, and what it answers them.

Rules: a question to all is published in the room's channel, one to a node is sent to it; answers
are sent; all are JSON. Whoever does not answer in time is left out. A long answer comes in pieces,
and is given the time again with each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..actors.deadlines import Deadline
from ..wire.publication import ASK, COUNT, MEMBERS, Key, channel_name, encode, is_count
from .bus import Bus

#: How long an answer is waited for, in seconds.
PATIENCE = 0.5
# The size of a piece in bytes, and how many pieces are made in one turn.
_PIECE = 32 * 1024
PIECES_PER_TURN = 8


class Answer(NamedTuple):
    """A node's answer: the count of its publications in the room; its members, or their number."""

    n: int
    value: Any


#: Takes each answer as it comes, with the node whose it is.
Taker = Callable[[str, Answer], object]


class Questions:
    """What this node asked and waits for."""

    def __init__(self, bus: Bus, prefix: str, port: str, reactor: IReactorTime) -> None:
        self._bus = bus
        self._prefix = prefix
        self._port = port
        self._reactor = reactor
        self._open: dict[int, Question] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def ask_all(
        self, key: Key, what: str, listening: bool, taken: Taker | None = None
    ) -> Deferred[dict[str, Answer]]:
        """Ask the nodes that have members; fires with the answers by node.

        ``listening`` is whether this one is among those that subscribe to the room.
        """
        question = self._make(what, taken)
        channel = channel_name(self._prefix, key)
        content = {"id": question.number, "what": what}
        self._bus.publish(channel, encode(ASK, content, self._bus.node))
        question.count(self._bus.subscribers(channel), listening)
        return question.done

    def ask_node(self, node: str, key: Key, taken: Taker) -> Deferred[dict[str, Answer]]:
        """Ask a node for its members; fires with its answer, or with none."""
        question = self._make(MEMBERS, taken)
        question.expect(1)
        content = {"id": question.number, "what": MEMBERS, "room": list(key)}
        self._bus.send(node, self._port, encode(ASK, content), urgent=True)
        return question.done

    def _make(self, what: str, taken: Taker | None) -> Question:
        self._last += 1
        question = self._open[self._last] = Question(self._last, what, taken, self._reactor)
        number = self._last
        question.done.addCallback(lambda answers: self._close(number, answers))
        return question

    def _close(self, number: int, answers: dict[str, Answer]) -> dict[str, Answer]:
        del self._open[number]
        return answers

    def end(self) -> None:
        """Wait for no answer any more: what comes later is of another time."""
        for question in list(self._open.values()):
            question.end()

    def take(self, node: str, content: dict[str, Any]) -> None:
        """Take a piece of an answer; one that comes too late is dropped.

        Raises `ValueError` for what is no answer.
        """
        number: Any = content.get("answer")
        n: Any = content.get("n")
        more = content.get("more", False)
        if not is_count(number) or not is_count(n) or not isinstance(more, bool):
            raise ValueError("not an answer")
        question = self._open.get(number)
        if question is not None:
            question.take(node, n, content.get(question.what), more)

    def answer(
        self, node: str, number: int, what: str, n: int, presences: list[str]
    ) -> Iterator[None]:
        """Answer a node's question, one piece for each step of the iterator."""
        head = f'{{"v":1,"answer":{number},"n":{n},'
        if what == COUNT:
            self._send(node, f'{head}"count":{len(presences)}}}')
            yield
            return
        size, piece = 0, []
        for presence in presences:
            piece.append(presence)
            size += len(presence)
            if size > _PIECE:
                self._send(node, f'{head}"more":true,"members":[{",".join(piece)}]}}')
                size, piece = 0, []
                yield
        self._send(node, f'{head}"members":[{",".join(piece)}]}}')
        yield

    def _send(self, node: str, text: str) -> None:
        self._bus.send(node, self._port, text.encode())


class Question:
    """A question that is not answered yet. ``done`` fires with the answers by node."""

    def __init__(self, number: int, what: str, taken: Taker | None, reactor: IReactorTime) -> None:
        self.number = number
        self.what = what
        self.done: Deferred[dict[str, Answer]] = Deferred(lambda _: self.end())
        self._taken = taken
        self._answers: dict[str, Answer] = {}
        self._pieces: dict[str, list[Any]] = {}
        self._expected: int | None = None
        self._counting: Deferred[int] | None = None
        self._deadline = Deadline(reactor, PATIENCE, self.end)

    def count(self, counting: Deferred[int], listening: bool) -> None:
        """Expect as many answers as there are others among those that ``counting`` fires with."""
        self._counting = counting
        # What fails is that the bus stops, or the cancellation below.
        counting.addCallbacks(lambda nodes: self.expect(nodes - listening), lambda failure: None)

    def expect(self, nodes: int) -> None:
        """Be answered once so many nodes have answered."""
        self._counting = None
        self._expected = nodes
        self._look()

    def take(self, node: str, n: int, value: Any, more: bool) -> None:
        """Take a piece of a node's answer."""
        if self.what == COUNT:
            if not is_count(value):
                raise ValueError("not a number of members")
            answer = Answer(n, value)
        else:
            if not isinstance(value, list):
                raise ValueError("not a list of members")
            pieces = self._pieces.setdefault(node, [])
            pieces.extend(value)
            if more:
                self._deadline.reset(PATIENCE)
                return
            answer = Answer(n, self._pieces.pop(node))
        self._answers[node] = answer
        if self._taken is not None:
            self._taken(node, answer)
        self._look()

    def _look(self) -> None:
        if self._expected is not None and len(self._answers) >= self._expected:
            self.end()

    def end(self) -> None:
        """Be done with the answers that came."""
        self._deadline.cancel()
        if self._counting is not None:
            counting, self._counting = self._counting, None
            counting.cancel()
        if not self.done.called:
            self.done.callback(self._answers)
