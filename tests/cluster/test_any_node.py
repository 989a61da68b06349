"""Requests that go to any node: nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio

import pytest

from ..support.receivers import RECEIVERS, Receiver
from ..support.wanderer import Wanderer
from ..support.ways import Nodes
from .conftest import FULL

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
