"""`Neighbours`: workers that serve the sockets of a worker that is away.

Rules: a worker may be away for `_AWAY` seconds. If the neighbour that serves for it is replaced,
its successor goes on; if the neighbour ends, another one is found.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .child import Child

# In seconds: how long a worker's sockets may go unserved before a neighbour serves them, too.
_AWAY = 2.0


class Neighbours:
    """``children`` are the workers that serve, or should, by number."""

    def __init__(self, reactor: IReactorTime, children: Mapping[int, Child]) -> None:
        self._reactor = reactor
        self._children = children
        self._looks: dict[int, IDelayedCall] = {}
        self._helpers: dict[int, Child] = {}  # by the number of the worker that is away

    def watch(self, number: int) -> None:
        """Let a neighbour serve a worker's sockets if nobody does for too long."""
        look = self._looks.get(number)
        if look is None or not look.active():
            self._looks[number] = self._reactor.callLater(_AWAY, self._look, number)

    def _look(self, number: int) -> None:
        child = self._children.get(number)
        if number in self._helpers or (child is not None and child.is_ready):
            return
        for neighbour in self._children.values():
            if neighbour.is_ready:
                self._help(number, neighbour)
                return
        self.watch(number)

    def _help(self, number: int, neighbour: Child) -> None:
        self._helpers[number] = neighbour
        neighbour.say(serve=number)

    def serves(self, child: Child, before: Child | None) -> None:
        """Note that a worker serves in place of ``before``."""
        helper = self._helpers.pop(child.number, None)
        if helper is not None:
            helper.say(leave=child.number)
        for number in self._helped_by(before):
            self._help(number, child)

    def ended(self, child: Child) -> None:
        """Note that a worker's process ended."""
        for number in self._helped_by(child):
            del self._helpers[number]
            self.watch(number)

    def _helped_by(self, child: Child | None) -> list[int]:
        return [number for number, helper in self._helpers.items() if helper is child]

    def stop(self) -> None:
        """Leave no timer behind."""
        for look in self._looks.values():
            if look.active():
                look.cancel()
