"""The rows of the table: what is asked of each server.

Values only. A row becomes the arguments of the load generator; ``run.py`` runs it.
"""

from __future__ import annotations

import dataclasses

SHORT = 32
KIB = 1024
# With --quick nothing is measured, it only has to work.
QUICK_CONNECTIONS = 20
QUICK_SESSIONS = 200


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work; ``counts`` says what there is most of, per second, in the result."""

    name: str
    title: str
    counts: str
    mode: str
    connections: int
    in_flight: int = 1
    size: int = SHORT
    utf8: bool = False
    path: str = "/echo"
    transport: str = "websocket"

    @property
    def is_memory(self) -> bool:
        """Whether the figure is KiB per session, of which less is better."""
        return self.mode == "idle"

    def quick(self) -> Row:
        """Give the same with few connections."""
        most = QUICK_SESSIONS if self.is_memory else QUICK_CONNECTIONS
        return dataclasses.replace(self, connections=min(most, self.connections))

    def arguments(self) -> list[str]:
        """Give the load generator's arguments."""
        names = ("connections", "in_flight", "size", "path", "transport")
        pairs = [f"{name}={getattr(self, name)}" for name in names]
        return [self.mode, *pairs, f"utf8={int(self.utf8)}"]


def _echo(name: str, words: str, in_flight: int = 1, size: int = SHORT, utf8: bool = False) -> Row:
    title = f"websocket echo, 100 connections, {words}"
    return Row(name, title, "echoes", "socket", 100, in_flight, size, utf8)


def _broadcast(sessions: int, in_flight: int) -> Row:
    title = f"broadcast to {sessions:,} websockets, {in_flight} in flight"
    name = f"broadcast-{sessions}-{in_flight}"
    return Row(name, title, "deliveries", "broadcast", sessions, in_flight, path="/broadcast")


def _room(sessions: int, in_flight: int) -> Row:
    title = f"a message to a room of {sessions:,} websockets, {in_flight} in flight"
    name = f"room-{sessions}-{in_flight}"
    return Row(name, title, "deliveries", "broadcast", sessions, in_flight, path="/room")


def _http(name: str, transport: str) -> Row:
    title = f"{name} echo, 50 sessions"
    return Row(name, title, "round trips", "http", 50, transport=transport)


ROWS = [
    _echo("echo-1", "1 in flight, 32 B"),
    _echo("echo-10", "10 in flight, 32 B", 10),
    _echo("echo-100", "100 in flight, 32 B", 100),
    _echo("echo-1k", "1 in flight, 1 KiB ASCII", size=KIB),
    _echo("echo-1k-utf8", "1 in flight, 1 KiB mostly not ASCII", size=KIB, utf8=True),
    _echo("echo-64k", "1 in flight, 64 KiB ASCII", size=64 * KIB),
    _echo("echo-64k-utf8", "1 in flight, 64 KiB mostly not ASCII", size=64 * KIB, utf8=True),
    _broadcast(200, 1),
    _broadcast(200, 10),
    _broadcast(1000, 1),
    _broadcast(1000, 10),
    _room(1000, 1),
    _room(1000, 10),
    _http("xhr-polling", "xhr"),
    _http("xhr-streaming", "xhr_streaming"),
    Row(
        "relay",
        "xhr-polling echo, 100 sessions, each request at another node than its session",
        "round trips",
        "http",
        100,
        transport="xhr",
    ),
    Row("open-websocket", "websockets opened, 20 at a time", "opens", "open-socket", 20),
    Row("open-xhr", "xhr sessions opened, 20 at a time", "opens", "open-http", 20, transport="xhr"),
    Row("idle", "memory of 5,000 idle websockets", "KiB per session", "idle", 5000),
]
NAMES = [row.name for row in ROWS]
