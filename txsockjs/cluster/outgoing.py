"""`Outgoing`: a node's publications in rooms, with their counts.

Rules: all that is said in a room in one turn is one publication, as long as it is of one kind. Each
has the count of this node's publications in that room. For rooms without a member here, a bounded
number of counts is kept; a forgotten count restarts, which other nodes do not take for a gap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ..actors.scheduler import Scheduler
from ..wire.limits import MESSAGE_COST
from ..wire.publication import NOTHING, POST, SEND, Key, channel_name, encode
from .bus import Bus

# The publications of a turn are cut into pieces of this many bytes.
_PIECE = 64 * 1024
_MOST_COUNTS = 16384


class Outgoing:
    """A node's publications in the rooms of the mount at ``prefix``."""

    def __init__(self, bus: Bus, prefix: str, scheduler: Scheduler) -> None:
        self._bus = bus
        self._prefix = prefix
        self._scheduler = scheduler
        self._said: dict[Key, list[tuple[str, object]]] = {}  # values of this turn
        self._size = 0
        self._flushing = False
        self._kept: dict[Key, int] = {}  # the counts of rooms with members here
        # The counts of other rooms, the last used at the end. A plain dict finds its first key
        # slowly after many deletions.
        self._counts: OrderedDict[Key, int] = OrderedDict()
        self._unsure: set[Key] = set()  # where publications may have been dropped

    def say(self, key: Key, kind: str, value: Any) -> None:
        """Publish a value when the turn ends."""
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
        """Publish everything said so far, now."""
        said, self._said = self._said, {}
        self._size = 0
        for key, things in said.items():
            for kind, value in _joined(things):
                self._publish(key, kind, value, self._next(key))
            if not self._bus.connected:
                self._unsure.add(key)

    def publish_counts(self) -> None:
        """Publish the counts of the rooms where publications may have been dropped."""
        unsure, self._unsure = self._unsure, set()
        for key in unsure:
            self._publish(key, NOTHING, None, self.count(key))

    def _publish(self, key: Key, kind: str, value: object, n: int) -> None:
        channel = channel_name(self._prefix, key)
        self._bus.publish(channel, encode(kind, value, self._bus.node, n))

    # -- counts

    def count(self, key: Key) -> int:
        """Return the count of publications in a room."""
        return self._kept.get(key) or self._counts.get(key, 0)

    def keep(self, key: Key) -> None:
        """Keep a room's count until `let_go`."""
        self._kept[key] = self._counts.pop(key, 0)

    def let_go(self, key: Key) -> None:
        """Keep a room's count only as long as there is space for it."""
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


def _joined(things: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """Join consecutive texts, and consecutive events: one publication carries several."""
    last = ""
    values: list[object] = []
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
