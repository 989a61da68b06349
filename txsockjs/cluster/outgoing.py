"""`Outgoing`: what a node says in rooms, and how much of it there was.

Rules: what is said in a room in one turn is one publication, as long as it is of one kind. Each has
the count of what this node published in that room; of rooms without a member here so many counts
are kept, and one that was forgotten starts anew, which the others do not take for a gap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ..actors.scheduler import Scheduler
from ..wire.limits import MESSAGE_COST
from ..wire.publication import NOTHING, POST, SEND, Key, channel_name, encode
from .bus import Bus

# What is said in a turn leaves in pieces of so many bytes.
_PIECE = 64 * 1024
_MOST_COUNTS = 16384


class Outgoing:
    """What a node says in the rooms of the mount at ``prefix``."""

    def __init__(self, bus: Bus, prefix: str, scheduler: Scheduler) -> None:
        self._bus = bus
        self._prefix = prefix
        self._scheduler = scheduler
        self._said: dict[Key, list[tuple[str, Any]]] = {}  # in this turn
        self._size = 0
        self._flushing = False
        self._kept: dict[Key, int] = {}  # the counts of rooms with members here
        # Those of others, the one that was used last at the end. The first of a plain dict is slow
        # to find where many were deleted before it.
        self._counts: OrderedDict[Key, int] = OrderedDict()
        self._unsure: set[Key] = set()  # where publications may have been dropped

    def say(self, key: Key, kind: str, value: Any) -> None:
        """Publish something when the turn ends."""
        self._said.setdefault(key, []).append((kind, value))
        self._size += MESSAGE_COST + (len(value) if kind == SEND else 0)
        if self._size > _PIECE:
            self.publish()
        elif not self._flushing:
            self._flushing = True
            self._scheduler.flush(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self.publish()

    def publish(self) -> None:
        """Publish what was said, now."""
        said, self._said = self._said, {}
        self._size = 0
        for key, things in said.items():
            for kind, value in _joined(things):
                self._publish(key, kind, value, self._next(key))
            if not self._bus.connected:
                self._unsure.add(key)

    def publish_counts(self) -> None:
        """Publish how much there was in the rooms where some of it may have been dropped."""
        unsure, self._unsure = self._unsure, set()
        for key in unsure:
            self._publish(key, NOTHING, None, self.count(key))

    def _publish(self, key: Key, kind: str, value: Any, n: int) -> None:
        channel = channel_name(self._prefix, key)
        self._bus.publish(channel, encode(kind, value, self._bus.node, n))

    # -- counts

    def count(self, key: Key) -> int:
        """Return how much was published in a room."""
        return self._kept.get(key) or self._counts.get(key, 0)

    def keep(self, key: Key) -> None:
        """Keep a room's count until `let_go`."""
        self._kept[key] = self._counts.pop(key, 0)

    def let_go(self, key: Key) -> None:
        """Keep a room's count as long as there is place for it."""
        n = self._kept.pop(key)
        if n:
            self._put(key, n)

    def _next(self, key: Key) -> int:
        if key in self._kept:
            self._kept[key] += 1
            return self._kept[key]
        n = self._counts.pop(key, 0) + 1
        self._put(key, n)
        return n

    def _put(self, key: Key, n: int) -> None:
        self._counts[key] = n
        if len(self._counts) > _MOST_COUNTS:
            forgotten, _ = self._counts.popitem(last=False)
            self._unsure.discard(forgotten)


def _joined(things: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Join texts that follow each other, and events: one publication carries several."""
    last = ""
    values: list[Any] = []
    for kind, value in things:
        if values and kind != last:
            yield last, values
            values = []
        if kind in (SEND, POST):
            last = kind
            values.append(value)
        else:
            yield kind, value
    if values:
        yield last, values
