"""`Here`: a room that has members on this node, as far as other nodes are concerned."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..wire.publication import Key
from .presence import Presence


class Here:
    """A room that has members on this node; ``heard`` are the counts of others' publications."""

    __slots__ = ("early", "heard", "key", "listening", "presence", "ready", "waiters")

    def __init__(self, key: Key, watched: bool) -> None:
        self.key = key
        self.heard: dict[str, int] = {}
        self.presence = Presence() if watched else None
        self.listening = False
        self.ready = False  # it is listened to, and known who is there
        self.early = False  # somebody was told to go on before that
        self.waiters: list[Deferred[None]] = []

    def note(self, node: str, n: int, alive: frozenset[str]) -> int | None:
        """Note that a node published ``n``, and return what it was before, if anything was heard.

        If that is more, the node has forgotten that it spoke here before, and counts anew. What
        comes before the room is listened to may have been under way to a member that left.
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
        """Let nobody wait any more: all is as it should be."""
        self.ready = True
        self.early = False
        self._release()

    def release(self) -> None:
        """Let nobody wait any more, though something may be missed."""
        self.early = True
        self._release()

    def _release(self) -> None:
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.callback(None)
