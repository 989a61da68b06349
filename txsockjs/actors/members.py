"""`Members`: the members of one room in one process, and how they are told what is said there.

Rules: messages and events are heard in the turn in which they were sent; what is neither, an end, a
gap, who came and went, is spread over turns, as it concerns everybody at once.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Protocol

from ..wire.publication import CLOSE, POST, PRESENCE, SEND
from .scheduler import Scheduler
from .states import POSTED, Event

#: What a session is closed with that must not miss messages, and did.
MISSED = (1013, "Messages were missed")

# So many members are told in a turn, if that does not take too long.
_MOST = 256


class Member(Protocol):
    """What rooms need of a session."""

    @property
    def channel(self) -> str:
        """The multiplexed channel that it is of, as clients write its name, or nothing."""
        ...

    @property
    def is_closed(self) -> bool: ...
    @property
    def connection(self) -> Any: ...

    def send(self, message: str) -> None:
        """Queue a message for the client."""

    def close(self, code: int = ..., message: str = ...) -> None:
        """End."""

    def post(self, event: object) -> None:
        """Put an event into the mailbox."""

    def handle(self, event: Event, *arguments: Any) -> None:
        """Handle an event in the turn that is running."""


class Notice:
    """A call of another callback than ``on_event``, made through the mailbox as an event is."""

    __slots__ = ("_arguments", "_callback")

    def __init__(self, callback: str, *arguments: object) -> None:
        self._callback = callback
        self._arguments = arguments

    def call(self, connection: Any) -> Any:
        """Call it."""
        return getattr(connection, self._callback)(*self._arguments)


class Members:
    """The members of the room ``name``; ``presences`` has them with their presences, as JSON.

    ``watched`` is whether they want to be told who comes and goes.
    """

    __slots__ = ("_joined", "_left", "_scheduler", "name", "presences", "watched")

    def __init__(self, scheduler: Scheduler, name: str, watched: bool) -> None:
        self._scheduler = scheduler
        self.name = name
        self.presences: dict[Member, str] = {}
        self.watched = watched
        # What of that changed in this turn.
        self._joined: dict[Member, str] = {}
        self._left: list[str] = []

    # -- they come and go

    @property
    def changing(self) -> bool:
        """Whether somebody came or went in this turn."""
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

    def change(self) -> dict[str, list[Any]]:
        """Return who came and who went since the last call: the value of a ``presence``."""
        joined, self._joined = self._joined.values(), {}
        left, self._left = self._left, []
        return {"joined": list(map(json.loads, joined)), "left": list(map(json.loads, left))}

    # -- they are told

    def tell(self, kind: str, value: Any, excluded: Member | None = None) -> None:
        """Tell them one thing of a kind of `publication`: a text, an event, a reason, a change."""
        if kind == SEND:
            for member in list(self.presences):  # one that does not read ends, and leaves
                if member is not excluded:
                    member.send(value)
        elif kind == POST:
            for member in list(self.presences):
                member.post(value)
        elif kind == CLOSE:
            self._spread(lambda member: member.close(*value))
        elif kind == PRESENCE:
            notice = Notice("on_presence", self.name, value["joined"], value["left"])
            self._spread(lambda member: member.handle(POSTED, notice))

    def tell_gap(self) -> None:
        """Tell them that they may have missed something."""
        notice = Notice("on_gap", self.name)

        def tell(member: Member) -> None:
            if getattr(member.connection, "close_on_gap", False):
                member.close(*MISSED)
            else:
                member.handle(POSTED, notice)

        self._spread(tell)

    def _spread(self, tell: Callable[[Member], None]) -> None:
        def tell_member(member: Member) -> None:
            if member in self.presences:  # it may have left since
                tell(member)

        self._scheduler.tell_each(tell_member, iter(list(self.presences)), _MOST)
