"""`RoomsOfNodes`: the rooms of one mount on all nodes of a bus.

Rules: a node listens to the rooms that have members on it. Each node counts its publications in
each room, so that a listener sees from the next publication that some are missing. It then tells
its members of the gap, as it does after the bus was away. Anything that is not a publication is
dropped and counted.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ..actors.rooms import Rooms
from ..wire.publication import (
    ASK,
    COUNT,
    MEMBERS,
    NOTHING,
    PRESENCE,
    Key,
    Publication,
    channel_name,
    decode,
    json_object,
)
from .bus import Bus
from .here import Here
from .outgoing import Outgoing
from .presence import Change
from .questions import PIECES_PER_TURN, Answer, Questions

# How many rooms one turn goes through, if that does not take too long.
_MOST_ROOMS = 256


class RoomsOfNodes:
    """The rooms of a router's mount on the other nodes of its bus: an `actors.rooms.Nodes`.

    Raises `ValueError` if this bus already has one at the same prefix.
    """

    def __init__(self, bus: Bus, prefix: str, rooms: Rooms, reactor: IReactorTime) -> None:
        port = f"rooms{prefix}"
        self._bus = bus
        self._prefix = prefix
        self._rooms = rooms
        self._scheduler = rooms.scheduler
        self._outgoing = Outgoing(bus, prefix, rooms.scheduler)
        self._questions = Questions(bus, prefix, port, reactor)
        self._here: dict[Key, Here] = {}
        bus.listen(port, self)

    # -- rooms with members here

    def entered(self, key: Key, watched: bool) -> Deferred[None]:
        """Listen to a room; fires once it is listened to, or if that is impossible now."""
        here = self._here.get(key)
        if here is None:
            here = self._here[key] = Here(key, watched)
            self._outgoing.keep(key)
            channel = channel_name(self._prefix, key)
            subscribed = self._bus.subscribe(channel, partial(self._heard, here))
            # A failure means that the bus stops.
            subscribed.addCallbacks(lambda _: self._listening(here), lambda failure: None)
        if not here.ready and not self._bus.connected:
            here.release()
        if here.ready or here.early:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        here.waiters.append(waiter)
        return waiter

    def _listening(self, here: Here) -> None:
        if self._here.get(here.key) is not here:
            return
        here.listen()
        if here.early:
            self._rooms.gap(here.key)
        if here.presence is None:
            here.be_ready()
        else:
            self._ask_all(here)

    def emptied(self, key: Key) -> None:
        """Stop listening to a room."""
        here = self._here.pop(key)
        self._bus.unsubscribe(channel_name(self._prefix, key))
        self._outgoing.let_go(key)
        here.be_ready()

    def say(self, key: Key, kind: str, value: Any) -> None:
        """Tell the members on other nodes a value when the turn ends."""
        self._outgoing.say(key, kind, value)

    # -- publications

    def _heard(self, here: Here, data: bytes) -> None:
        if self._here.get(here.key) is not here:
            return
        try:
            said = decode(data)
        except ValueError:
            self._bus.counters["publications_refused"] += 1
            return
        if said.node == self._bus.node:
            return
        if said.node and said.kind == ASK:
            self._answer(here.key, said.node, said.value)
        if said.node:
            self._look(here, said)
        if said.kind == PRESENCE:
            if here.presence is not None and said.n:
                self._tell(here, here.presence.changed(said.node, said.n, said.value))
        elif said.kind not in (ASK, NOTHING):
            self._rooms.hear(here.key, said.kind, said.value)

    def _look(self, here: Here, said: Publication) -> None:
        """Check whether publications of a node are missing before this one."""
        before = said.n if said.kind == NOTHING else said.n - 1
        last = here.note(said.node, said.n, self._bus.nodes) if said.n else None
        missed, anew = (False, False) if last is None else (before > last, before < last)
        if missed:
            self._bus.counters["gaps"] += 1
            self._rooms.gap(here.key)
        presence = here.presence
        if presence is not None and (missed or anew or not presence.knows(said.node)):
            if said.n == 1 and said.kind == PRESENCE and said.node not in presence:
                presence.begin(said.node)
            else:
                self._ask_node(here, said.node, anew)

    # -- members

    def members(self, key: Key) -> Deferred[list[object]]:
        """Fire with the presences of the members on other nodes."""

        def join(answers: dict[str, Answer]) -> list[object]:
            here = self._here.get(key)
            if here is not None and here.presence is not None:
                return here.presence.members()  # the same as the members here were told
            return [member for answer in answers.values() for member in answer.value]

        return self._ask(key, MEMBERS).addCallback(join)

    def count(self, key: Key) -> Deferred[int]:
        """Fire with the number of members on other nodes."""
        here = self._here.get(key)
        if here is not None and here.presence is not None:
            return self.members(key).addCallback(len)
        return self._ask(key, COUNT).addCallback(
            lambda answers: sum(answer.value for answer in answers.values())
        )

    def _ask(self, key: Key, what: str) -> Deferred[dict[str, Answer]]:
        if not self._bus.connected:
            return succeed({})
        here = self._here.get(key)
        if here is None:
            return self._questions.ask_all(key, what, False)
        return self._questions.ask_all(key, what, here.listening, partial(self._take, here))

    def _ask_all(self, here: Here) -> None:
        """Ask for the members of a room, for members here that want to know."""
        asked = self._questions.ask_all(here.key, MEMBERS, True, partial(self._take, here))
        asked.addCallback(lambda _: here.be_ready())

    def _ask_node(self, here: Here, node: str, anew: bool = False) -> None:
        presence = here.presence
        if presence is None or (presence.is_asked(node) and not anew):
            return
        presence.ask(node, anew)
        asked = self._questions.ask_node(node, here.key, partial(self._take, here))

        def look(answers: dict[str, Answer]) -> None:
            if not answers:
                # An unknown node may have ended: its last members must not stay.
                known = node in self._bus.nodes
                self._tell(here, presence.unanswered(node) if known else presence.lost(node))

        asked.addCallback(look)

    def _take(self, here: Here, node: str, answer: Answer) -> None:
        here.heard.setdefault(node, answer.n)
        if here.presence is not None and self._here.get(here.key) is here:
            change = here.presence.answered(node, answer.n, answer.value)
            if here.ready or here.early:  # otherwise, those that wait for the join ask afterwards
                self._tell(here, change)

    def _tell(self, here: Here, change: Change | None) -> None:
        if change is not None and self._here.get(here.key) is here:
            change = {"joined": change.get("joined", []), "left": change.get("left", [])}
            self._rooms.hear(here.key, PRESENCE, change)

    def _answer(self, key: Key, node: str, question: dict[str, object]) -> None:
        self._scheduler.flush(partial(self._answer_now, key, node, question))

    def _answer_now(self, key: Key, node: str, question: dict[str, Any]) -> None:
        # Changes must be published, and so be counted, before they are part of an answer.
        self._outgoing.publish()
        presences, n = self._rooms.presences(key), self._outgoing.count(key)
        answer = self._questions.answer(node, question["id"], question["what"], n, presences)
        self._scheduler.tell_each(lambda _: None, answer, PIECES_PER_TURN)

    # -- told by the bus

    def received(self, node: str, data: bytes) -> None:
        """Handle an answer, or a question to this node."""
        try:
            content = json_object(data)
            if "answer" in content:
                self._questions.take(node, content)
                return
            said = decode(data)
            service, name = said.value["room"]
            if said.kind != ASK or not isinstance(service, str) or not isinstance(name, str):
                raise ValueError("not a question about a room")
        except (ValueError, TypeError, KeyError):
            self._bus.counters["messages_refused"] += 1
        else:
            self._answer((service, name), node, said.value)

    def lost(self, node: str) -> None:
        """Tell members that want to know that a node's members left; ask it again if alive."""

        def lose(here: Here) -> None:
            if here.presence is not None and node in here.presence:
                self._tell(here, here.presence.lost(node))
                if node in self._bus.nodes:
                    self._ask_node(here, node)

        self._scheduler.tell_each(lose, iter(list(self._here.values())), _MOST_ROOMS)

    def away(self) -> None:
        """Stop all waiting for rooms to be listened to, and for answers."""
        self._questions.end()
        for here in list(self._here.values()):
            if not here.ready:
                here.release()

    def back(self) -> None:
        """Tell all members of a gap; ask for members, and publish the counts."""
        for here in self._here.values():
            here.heard.clear()
        self._outgoing.publish_counts()
        self._scheduler.tell_each(self._return, iter(list(self._here.values())), _MOST_ROOMS)

    def taken(self, key: str) -> None:
        """Do nothing: rooms claim no keys."""

    def _return(self, here: Here) -> None:
        if self._here.get(here.key) is not here or not here.listening:
            return  # no member relies on the room yet, or it is told once the room is listened to
        self._rooms.gap(here.key)
        if here.presence is not None:
            for node in here.presence:  # a node without members is not among those asked
                self._ask_node(here, node)
            self._ask_all(here)
