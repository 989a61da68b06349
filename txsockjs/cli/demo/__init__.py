"""The demo of ``twistd sockjs``: a page with a chat, an echo and live statistics.

`Demo` holds its routers (``/chat``, ``/echo``, ``/stats``) and its page. The client script comes
from the npm package ``sockjs-client`` installed in the current directory or above it, or else from
the URL in the settings.

No line of the chat is lost when a server ends in any way, because its author's page keeps it: the
page sends its last lines again to the next server, and each page shows a line once.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import html
import json
import os
from collections import deque
from collections.abc import Mapping
from importlib import resources
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.resource import Resource

from ...actors.connection import SockJSConnection
from ...actors.info import ConnectionInfo
from ...actors.interfaces import SessionForConnection
from ...resume import ResumableConnection
from ...router import SockJSRouter
from ...script import NAME, ScriptResource
from ...server.root import Data, File, Page
from ...settings import Settings

CLIENT = os.path.join("node_modules", "sockjs-client", "dist", "sockjs.min.js")
CLIENT_URL = "/sockjs.min.js"
STATS_INTERVAL = 1.0
NODE_LENGTH = 6
NAME_LIMIT, TEXT_LIMIT, ID_LIMIT = 30, 2000, 40
ROOM = "everyone"
LINES_KEPT = 50  # of each person


class Echo(SockJSConnection):
    """Send every message back."""

    def on_message(self, message: str | bytes) -> None:
        self.send(message)


class Chat(ResumableConnection):
    """A room: ``joins NAME`` or ``again NAME`` comes first, then ``ID TEXT`` for each line.

    A person who comes back in another session gets the last lines of the others.
    """

    demo: Demo
    name = ""

    def __init__(self, session: SessionForConnection) -> None:
        super().__init__(session)
        self.people: dict[str, str] = {}  # the names of the people in the chat
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)  # the last lines of this client

    async def on_message(self, message: str | bytes) -> None:
        if not isinstance(message, str):
            self.close(3001, "Text messages only")
            return
        word, _, text = message.partition(" ")
        if self.name:
            said = {"id": word[:ID_LIMIT], "name": self.name, "text": text[:TEXT_LIMIT]}
            line = json.dumps({"what": "said", **said})
            self.lines.append(line)
            self.room(ROOM).send(line)
        else:
            self.name = " ".join(text.split())[:NAME_LIMIT] or "nobody"
            # Names need not be unique, so each person has a number, and a room.
            number = os.urandom(8).hex()
            await self.join(number)
            person = {"id": number, "name": self.name, "node": self.demo.node}
            await self.join(ROOM, {**person, "again": word == "again"})
            await self._look()

    def on_presence(self, room: str, joined: list[Any], left: list[Any]) -> None:
        if room != ROOM:
            return
        for person in joined:
            self.people[person["id"]] = person["name"]
            if person["again"]:
                for line in self.lines:
                    self.room(person["id"]).send(line)
        for person in left:
            self.people.pop(person["id"], None)
        for what, people in (("joined", joined), ("left", left)):
            for person in people:
                self._tell(what, **person)

    async def on_gap(self, room: str) -> None:
        await self._look()
        self._tell("gap")

    async def _look(self) -> None:
        members = await self.room(ROOM).members()
        self.people = {person["id"]: person["name"] for person in members}

    def _tell(self, what: str, name: str = "", node: str = "", **rest: object) -> None:
        event = {"what": what, "name": name, "node": node, "people": len(self.people)}
        self.send(json.dumps(event))


class Watcher(SockJSConnection):
    """A client that watches the statistics."""

    demo: Demo

    def on_open(self, info: ConnectionInfo) -> None:
        self.demo.watch(self)

    def on_close(self) -> None:
        self.demo.unwatch(self)


class Demo:
    """The routers of the demo, and ``page``, the resource for all other paths."""

    def __init__(self, settings: Mapping[str, object], reactor: IReactorTime) -> None:
        client = find_client()
        if client is not None:
            settings = {"sockjs_url": CLIENT_URL, **settings}
        checked = Settings.merged(None, settings)

        def route(prefix: str, base: type[SockJSConnection], **own: object) -> SockJSRouter:
            return SockJSRouter(type(base.__name__, (base,), own), prefix, checked, reactor)

        self.routers: list[SockJSRouter] = [
            route("/chat", Chat, demo=self),
            route("/echo", Echo),
            route("/stats", Watcher, demo=self),
        ]
        self.page = make_page(checked.sockjs_url, client)
        self._watchers: set[Watcher] = set()
        self._pushing = LoopingCall(self._push)
        self._pushing.clock = reactor

    @property
    def node(self) -> str:
        """The name of this node, or an empty string if it is the only one."""
        bus = self.routers[0].bus
        return "" if bus is None else bus.node[:NODE_LENGTH]

    def watch(self, watcher: Watcher) -> None:
        """Push statistics to a client once a second."""
        self._watchers.add(watcher)
        if self._pushing.running:
            watcher.send(self._statistics())
        else:
            self._pushing.start(STATS_INTERVAL).addErrback(
                lambda failure: Logger().failure("no more statistics", failure)
            )

    def unwatch(self, watcher: Watcher) -> None:
        """Stop pushing to a client, and stop the timer when none is left."""
        self._watchers.discard(watcher)
        if not self._watchers and self._pushing.running:
            self._pushing.stop()

    def _push(self) -> None:
        self.routers[-1].broadcast(self._watchers, self._statistics())

    def _statistics(self) -> str:
        bus = self.routers[0].bus
        nodes = 0 if bus is None else len(bus.nodes)
        stats = {router.prefix: router.stats.dump() for router in self.routers}
        return json.dumps({"node": self.node, "nodes": nodes, "stats": stats})


def find_client() -> str | None:
    """Look for an installed client script, in the current directory and those above it."""
    directory = os.getcwd()
    while True:
        script = os.path.join(directory, CLIENT)
        if os.path.isfile(script):
            return script
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def make_page(sockjs_url: str, client: str | None) -> Resource:
    """Make the resource of the page, with the client script if that is a file."""
    text = resources.files(__name__).joinpath("index.html").read_text("utf-8")
    text = text.replace("SOCKJS_URL", html.escape(sockjs_url))
    page = Page()
    page.putChild(b"", Data(text.encode(), "text/html; charset=UTF-8"))
    page.putChild(NAME.encode(), ScriptResource())
    if client is not None:
        page.putChild(CLIENT_URL[1:].encode(), File(client))
    return page
