"""`Rooms`: the rooms of a router in this process; `Room`: one of them, on all nodes.

Rules: a room is kept while it has members; a session that is in no room costs nothing. `Nodes` are
the same rooms in other processes, if there are any.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed

from ..errors import unsendable
from ..wire.frames import check_reason
from ..wire.proto import Message
from ..wire.publication import CLOSE, POST, PRESENCE, SEND, Key
from .members import Member, Members
from .scheduler import Scheduler

# Both in bytes of UTF-8; a presence is measured as JSON.
LONGEST_NAME = 200
LARGEST_PRESENCE = 4096


class HasSession(Protocol):
    """A connection, as rooms see it."""

    @property
    def session(self) -> Member:
        """Its session."""
        ...


class Nodes(Protocol):
    """The rooms of this name on other nodes."""

    def entered(self, key: Key, watched: bool) -> Deferred[None]:
        """Listen to a room, which now has a member here; fire when messages arrive."""
        ...

    def emptied(self, key: Key) -> None:
        """Stop listening to a room, which no longer has members here."""

    def say(self, key: Key, kind: str, value: object) -> None:
        """Tell the members on other nodes a value of a kind of `publication`."""

    def members(self, key: Key) -> Deferred[list[Any]]:
        """Fire with the presences of the members on other nodes."""
        ...

    def count(self, key: Key) -> Deferred[int]:
        """Fire with the number of members on other nodes."""
        ...


class Room:
    """A room of a router, on all its nodes; it may be empty.

    Any code in the reactor's thread may use it, at any time, member or not.
    """

    __slots__ = ("_key", "_rooms")

    def __init__(self, rooms: Rooms, key: Key) -> None:
        self._rooms = rooms
        self._key = key

    def __repr__(self) -> str:
        return f"<Room {self.name!r}>"

    @property
    def name(self) -> str:
        """The name of the room."""
        return self._key[1]

    def send(self, message: str, exclude: HasSession | None = None) -> None:
        """Send text to every member except the connection ``exclude``, encoding it once.

        Raises `TypeError` for other types, bytes included.
        """
        if not isinstance(message, str):
            raise unsendable(message, "str in a room")
        excluded = None if exclude is None else exclude.session
        self._rooms.say(self._key, SEND, Message(message), excluded)

    def post(self, event: object) -> None:
        """Deliver an event, any JSON value, to ``on_event`` of every member.

        The value arrives as JSON decodes it; all members in a process get the same object. Raises
        `TypeError` or `ValueError` for values that JSON can't encode.
        """
        self._rooms.say(self._key, POST, json.loads(as_json("an event", event)))

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """End the sessions of all members; raises what their ``close`` raises."""
        check_reason(code, reason)
        self._rooms.say(self._key, CLOSE, [int(code), reason])

    def members(self) -> Deferred[list[Any]]:
        """Fire with a list of the members' presences; None for a member without one.

        A node that does not answer within half a second is left out.
        """
        return self._rooms.ask_members(self._key)

    def count(self) -> Deferred[int]:
        """Fire with the number of members; nodes are left out as in `members`."""
        return self._rooms.ask_count(self._key)


class Rooms:
    """The rooms of a router; ``joined`` maps each session in a room to its rooms' names."""

    __slots__ = ("_rooms", "joined", "nodes", "scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.joined: dict[Member, dict[str, None]] = {}
        self.nodes: Nodes | None = None
        self._rooms: dict[Key, Members] = {}

    def connect(self, nodes: Nodes) -> None:
        """Reach the members of other nodes, too."""
        self.nodes = nodes

    def room(self, name: str, channel: str = "") -> Room:
        """Return a room by its name; raises `TypeError` or `ValueError` for an invalid name."""
        return Room(self, (channel, check_name(name)))

    # -- members come and go

    def join(self, member: Member, name: str, presence: object, watched: bool) -> Deferred[None]:
        """Make a session a member, or change its presence; fires when it hears all nodes.

        ``watched`` is whether its connection wants to know who joins and leaves.
        """
        self.scheduler.check_thread()
        key = (member.channel, check_name(name))
        text = "null" if presence is None else _presence(presence)
        if member.is_closed:
            return succeed(None)
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = Members(self.scheduler, name, watched)
        changing = room.changing
        room.put(member, text)
        self._look(key, room, changing)
        self.joined.setdefault(member, {})[name] = None
        return succeed(None) if self.nodes is None else self.nodes.entered(key, room.watched)

    def leave(self, member: Member, name: str) -> None:
        """Remove a session from a room; does nothing if it is not a member."""
        self.scheduler.check_thread()
        names = self.joined.get(member, {})
        if check_name(name) in names:
            del names[name]
            if not names:
                del self.joined[member]
            self._remove(member, (member.channel, name))

    def forget(self, member: Member) -> None:
        """Remove a session that ended from all rooms."""
        for name in self.joined.pop(member, ()):
            self._remove(member, (member.channel, name))

    def _remove(self, member: Member, key: Key) -> None:
        room = self._rooms[key]
        changing = room.changing
        room.remove(member)
        self._look(key, room, changing)
        if not room.presences:
            del self._rooms[key]
            if self.nodes is not None:
                self.nodes.emptied(key)

    def _look(self, key: Key, room: Members, changing: bool) -> None:
        if room.changing and not changing:
            self.scheduler.flush(partial(self._tell_change, key, room))

    def _tell_change(self, key: Key, room: Members) -> None:
        if room.changing:
            self.say(key, PRESENCE, room.change())

    # -- what is said

    def say(self, key: Key, kind: str, value: object, excluded: Member | None = None) -> None:
        """Tell the members of a room something, here and on other nodes."""
        self.scheduler.turn(self._say, key, kind, value, excluded)

    def _say(self, key: Key, kind: str, value: object, excluded: Member | None) -> None:
        room = self._rooms.get(key)
        if room is not None:
            room.tell(kind, value, excluded)
        if self.nodes is not None:
            self.nodes.say(key, kind, value)

    def hear(self, key: Key, kind: str, value: object) -> None:
        """Tell the members here the content of a `publication` from another node."""
        room = self._rooms.get(key)
        if room is not None:
            self.scheduler.turn(_hear, room, kind, value)

    def gap(self, key: Key) -> None:
        """Tell the members here that they may have missed something."""
        room = self._rooms.get(key)
        if room is not None:
            room.tell_gap()

    # -- who is there

    def presences(self, key: Key) -> list[str]:
        """Return the presences of the members here, as JSON."""
        room = self._rooms.get(key)
        return [] if room is None else list(room.presences.values())

    def size(self, key: Key) -> int:
        """Return the number of members here."""
        room = self._rooms.get(key)
        return 0 if room is None else len(room.presences)

    def ask_members(self, key: Key) -> Deferred[list[Any]]:
        """Fire with the presences of the members, here and on other nodes."""
        none: Deferred[list[Any]] = succeed([])
        others = none if self.nodes is None else self.nodes.members(key)
        return others.addCallback(lambda far: [*map(json.loads, self.presences(key)), *far])

    def ask_count(self, key: Key) -> Deferred[int]:
        """Fire with the number of members, here and on other nodes."""
        others = succeed(0) if self.nodes is None else self.nodes.count(key)
        return others.addCallback(lambda far: self.size(key) + far)


def _hear(room: Members, kind: str, value: Any) -> None:
    if kind in (SEND, POST):
        for each in value:
            room.tell(kind, Message(each) if kind == SEND else each)
    else:
        room.tell(kind, value)


def check_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a room must be str, not {name!r}")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError(f"the name of a room must be text that UTF-8 has, not {name!r}") from None
    if not 1 <= size <= LONGEST_NAME:
        raise ValueError(f"the name of a room must have 1 to {LONGEST_NAME} bytes, not {size}")
    return name


def _presence(value: object) -> str:
    text = as_json("a presence", value)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        text = json.dumps(value, separators=(",", ":"))
        size = len(text)
    if size > LARGEST_PRESENCE:
        raise ValueError(f"a presence must have at most {LARGEST_PRESENCE} bytes, not {size}")
    return text


def as_json(what: str, value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise TypeError(f"{what} must be JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} must be JSON: {error}") from None
