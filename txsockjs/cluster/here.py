"""`Here`: a room with members on this node, and what it knows of other nodes."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..wire.publication import Key
from .presence import Presence


class Here:
    """A room with members on this node; ``heard`` has the counts of others' publications."""

    __slots__ = ("early", "heard", "key", "listening", "presence", "ready", "waiters")

    def __init__(self, key: Key, watched: bool) -> None:
        self.key = key
        self.heard: dict[str, int] = {}
        self.presence = Presence() if watched else None
        self.listening = False
        self.ready = False  # it is listened to, and the members are known
        self.early = False  # the waiting was released before that
        self.waiters: list[Deferred[None]] = []

    def note(self, node: str, n: int, alive: frozenset[str]) -> int | None:
        """Note publication ``n`` of a node, and return its count before, if there was one.

        If the old count is larger, the node has forgotten it and counts from the start.
        Publications before the room is listened to may have been under way to a member that left.
        """
        if not self.listening:
            return None
        last = self.heard.get(node)
        if last is None and len(self.heard) > 2 * len(alive) + 16:
            self.heard = {each: count for each, count in self.heard.items() if each in alive}
        self.heard[node] = n
        return last

    def listen(self) -> None:
        """Note that the room is listened to from now on."""
        self.listening = True

    def be_ready(self) -> None:
        """Fire what waits for the room: everything is known."""
        self.ready = True
        self.early = False
        self._release()

    def release(self) -> None:
        """Fire what waits for the room, although something may be missed."""
        self.early = True
        self._release()

    def _release(self) -> None:
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.callback(None)
