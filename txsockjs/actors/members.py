"""`Members`: the members of one room in one process, and the delivery of what is said there.

Rules: messages and events are delivered in the turn in which they were sent. Everything else (an
end, a gap, a change of members) concerns all members at once, and is delivered in rounds, over as
many turns as that takes. A round begins when the one before it is done, so that each member is told
in order; waiting rounds of the same kind are joined.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable, Protocol

from twisted.logger import Logger

from ..wire.publication import CLOSE, POST, PRESENCE, SEND
from .scheduler import Scheduler
from .states import POSTED, Event

_log = Logger()

#: Closes a session that must not miss messages, and did.
MISSED = (1013, "Messages were missed")

# How many members one turn tells, if that does not take too long.
_MOST = 256
# A kind of its own, besides those of publications.
_GAP = "gap"

#: The value of a ``presence``: the presences that joined and left.
Change = dict[str, list[Any]]


class Member(Protocol):
    """What rooms need from a session."""

    @property
    def channel(self) -> str:
        """The name of its multiplexed channel, as clients write it, or an empty string."""
        ...

    @property
    def is_closed(self) -> bool: ...
    @property
    def connection(self) -> object: ...

    def send(self, message: str) -> None:
        """Queue a message for the client."""

    def close(self, code: int = ..., message: str = ...) -> None:
        """End the session."""

    def post(self, event: object) -> None:
        """Put an event into the mailbox."""

    def handle(self, event: Event, *arguments: object) -> None:
        """Handle an event in the current turn."""


class Notice:
    """A call of a callback other than ``on_event``, made through the mailbox like an event."""

    __slots__ = ("_arguments", "_callback")

    def __init__(self, callback: str, *arguments: object) -> None:
        self._callback = callback
        self._arguments = arguments

    def call(self, connection: object) -> object:
        """Call the callback."""
        return getattr(connection, self._callback)(*self._arguments)


class Members:
    """The members of the room ``name``; ``presences`` maps each to its presence, as JSON.

    ``watched`` is whether they want to know who joins and leaves.
    """

    __slots__ = ("_joined", "_left", "_rounds", "_scheduler", "name", "presences", "watched")

    def __init__(self, scheduler: Scheduler, name: str, watched: bool) -> None:
        self._scheduler = scheduler
        self.name = name
        self.presences: dict[Member, str] = {}
        self.watched = watched
        # The changes of this turn.
        self._joined: dict[Member, str] = {}
        self._left: list[str] = []
        # The rounds still to do, as kinds and values; the first is under way.
        self._rounds: deque[tuple[str, Any]] = deque()

    # -- members join and leave

    @property
    def changing(self) -> bool:
        """Whether somebody joined or left in this turn."""
        return bool(self._joined or self._left)

    def put(self, member: Member, presence: str) -> None:
        """Add a member, or change its presence."""
        before = self.presences.get(member)
        self.presences[member] = presence
        if self.watched and before != presence:
            if before is not None and member not in self._joined:
                self._left.append(before)
            self._joined[member] = presence

    def remove(self, member: Member) -> None:
        """Remove a member."""
        presence = self.presences.pop(member)
        if self.watched and self._joined.pop(member, None) is None:
            self._left.append(presence)

    def change(self) -> Change:
        """Return who joined and left since the last call: the value of a ``presence``."""
        joined, self._joined = self._joined.values(), {}
        left, self._left = self._left, []
        return {"joined": list(map(json.loads, joined)), "left": list(map(json.loads, left))}

    # -- members are told

    def tell(self, kind: str, value: Any, excluded: Member | None = None) -> None:
        """Tell the members a value of a kind of `publication`: a text, an event and so on."""
        if kind == SEND:
            for member in list(self.presences):  # a copy: one that does not read ends, and leaves
                if member is not excluded:
                    member.send(value)
        elif kind == POST:
            for member in list(self.presences):
                member.post(value)
        elif kind == CLOSE:
            chosen = set(self.presences)  # not those that join after this was said
            self._begin(kind, (chosen, value))
        elif kind == PRESENCE:
            self._begin(kind, value)

    def tell_gap(self) -> None:
        """Tell the members that they may have missed something."""
        self._begin(_GAP, None)

    # -- rounds, one after the other, over turns

    def _begin(self, kind: str, value: Any) -> None:
        """Begin a round once those before it are done, for the members at that time."""
        if len(self._rounds) > 1 and self._rounds[-1][0] == kind and kind != CLOSE:
            if kind == PRESENCE:
                self._rounds[-1] = (kind, _joined(self._rounds[-1][1], value))
            return
        self._rounds.append((kind, value))
        if len(self._rounds) == 1:
            self._scheduler.tell_each(_call, self._calls(), _MOST)

    def _calls(self) -> Iterator[Callable[[], None]]:
        while self._rounds:
            kind, value = self._rounds[0]
            tell = getattr(self, f"_tell_{kind}")(value)
            for member in list(self.presences):
                if member in self.presences:  # it may have left since
                    yield partial(tell, member)
            self._rounds.popleft()

    def _tell_close(self, value: tuple[set[Member], list[Any]]) -> Callable[[Member], None]:
        chosen, reason = value

        def tell(member: Member) -> None:
            if member in chosen:
                member.close(*reason)

        return tell

    def _tell_presence(self, value: Change) -> Callable[[Member], None]:
        notice = Notice("on_presence", self.name, value["joined"], value["left"])
        return lambda member: member.handle(POSTED, notice)

    def _tell_gap(self, value: None) -> Callable[[Member], None]:
        notice = Notice("on_gap", self.name)

        def tell(member: Member) -> None:
            if getattr(member.connection, "close_on_gap", False):
                member.close(*MISSED)
            else:
                member.handle(POSTED, notice)

        return tell


def _call(call: Callable[[], None]) -> None:
    try:
        call()
    except BaseException:  # noqa: BLE001
        # A class may have overridden any attribute, and must not end the round.
        _log.failure("a member of a room could not be told")


def _joined(first: Change, second: Change) -> Change:
    """Join two changes; whoever joined and left counts as left: it may have been seen between."""
    joined, left = list(first["joined"]), list(first["left"])
    for each in second["left"]:
        if each in joined:
            joined.remove(each)
        left.append(each)
    return {"joined": joined + second["joined"], "left": left}
