"""`Questions`: a node's questions to others about a room, and its answers to theirs.

Rules: a question to all nodes is published in the room's channel; one to a single node, and each
answer, is sent to that node. All are JSON. Nodes that do not answer in time are left out. A long
answer comes in pieces, each of which restarts the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..actors.deadlines import Deadline
from ..wire.publication import ASK, COUNT, MEMBERS, Key, channel_name, encode, is_count
from .bus import Bus

#: How many seconds to wait for an answer.
PATIENCE = 0.5
# The size of a piece in bytes, and how many pieces one turn makes.
_PIECE = 32 * 1024
PIECES_PER_TURN = 8


class Answer(NamedTuple):
    """A node's answer: the count of its publications in the room; its members, or their number."""

    n: int
    value: Any


#: Takes each answer as it arrives, with its node.
Taker = Callable[[str, Answer], object]


class Questions:
    """The open questions of this node."""

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

        ``listening`` is whether this node is among the room's subscribers.
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
        """Stop waiting for answers; those that come later are out of date."""
        for question in list(self._open.values()):
            question.end()

    def take(self, node: str, content: dict[str, object]) -> None:
        """Take a piece of an answer; a late one is dropped.

        Raises `ValueError` if it is not an answer.
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
        """Answer a node's question, with one piece for each step of the iterator."""
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
    """An open question; ``done`` fires with the answers by node."""

    def __init__(self, number: int, what: str, taken: Taker | None, reactor: IReactorTime) -> None:
        self.number = number
        self.what = what
        self.done: Deferred[dict[str, Answer]] = Deferred(lambda _: self.end())
        self._taken = taken
        self._answers: dict[str, Answer] = {}
        self._pieces: dict[str, list[object]] = {}
        self._expected: int | None = None
        self._counting: Deferred[int] | None = None
        self._deadline = Deadline(reactor, PATIENCE, self.end)

    def count(self, counting: Deferred[int], listening: bool) -> None:
        """Expect one answer from each of the nodes that ``counting`` counts, except this one."""
        self._counting = counting
        # A failure means that the bus stops, or comes from the cancellation below.
        counting.addCallbacks(lambda nodes: self.expect(nodes - listening), lambda failure: None)

    def expect(self, nodes: int) -> None:
        """Finish once this many nodes have answered."""
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
        """Finish with the answers so far."""
        self._deadline.cancel()
        if self._counting is not None:
            counting, self._counting = self._counting, None
            counting.cancel()
        if not self.done.called:
            self.done.callback(self._answers)
