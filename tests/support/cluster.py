"""Several nodes in memory: a site each, on one clock and one bus, and clients that go anywhere."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.cluster.memory import MemoryBus, MemoryNetwork
from txsockjs.server.root import Root
from txsockjs.site import SockJSSite

from .memory import Echo
from .sites import Answer, Client, read_answers, request


class Node:
    """One process: its bus, its router and its site."""

    def __init__(
        self, network: MemoryNetwork, base: type[SockJSConnection], **settings: Any
    ) -> None:
        self.log: list[Any] = []
        self.bus = MemoryBus(network)
        connection = type(base.__name__, (base,), {"log": self.log})
        self.router = SockJSRouter(
            connection, "/chat", reactor=network.clock, bus=self.bus, **settings
        )
        root = Root()
        root.mount(self.router.prefix, self.router.resource())
        self.site = SockJSSite(root, [self.router], reactor=network.clock)
        self.site.timeOut = None


class Cluster:
    """Nodes that reach each other."""

    def __init__(
        self,
        count: int = 2,
        base: type[SockJSConnection] = Echo,
        delay: float = 0.0,
        start: bool = True,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, delay)
        self.nodes = [Node(self.network, base, **settings) for _ in range(count)]
        self.clients: list[tuple[Client, Node]] = []
        self.dead: set[Node] = set()
        if start:
            for node in self.nodes:
                node.bus.start()
            self.advance(0.5)

    def advance(self, seconds: float = 0.02, step: float = 0.01) -> None:
        """Let time pass in small steps."""
        self.clock.pump([step] * max(1, round(seconds / step)))

    def connect(self, number: int) -> Client:
        node = self.nodes[number]
        client = Client(node.site, self.clock)
        self.clients.append((client, node))
        return client

    def ask(self, number: int, name: str = "xhr", body: bytes = b"", **options: str) -> Client:
        """Send a request for a session to a node, on a connection of its own."""
        client = self.connect(number)
        session_id = options.get("session_id", "abc")
        path = f"/chat/000/{session_id}/{name}{options.get('query', '')}"
        method = "GET" if name in ("eventsource", "htmlfile", "jsonp") else "POST"
        lines = [options["headers"]] if "headers" in options else []
        client.send(request(method, path, body, *lines))
        self.advance()
        return client

    def poll(self, number: int, **options: str) -> Client:
        return self.ask(number, "xhr", **options)

    def say(self, number: int, *messages: str, **options: str) -> Client:
        return self.ask(number, "xhr_send", json.dumps(messages).encode(), **options)

    def kill(self, number: int) -> None:
        """End a node's process: its connections are reset."""
        node = self.nodes[number]
        self.network.kill(node.bus)
        self.dead.add(node)
        for client, where in self.clients:
            if where is node:
                client.transport.write = lambda data: None  # nothing it sends arrives
                client.vanish()

    def settle(self) -> None:
        """Let all clients vanish, close all, and check that nothing is left."""
        for client, _ in self.clients:
            client.vanish()
        self.advance(1)
        for node in self.nodes:
            node.router.close()
        self.clock.pump([0.5] * 250)
        for node in self.nodes:
            node.bus.stop()
        self.clock.pump([0.5] * 10)
        for node in self.nodes:
            assert len(node.router.sessions) == 0
            assert node.router.stats.sessions_active == 0
            if node not in self.dead:
                relay: Any = node.router.relay
                assert node.router.stats.connections_active == 0
                assert node.site.connections() == []
                assert not relay._edges
                assert not relay._serving._remotes
                assert not relay._claims._mine
        # Those of the dead are gone when their time is over.
        dead = {node.bus.node for node in self.dead}
        assert {node for node, _ in self.network.claims.values()} <= dead
        left = self.clock.getDelayedCalls()
        assert left == [], left


def answer(client: Client) -> tuple[int, bytes]:
    """Return the status and the body of the only answer; (0, b"") if none came."""
    answers = read_answers(client.received)
    if not answers or not answers[0].complete:
        return 0, b""
    assert len(answers) == 1
    return answers[0].code, b"".join(answers[0].body)


def chunks(client: Client) -> list[bytes]:
    """Return the chunks of the only answer, which may not be complete."""
    answers: list[Answer] = read_answers(client.received)
    return answers[0].body if answers else []


__all__ = ["Cluster", "Node", "answer", "chunks"]
