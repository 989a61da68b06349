"""`Members`: the members of one room in one process, and how they are told what is said there.

Rules: messages and events are heard in the turn in which they were sent; what is neither, an end, a
gap, who came and went, concerns everybody at once and is told in rounds, over as many turns as that
takes. A round begins when the one before it is done, so that each member is told in order; what
waits for that, and is of the same kind, becomes one round.
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

#: What a session is closed with that must not miss messages, and did.
MISSED = (1013, "Messages were missed")

# So many members are told in a turn, if that does not take too long.
_MOST = 256
# What is told beside the kinds of publications.
_GAP = "gap"

#: The value of a ``presence``: who joined and who left.
Change = dict[str, list[Any]]


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

    __slots__ = ("_joined", "_left", "_rounds", "_scheduler", "name", "presences", "watched")

    def __init__(self, scheduler: Scheduler, name: str, watched: bool) -> None:
        self._scheduler = scheduler
        self.name = name
        self.presences: dict[Member, str] = {}
        self.watched = watched
        # What of that changed in this turn.
        self._joined: dict[Member, str] = {}
        self._left: list[str] = []
        # What each of them is still to be told: kinds and values, the first of them under way.
        self._rounds: deque[tuple[str, Any]] = deque()

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

    def change(self) -> Change:
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
            chosen = set(self.presences)  # and none that comes after this was said
            self._begin(kind, (chosen, value))
        elif kind == PRESENCE:
            self._begin(kind, value)

    def tell_gap(self) -> None:
        """Tell them that they may have missed something."""
        self._begin(_GAP, None)

    # -- one after the other, over turns

    def _begin(self, kind: str, value: Any) -> None:
        """Begin a round when those before it are done, for those who are there by then."""
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
        # A class may have made anything of its attributes, and must not end the round.
        _log.failure("a member of a room could not be told")


def _joined(first: Change, second: Change) -> Change:
    """Join two changes to one; who came and went left, as somebody may have been asked between."""
    joined, left = list(first["joined"]), list(first["left"])
    for each in second["left"]:
        if each in joined:
            joined.remove(each)
        left.append(each)
    return {"joined": joined + second["joined"], "left": left}
