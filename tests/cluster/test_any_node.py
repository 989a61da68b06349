"""Requests that go to any node: nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from ..support.receivers import RECEIVERS, Receiver
from ..support.wanderer import TRANSPORTS, Wanderer
from ..support.ways import Nodes, nodes
from .conftest import FULL

WEBSOCKETS = 1000 if FULL else 200
CLIENTS = 20
ECHOES = 2000 if FULL else 200  # with five transports, 10,000


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_echoes(three: Nodes, receiver: Receiver) -> None:
    async def one(number: int) -> None:
        client = await Wanderer(lambda: three.ports, receiver, "/brief").open()
        sent = [f"{number} {n}" for n in range(ECHOES // CLIENTS)]
        for start in range(0, len(sent), 5):
            client.send(*sent[start : start + 5])
            got = [await client.next() for _ in sent[start : start + 5]]
            assert got == sent[start : start + 5]
        assert await client.ask("last") == "last"
        await client.leave()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(CLIENTS)))

    asyncio.run(all_of_them())


def test_a_chat_reaches_everybody(three: Nodes) -> None:
    async def story() -> None:
        clients = [Wanderer(lambda: three.ports, each, "/lobby") for each in TRANSPORTS * 4]
        await asyncio.gather(*(client.open() for client in clients))
        await asyncio.gather(*(client.ask("pid") for client in clients))  # all have joined
        for client in clients:
            client.send(f"hello from {client.name}")
        sent = sorted(f"hello from {client.name}" for client in clients)
        for client in clients:
            assert sorted([await client.next() for _ in clients]) == sent
        await asyncio.gather(*(client.leave() for client in clients))

    asyncio.run(story())


def test_workers_have_equal_shares(plan: Path) -> None:
    async def story(ports: list[int]) -> None:
        clients = [Wanderer(lambda: ports, None) for _ in range(WEBSOCKETS)]
        for start in range(0, WEBSOCKETS, 50):
            await asyncio.gather(*(client.open() for client in clients[start : start + 50]))
        shares = Counter([await client.ask("pid") for client in clients])
        assert len(shares) == 4
        # Of 1,000; with fewer, chance has more to say.
        assert max(shares.values()) / min(shares.values()) <= (1.5 if FULL else 2.5), shares
        await asyncio.gather(*(client.leave() for client in clients))

    with nodes(plan, "workers", 4) as four:
        asyncio.run(story(four.ports))
