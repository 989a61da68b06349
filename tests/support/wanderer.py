"""A client that goes by the stock client's rules, and sends each request to any of several nodes.

Its requests are on connections of their own. One that is refused goes to another node, as a
balancer would send it; any other failure ends the client, as it ends the stock one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Callable

from .frames import TEXT, close_frame, frame
from .labs import fresh
from .peer import request
from .receivers import JSONP, RECEIVERS, XHR, Receiver
from .websocket import upgrade

# Seconds for what is to come at once, on a busy machine.
PATIENCE = 30.0

#: The HTTP transports, and None for a websocket.
TRANSPORTS: Sequence[Receiver | None] = (*RECEIVERS, None)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Lost(Exception):
    """A request failed; its words say how."""


class Wanderer:
    """A session of a client at ``prefix``.

    ``ports`` gives the ports of the nodes that take requests now. ``end`` is what the client was
    told of the end, or 1006 and what failed; ``gap`` is the longest time, in seconds, between two
    messages that were waited for.
    """

    def __init__(
        self,
        ports: Callable[[], Sequence[int]],
        receiver: Receiver | None = XHR,
        prefix: str = "/echo",
    ) -> None:
        self.ports = ports
        self.receiver = receiver
        self.prefix = prefix
        self.name = fresh("w")
        self.end: tuple[int, str] | None = None
        self.ended = 0.0  # when, on the monotonic clock
        self.opens = 0
        self.beats = 0
        self.received: deque[str] = deque()
        self.acknowledged: list[str] = []
        self.requests = 0  # of receivers
        self._changed = asyncio.Event()
        self._to_send: list[str] = []
        self._asked = 0  # how many messages it was to send
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- what a user does

    async def open(self) -> Wanderer:
        run = self._websocket if self.receiver is None else self._receive
        self._tasks.append(asyncio.ensure_future(self._guarded(run())))
        if self.receiver is not None:
            self._tasks.append(asyncio.ensure_future(self._guarded(self._send_all())))
        await self._until(lambda: bool(self.opens))
        return self

    def send(self, *messages: str) -> None:
        if self.receiver is None:
            assert self._writer is not None
            for message in messages:
                self._writer.write(frame(TEXT, json.dumps([message])))
        else:
            self._to_send += messages
            self._asked += len(messages)
            self._changed.set()

    async def next(self) -> str:
        await self._until(lambda: bool(self.received))
        return self.received.popleft()

    async def ask(self, message: str) -> str:
        self.send(message)
        return await self.next()

    async def acknowledge(self) -> None:
        """Wait for the answer to all that was sent; a websocket gets none."""
        if self.receiver is not None:
            await self._until(lambda: len(self.acknowledged) == self._asked)

    async def closed(self, patience: float = PATIENCE) -> tuple[int, str]:
        await self._until(lambda: self.end is not None, patience)
        assert self.end is not None
        return self.end

    async def leave(self) -> None:
        """Be gone without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            left = deadline - time.monotonic()
            if self.end is not None or left <= 0:
                raise AssertionError(f"{self} waits in vain: {self.end or 'nothing came'}")
            self._changed.clear()
            # Not `wait_for`, which may miss that it was cancelled (before Python 3.12).
            timer = asyncio.get_running_loop().call_later(left, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()

    def __repr__(self) -> str:
        how = "websocket" if self.receiver is None else self.receiver.name
        return f"<{how} {self.prefix} {self.name}>"

    # -- what the transports do

    async def _guarded(self, work: object) -> None:
        try:
            await work  # type: ignore[misc]
        except (Lost, OSError, asyncio.IncompleteReadError) as error:
            self._finish((1006, f"{type(error).__name__}: {error}"))

    def _finish(self, end: tuple[int, str]) -> None:
        if self.end is None:
            self.end, self.ended = end, time.monotonic()
        self._changed.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _hear(self, text: str) -> None:
        kind = text[:1]
        if kind == "o":
            self.opens += 1
            if self.opens > 1:
                raise Lost("it was opened twice")
        elif kind == "a":
            self.received += json.loads(text[1:])
        elif kind == "h":
            self.beats += 1
        elif kind == "c":
            code, reason = json.loads(text[1:])
            self._finish((code, reason))
        else:
            raise Lost(f"no frame: {text[:80]!r}")
        self._changed.set()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Stream]:
        ports = list(self.ports())
        random.shuffle(ports)
        for number, port in enumerate(ports, 1):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                if number == len(ports):
                    raise
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _receive(self) -> None:
        receiver = self.receiver
        assert receiver is not None
        while self.end is None:
            self.requests += 1
            async with self._connection() as (reader, writer):
                url = f"{self.prefix}/000/{self.name}/{receiver.suffix}"
                writer.write(request(receiver.method, url, {"Connection": "close"}))
                status, headers = await _head(reader)
                if status != 200:
                    raise Lost(f"{status} for a receiver")
                first = receiver.streams
                async for piece in _pieces(reader, headers):
                    if first:
                        first = False
                        if not receiver.is_prelude(piece):
                            raise Lost(f"no prelude: {piece[:80]!r}")
                    else:
                        self._hear(receiver.unwrap(piece))

    async def _send_all(self) -> None:
        while True:
            await self._until(lambda: bool(self._to_send and self.opens), 1e6)
            messages, self._to_send = self._to_send, []
            name = "jsonp_send" if self.receiver is JSONP else "xhr_send"
            url = f"{self.prefix}/000/{self.name}/{name}"
            async with self._connection() as (reader, writer):
                body = json.dumps(messages)
                writer.write(request("POST", url, {"Connection": "close"}, body))
                status, headers = await _head(reader)
                if status not in (200, 204):
                    raise Lost(f"{status} for a sender")
                async for _ in _pieces(reader, headers):
                    pass
            self.acknowledged += messages
            self._changed.set()

    async def _websocket(self) -> None:
        async with self._connection() as (reader, self._writer):
            self._writer.write(upgrade(f"{self.prefix}/000/{self.name}/websocket"))
            status, _ = await _head(reader)
            if status != 101:
                raise Lost(f"{status} for a websocket")
            while self.end is None:
                first, size = await reader.readexactly(2)
                if size > 125:
                    size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
                payload = await reader.readexactly(size)
                if first == 0x81:
                    self._hear(payload.decode())
                elif first == 0x88:
                    raise Lost(f"closed by {payload!r}")
            self._writer.write(close_frame(1000))


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), {name.lower(): value for name, value in pairs}


async def _pieces(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    """Give each chunk of a body, or the whole."""
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", 0))
        if length:
            yield await reader.readexactly(length)
        return
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        piece = await reader.readexactly(size + 2)
        if not size:
            return
        yield piece[:-2]
