"""Nodes, workers and the broker end, stop and come back: who notices, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

from ..support.redis_server import RedisServer
from ..support.running import Server
from ..support.wanderer import PATIENCE, TRANSPORTS, Wanderer
from ..support.ways import node
from .conftest import FULL

GONE = (1001, "Node gone")
# In seconds, what is to come at once, and what once a lease is over. Time is measured only where
# nothing else runs.
SOON, LATER = (1.0, 10.0) if FULL else (PATIENCE, PATIENCE)
EACH = 12 if FULL else 4  # clients of each transport

Ports = Callable[[], Sequence[int]]


@contextlib.contextmanager
def cluster(redis: RedisServer, plan: Path, count: int) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(node(plan, "--cluster", redis.url)) for _ in range(count)]
        yield servers
        for server in servers:
            server.process.kill()  # none has to end its sessions in order here
    for server in servers:
        assert "Traceback" not in server.output, server.output


async def opened(ports: Ports, prefix: str = "/echo") -> list[Wanderer]:
    """Open clients of all transports."""
    clients = [Wanderer(ports, each, prefix) for each in TRANSPORTS for _ in range(EACH)]
    await asyncio.gather(*(client.open() for client in clients))
    return clients


async def leave(clients: list[Wanderer]) -> None:
    await asyncio.gather(*(client.leave() for client in clients))


class Chatter:
    """Echoes without a pause, one after the other, with all of these clients until `stop`."""

    def __init__(self, clients: list[Wanderer]) -> None:
        self.longest = 0.0  # how long an echo took, in seconds
        self.echoes = 0
        self._stopping = False
        self._tasks = [asyncio.ensure_future(self._talk(client)) for client in clients]

    async def _talk(self, client: Wanderer) -> None:
        while not self._stopping:
            sent = f"{client.name} {self.echoes}"
            began = time.monotonic()
            assert await client.ask(sent) == sent
            self.longest = max(self.longest, time.monotonic() - began)
            self.echoes += 1

    async def more(self, count: int = 200) -> None:
        """Wait for so many more echoes."""
        wanted, last, deadline = self.echoes + count, self.echoes, time.monotonic() + PATIENCE
        while self.echoes < wanted and not any(task.done() for task in self._tasks):
            if self.echoes > last:
                last, deadline = self.echoes, time.monotonic() + PATIENCE
            assert time.monotonic() < deadline, "no echoes come"
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)


def test_an_owner_that_is_killed(redis: RedisServer, plan: Path) -> None:
    """Its sessions hear of it once, within 10 seconds; nobody else notices."""

    async def story(dying: Server, living: list[Server]) -> None:
        everywhere = [dying.port, *(server.port for server in living)]
        # Those whose requests pass through it would be cut with it: that is another story.
        elsewhere = everywhere[1:]
        victims = [Wanderer(lambda: ports, each) for each in TRANSPORTS for _ in range(EACH)]
        ports = [dying.port]
        await asyncio.gather(*(client.open() for client in victims))
        ports = elsewhere
        for client in victims:  # their next receiver is elsewhere, but for a stream
            assert await client.ask("pid") == str(dying.pid)
            await client.acknowledge()  # or the sender may hear of the end instead
        others = await opened(lambda: elsewhere)
        chatter = Chatter(others)
        await chatter.more()
        before = [client.requests for client in victims]
        killed = time.monotonic()
        dying.process.kill()
        for client, requests in zip(victims, before):
            code, _ = await client.closed()
            if client.receiver is not None and not client.receiver.streams:
                assert client.end == GONE
                assert client.requests <= requests + 2
            assert code in (1001, 1006)
            assert client.ended - killed < LATER
        await chatter.more()
        await chatter.stop()
        assert chatter.longest < SOON
        assert all(client.end is None for client in others)
        # A stream was cut with the process; whoever asks again is told.
        for client in victims:
            if client.receiver is not None and client.receiver.streams:
                again = Wanderer(lambda: elsewhere, client.receiver)
                again.name = client.name
                with contextlib.suppress(AssertionError):
                    await again.open()
                assert again.end == GONE
        await leave(others)

    with cluster(redis, plan, 3) as (dying, *living):
        asyncio.run(story(dying, living))


def test_a_broker_that_is_away_for_three_seconds(redis: RedisServer, plan: Path) -> None:
    """It comes back empty: no session ends, no message of one is lost or doubled."""

    async def story(servers: list[Server]) -> None:
        clients = await opened(lambda: [server.port for server in servers])
        members = [
            await Wanderer(lambda port=server.port: [port], None, "/lobby").open()  # type: ignore[misc]
            for server in servers
        ]
        chatter = Chatter(clients)
        await chatter.more()
        redis.kill()
        await asyncio.sleep(3)
        redis.start()
        await chatter.more(1000)
        await chatter.stop()
        assert all(client.end is None for client in clients)
        for member in members:
            assert await member.next() == "gap"
        members[0].send("hello")
        for member in members:
            # Whenever else the broker stood still, there may be a gap, too.
            while (said := await member.next()) != "hello":
                assert said == "gap"
        # Claimed again: the other node finds what it did not make.
        new = await opened(lambda: [server.port for server in servers])
        for client in [*clients, *new]:
            assert await client.ask("still") == "still"
        await leave([*clients, *members, *new])

    with cluster(redis, plan, 2) as servers:
        asyncio.run(story(servers))


def test_a_node_that_is_stopped(redis: RedisServer, plan: Path) -> None:
    """Nothing is piled up for it without bound; its sessions end, the others' go on."""

    async def story(sleeping: Server, living: list[Server]) -> None:
        elsewhere = [server.port for server in living]
        ports = [sleeping.port]
        victims = [Wanderer(lambda: ports) for _ in range(EACH)]
        await asyncio.gather(*(client.open() for client in victims))
        ports = elsewhere
        for client in victims:
            assert await client.ask("pid") == str(sleeping.pid)
        others = await opened(lambda: elsewhere)
        chatter = Chatter(others)
        await chatter.more()
        before = [memory(server.pid) for server in living], memory(redis.pid)
        sleeping.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            for client in victims:
                client.send("x" * 100_000)
            for client in victims:
                end = await client.closed()
                # What it sent may fail before its poll is told: 404 where the sender's node had
                # already heard of the end.
                assert end == GONE or end[1].startswith(("Lost: 503", "Lost: 404"))
                assert client.ended - stopped < 1.5 * LATER
            while time.monotonic() < stopped + (90 if FULL else 10):
                await chatter.more()
            after = [memory(server.pid) for server in living], memory(redis.pid)
        finally:
            sleeping.process.send_signal(signal.SIGCONT)
        await chatter.more()
        await chatter.stop()
        for grown, was in zip((*after[0], after[1]), (*before[0], before[1])):
            assert grown - was < 40 * 1024 * 1024
        # Awake, it knows that its sessions are others' to answer, and serves new ones.
        awake = Wanderer(lambda: [sleeping.port], victims[0].receiver)
        awake.name = victims[0].name
        with contextlib.suppress(AssertionError):
            await awake.open()
        assert awake.end is not None and not awake.opens
        new = await Wanderer(lambda: [sleeping.port]).open()
        assert await new.ask("awake") == "awake"
        await leave([*others, new])

    with cluster(redis, plan, 3) as (sleeping, *living):
        asyncio.run(story(sleeping, living))


