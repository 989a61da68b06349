"""`Presence`: the members of a room on other nodes, as known here.

Rules: a node's answer has its members, and its publications have the changes; their counts show
which changes the answer includes already. If publications are missing, the node is asked again, and
the members are told the difference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

#: The value of a ``presence``: the presences that joined and left.
Change = dict[str, list[Any]]


class Presence:
    """The members of a room on other nodes, by node."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def __contains__(self, node: str) -> bool:
        return node in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._nodes))

    def members(self) -> list[object]:
        """Return the presences of the members."""
        return [
            json.loads(member)
            for known in self._nodes.values()
            for member in known.members.elements()
        ]

    def ask(self, node: str, anew: bool = False) -> None:
        """Note that a node is asked; its publications wait until `answered`.

        ``anew`` is whether its counts have restarted.
        """
        known = self._nodes.setdefault(node, _Node())
        if known.waiting is None:
            known.waiting = []
        if anew:
            known.n = 0

    def knows(self, node: str) -> bool:
        """Return whether a node is known and has answered the last question."""
        known = self._nodes.get(node)
        return known is not None and known.sure

    def begin(self, node: str) -> None:
        """Note that a node had no members before its present publication."""
        self._nodes[node] = _Node()

    def is_asked(self, node: str) -> bool:
        """Return whether a node is being asked."""
        known = self._nodes.get(node)
        return known is not None and known.waiting is not None

    def changed(self, node: str, n: int, change: Change) -> Change | None:
        """Note a change on a known node; return the change to tell the members, or None."""
        known = self._nodes[node]
        if known.waiting is not None:
            known.waiting.append((n, change))
        elif n > known.n:
            known.n = n
            known.apply(change)
            return change
        return None

    def answered(self, node: str, n: int, members: Iterable[object]) -> Change | None:
        """Note the members of a node; return the change to tell the members here, or None."""
        known = self._nodes.setdefault(node, _Node())
        if n < known.n:
            return None  # the answer is older than publications since
        before, known.members = known.members, Counter(map(_text, members))
        known.n = n
        known.sure = True
        return known.catch_up(before)

    def unanswered(self, node: str) -> Change | None:
        """Note that a node did not answer; return the change to tell the members, or None."""
        known = self._nodes.get(node)
        if known is None:
            return None
        known.sure = False
        return known.catch_up(known.members.copy())

    def lost(self, node: str) -> Change | None:
        """Forget a node; return the change to tell the members, or None."""
        known = self._nodes.pop(node, None)
        return None if known is None else _difference(known.members, Counter())


class _Node:
    """The members on a node up to its publication ``n``, and the changes that wait for its answer.

    It is not ``sure`` if the node did not answer, and must be asked when it is heard again.
    """

    __slots__ = ("members", "n", "sure", "waiting")

    def __init__(self) -> None:
        self.members: Counter[str] = Counter()
        self.n = 0
        self.sure = True
        self.waiting: list[tuple[int, Change]] | None = None

    def apply(self, change: Change) -> None:
        self.members.update(map(_text, change.get("joined", ())))
        self.members -= Counter(map(_text, change.get("left", ())))

    def catch_up(self, before: Counter[str]) -> Change | None:
        waiting, self.waiting = self.waiting or (), None
        for n, change in waiting:
            if n > self.n:
                self.n = n
                self.apply(change)
        return _difference(before, self.members)


def _difference(before: Counter[str], after: Counter[str]) -> Change | None:
    joined, left = (after - before).elements(), (before - after).elements()
    change = {"joined": list(map(json.loads, joined)), "left": list(map(json.loads, left))}
    return change if change["joined"] or change["left"] else None


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
