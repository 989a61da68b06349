"""Workers that are replaced under load: nobody is turned away, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from ..support.peer import request
from ..support.running import Server
from ..support.wanderer import PATIENCE, TRANSPORTS, Wanderer
from ..support.ways import node
from .conftest import FULL

CLIENTS = 1000 if FULL else 60


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOCKJS_NOTES", str(tmp_path))
    return tmp_path


@pytest.fixture
def server(plan: Path, notes: Path) -> Iterator[Server]:
    with node(plan, "--workers", "2") as server:
        yield server
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
    assert "Traceback" not in server.output, server.output


def serving(server: Server) -> list[tuple[str, str]]:
    """Return the number and the process of each worker that has ever served."""
    return re.findall(r"worker (\d+) serves, as process (\d+)", server.output)


async def until(condition: Callable[[], object], server: Server) -> None:
    deadline = time.monotonic() + 3 * PATIENCE
    while not condition():
        assert time.monotonic() < deadline, server.output
        await asyncio.sleep(0.02)


def test_no_connection_is_refused_or_reset(server: Server) -> None:
    done = False

    async def ask_again_and_again() -> int:
        times = 0
        while not done:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request("GET", "/echo/info", {"Connection": "close"}))
            answer = await reader.read(-1)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            writer.close()
            times += 1
        return times

    async def story() -> None:
        nonlocal done
        await until(lambda: len(serving(server)) == 2, server)
        asking = asyncio.gather(*(ask_again_and_again() for _ in range(8)))
        for process in [int(pid) for _, pid in serving(server)]:
            count = len(serving(server))
            os.kill(process, signal.SIGTERM)
            await until(lambda count=count: len(serving(server)) > count, server)  # type: ignore[misc]
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: "all workers were replaced" in server.output, server)
        done = True
        assert min(await asking) > 0

    asyncio.run(story())


def test_what_was_acknowledged_was_handled(server: Server, notes: Path) -> None:
    ends: Counter[tuple[int, str]] = Counter()
    acknowledged: list[str] = []
    answered: set[int] = set()
    done = False

    async def talk(number: int) -> None:
        receiver = TRANSPORTS[number % len(TRANSPORTS)]
        count = 0
        while not done:
            client = Wanderer(lambda: [server.port], receiver)
            try:
                await client.open()
                while not done:
                    count += 1
                    note = f"note {number} {count}"
                    assert await client.ask(note) == note
                    answered.add(number)
                    if receiver is None:
                        client.acknowledged.append(note)
                    await asyncio.sleep(0 if CLIENTS < 100 else 0.5)
            except AssertionError:
                if client.end is None:
                    raise
                ends[client.end] += 1
            acknowledged.extend(client.acknowledged)
            await client.leave()

    async def story() -> None:
        nonlocal done
        await until(lambda: len(serving(server)) == 2, server)
        talking = asyncio.gather(*(talk(number) for number in range(CLIENTS)))
        await until(lambda: len(answered) == CLIENTS or talking.done(), server)
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: "all workers were replaced" in server.output, server)
        answered.clear()
        await until(lambda: len(answered) == CLIENTS or talking.done(), server)
        done = True
        await talking

    asyncio.run(story())
    handled = Counter(line for file in notes.iterdir() for line in file.read_text().splitlines())
    assert len(acknowledged) > CLIENTS
    assert set(acknowledged) <= set(handled)
    assert max(handled.values()) == 1
    assert sum(ends.values()) >= CLIENTS // 2, ends
    # A message may come after the end, which is then told twice: to the receiver, and as a 404, or
    # as a 503 if the owner's process ended meanwhile.
    assert {code for code, _ in ends} <= {1001, 1012, 1006}, ends
    failed = [reason for code, reason in ends if code == 1006]
    assert set(failed) <= {"Lost: 404 for a sender", "Lost: 503 for a sender"}, ends
