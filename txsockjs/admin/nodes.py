"""`Nodes`: questions to the nodes of a bus, this one included.

Rules: questions and answers are JSON, each sent to one node; anything else is dropped and counted.
An answer too long for the bus is reported as a failure. Nothing waits for a bus that is away: the
other nodes count as silent.
"""

from __future__ import annotations

import json
from functools import partial

from twisted.internet.interfaces import IReactorTime

from ..cluster.bus import Bus
from .asking import Answers, Others, Table, reply

_PORT = "admin"
# The longest answer in bytes: the most that a bus allows under way to one node.
_LONGEST = 1024 * 1024


class Nodes(Others):
    """Asks all nodes of a bus, by name, and answers the questions of other nodes.

    Raises `ValueError` if somebody else does so on this bus.
    """

    def __init__(self, bus: Bus, answers: Answers, reactor: IReactorTime) -> None:
        super().__init__(reactor, partial(_living, bus), self._ask, "node")
        self._bus = bus
        self._answers = answers
        bus.listen(_PORT, self)

    def _ask(self, node: str, table: Table) -> None:
        if node == self._bus.node:
            reply(self._answers, table, lambda answer: self.take(node, answer))
        elif not self._bus.connected:
            self.lost(node)
        else:
            self._bus.send(node, _PORT, json.dumps(table).encode(), urgent=True)

    def _answer(self, node: str, answer: Table) -> None:
        data = json.dumps(answer).encode()
        if len(data) > _LONGEST:
            answer = {"number": answer["number"], "error": f"an answer of {len(data)} bytes"}
            data = json.dumps(answer).encode()
        self._bus.send(node, _PORT, data)

    # -- told by the bus

    def received(self, node: str, data: bytes) -> None:
        """Take a question or an answer."""
        try:
            table = json.loads(data, parse_constant=_refuse)
            if "ask" not in table:
                self.take(node, table)
            elif isinstance(table["question"], str) and isinstance(table["arguments"], dict):
                reply(self._answers, table, lambda answer: self._answer(node, answer))
            else:
                raise ValueError("not a question")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self._bus.counters["messages_refused"] += 1

    def away(self) -> None:
        """Go on: nodes asked meanwhile answer in time or count as silent."""

    def back(self) -> None:
        """Go on."""

    def taken(self, key: str) -> None:
        """Do nothing: no keys are claimed for this."""


def _living(bus: Bus) -> dict[str, str]:
    return {node: node for node in sorted({bus.node, *bus.nodes})}


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