def test_nodes_that_are_killed_again_and_again(redis: RedisServer, plan: Path) -> None:
    """Nobody is counted who is gone, and no key is kept for ever."""

    async def one(stays: Wanderer, dying: Server) -> None:
        clients = [Wanderer(lambda: [dying.port], each, "/lobby") for each in TRANSPORTS]
        await asyncio.gather(*(client.open() for client in clients))
        there = [dying.pid] * len(clients)
        while [pid for pid in await members(stays) if pid == dying.pid] != there:
            await asyncio.sleep(0.05)
        dying.process.kill()
        asked = time.monotonic()
        await members(stays)
        assert time.monotonic() - asked < SOON
        await leave(clients)

    async def story(living: Server) -> None:
        stays = await Wanderer(lambda: [living.port], None, "/lobby").open()
        for _ in range(100 if FULL else 3):
            with node(plan, "--cluster", redis.url) as dying:
                await one(stays, dying)
        killed = time.monotonic()
        while await members(stays) != [living.pid]:
            assert time.monotonic() - killed < LATER
            await asyncio.sleep(0.1)
        kept = [key for key in keys(redis) if b"claim" in key]
        assert kept
        for key in kept:
            left = int(redis.command("PTTL", key.decode()).strip()[1:])
            assert 0 < left < 120_000 or left == -2
        while FULL and [key for key in keys(redis) if b"claim" in key]:
            assert time.monotonic() - killed < 150
            await asyncio.sleep(1)
        await stays.leave()

    with cluster(redis, plan, 1) as (living,):
        asyncio.run(story(living))


async def members(client: Wanderer) -> list[int]:
    """Return the process of each member of the lobby."""
    said = await client.ask("members")
    while said == "gap":  # the last words of a node that was killed may be missing
        said = await client.next()
    found: list[int] = json.loads(said)
    return found


def keys(redis: RedisServer) -> list[bytes]:
    return [word for word in redis.command("KEYS", "*").split(b"\r\n") if word[:1] not in b"*$"]


def memory(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
