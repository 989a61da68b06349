"""Whatever a server answers: an application is told one end, and nothing is left or logged."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure

from txsockjs.client.options import TRANSPORTS
from txsockjs.wire.frames import frame

from ...support.client_network import ClientLab, accepting, response, stream

FRAMES = [b"o", b"h", b'a["x","y"]', b'a["\\ud800"]', b"a[1]", b"a[", b'c[3000,"x"]', b"x", b"\xff"]
HEADS = [
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /x\r\n",
    b"HTTP/1.1 \xff\r\n",
    b"garbage\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: \xff=\xff\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n: y\r\n z\r\n",
]


class AnyServer:
    """Answers what some server, or something in between, might; chosen by ``seed``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def is_so(self, probability: float) -> bool:
        return self.random.random() < probability

    def answer(self, request: bytes) -> bytes:
        answer = self.whole(request, request.split()[1].rpartition(b"/")[2])
        if answer and self.is_so(0.15):
            at = self.random.randrange(len(answer))
            answer = answer[:at] + bytes((self.random.randrange(256),)) + answer[at + 1 :]
        return answer[: self.random.randrange(len(answer) + 1)] if self.is_so(0.1) else answer

    def whole(self, request: bytes, kind: bytes) -> bytes:
        if kind == b"info" and self.is_so(0.9):
            return response(b'{"websocket":true}')
        if kind == b"xhr_send" and self.is_so(0.7):
            return response(b"", "204 No Content")
        frames = [b"o"] * self.is_so(0.9) + self.random.choices(FRAMES, k=self.random.randrange(4))
        if kind == b"websocket" and self.is_so(0.8):
            opcodes = (1, 1, 1, 1, 0, 2, 3, 8, 9, 10)
            return accepting(request, *(frame(self.random.choice(opcodes), f) for f in frames))
        marks = (b"data: ", b"\r\n\r\n") if kind == b"eventsource" else (b"", b"\n")
        body = b"".join(marks[0] + each + marks[1] for each in frames)
        if self.is_so(0.2):
            return self.random.choice(HEADS) + b"\r\n" + body
        return response(body) if self.is_so(0.5) else stream(body)


@pytest.mark.parametrize("transport", [*TRANSPORTS, ",".join(TRANSPORTS)])
@pytest.mark.parametrize("seed", range(15))
def test_any_server(seed: int, transport: str) -> None:
    server = AnyServer(seed)
    lab = ClientLab(served=False)
    lab.network.answer = server.answer
    results: list[Any] = []
    connecting = lab.connecting(transports=transport, timeout=1).addBoth(results.append)
    with capturedLogs() as logged:
        for _ in range(server.random.randrange(40)):
            lab.clock.advance(server.random.choice((0, 0, 0.01, 0.5, 3)))
            if lab.network.ends and server.is_so(0.1):
                end = server.random.choice(lab.network.ends)
                server.random.choice((end.cut, lambda: end.cut(ConnectionDone())))()  # noqa: B023
            if results and not isinstance(results[0], Failure) and results[0].reason is None:
                transport_of = results[0].transport
                acts = (transport_of.pauseProducing, transport_of.resumeProducing)
                server.random.choice((*acts, lambda: results[0].send("x")))()
        connecting.cancel()
        (result,) = results
        if not isinstance(result, Failure):
            result.transport.abortConnection()
        lab.advance(0.1)
        assert isinstance(result, Failure) or result.reason is not None
    assert [event for event in logged if event["log_level"] >= LogLevel.error] == []
    lab.settle()
