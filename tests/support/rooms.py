"""Nodes on a `MemoryNetwork`, and people in the rooms of their routers."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.cluster.memory import MemoryNetwork
from txsockjs.testing import advance, connect


class Person(SockJSConnection):
    """Notes what it is told; ``router.people`` has it by the name that its client gave."""

    def on_open(self, info: Any) -> None:
        self.gaps: list[str] = []
        self.events: list[Any] = []
        self.session.server.people[info.get_argument("name")] = self

    def on_message(self, message: Any) -> None:
        room, text = json.loads(message)
        self.room(room).send(text)

    def on_event(self, event: Any) -> None:
        self.events.append(event)

    def on_gap(self, room: str) -> None:
        self.gaps.append(room)


class Watcher(Person):
    """Notes who came and went, too."""

    def on_open(self, info: Any) -> None:
        super().on_open(info)
        self.seen: list[Any] = []

    def on_presence(self, room: str, joined: list[Any], left: list[Any]) -> None:
        self.seen.append((room, joined, left))


class Nodes:
    """Routers of one mount, a node each; ``self[n]`` is the n-th."""

    def __init__(self, number: int, cls: type[SockJSConnection] = Person, delay: float = 0.01):
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, delay)
        self.routers: list[Any] = []
        for _ in range(number):
            self.add(cls)
        self.pass_time()

    def add(self, cls: type[SockJSConnection] = Person) -> Any:
        bus = self.network.bus()
        router: Any = SockJSRouter(cls, "/chat", reactor=self.clock, bus=bus)
        router.people = {}
        bus.start()
        self.routers.append(router)
        return router

    def __getitem__(self, n: int) -> Any:
        return self.routers[n]

    def pass_time(self, seconds: float = 0.2) -> None:
        advance(self.clock, seconds)

    def enter(self, n: int, name: str, *rooms: str, presence: Any = None) -> Any:
        """Let a client of this name in on a node; return its connection."""
        client = connect(self[n], "websocket", query=f"name={name}")
        assert client.is_open
        person = self[n].people[name]
        person.client = client
        for room in rooms:
            person.join(room, presence)
        return person

    def answer(self, deferred: Any, seconds: float = 1.0) -> Any:
        """Return what a Deferred fires with in that time."""
        answers: list[Any] = []
        deferred.addCallback(answers.append)
        self.pass_time(seconds)
        assert answers, "no answer came in time"
        return answers[0]
