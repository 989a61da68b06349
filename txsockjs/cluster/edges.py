"""`Edges`: the requests at a node that other nodes answer, by the numbers of their streams."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from .edge import Edge


class Edges:
    """All edges that are not over."""

    def __init__(self) -> None:
        self._edges: dict[int, Edge] = {}
        self._left: Deferred[None] | None = None  # fires when none is left

    def __len__(self) -> int:
        return len(self._edges)

    def add(self, number: int, edge: Edge) -> None:
        """Add a new edge."""
        self._edges[number] = edge

    def get(self, number: int) -> Edge | None:
        """Return an edge, or None if it is over."""
        return self._edges.get(number)

    def over(self, edge: Edge) -> None:
        """Forget an edge."""
        del self._edges[edge.number]
        if self._left is not None and not self._edges:
            self._left.callback(None)
            self._left = None

    def give_up(self) -> None:
        """End all in an orderly way, because their owners can't be reached."""
        for edge in list(self._edges.values()):
            edge.give_up()

    def owner_lost(self, node: str, lives: bool) -> None:
        """End those whose owner is gone, or ``lives`` and has taken this node for gone."""
        for edge in [edge for edge in self._edges.values() if edge.owner == node]:
            edge.owner_lost(lives)

    def leave(self) -> Deferred[None]:
        """End receivers, so that their clients ask another node; fires once no sender is left."""
        for edge in list(self._edges.values()):
            if edge.is_receiver:
                edge.give_up()
        left: Deferred[None] = Deferred()
        if self._edges:
            self._left = left
        else:
            left.callback(None)
        return left
