"""One websocket to a server."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.client.address import Address
from txsockjs.client.websocket import WebSocket
from txsockjs.wire.frames import frame

from ...support.client_network import Network, accepting, unmasked


class Bench:
    """A websocket in a network whose server answers as told, and what it told."""

    def __init__(self, *answer: bytes, url: str = "http://x/y?z=1", **options: Any) -> None:
        self.network = Network()
        self.clock: Clock = self.network.clock
        self.asked = b""
        self.told: list[Any] = []
        frames = answer

        def reply(request: bytes) -> bytes:
            self.asked = request
            if frames and frames[0].startswith(b"HTTP"):
                return frames[0]
            return accepting(request, *frames, subprotocol=options.get("answers"))

        self.network.answer = reply
        self.socket = WebSocket(
            self.clock,
            self.network,
            Address.parse(url),
            options.get("headers", {}),
            self,
            1000,
            options.get("subprotocols", ()),
        )
        self.socket.connect()
        self.advance()

    def advance(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        for _ in range(5):
            self.clock.advance(0)

    def upgraded(self) -> None:
        self.told.append("upgraded")

    def took(self, payload: bytes, binary: bool) -> None:
        self.told.append((payload, binary))

    def heard(self) -> None:
        pass

    def lost(self, reason: Any, why: str) -> None:
        self.told.append((reason, why))

    def settle(self) -> None:
        self.socket.leave(at_once=True)
        self.advance(10)
        assert self.network.ends == []
        assert self.clock.getDelayedCalls() == []


def test_the_handshake() -> None:
    bench = Bench(headers={"Origin": "http://page"}, subprotocols=("b", "a"), answers="a")
    head = bench.asked
    assert head.startswith(b"GET /y?z=1 HTTP/1.1\r\n")
    assert b"\r\nOrigin: http://page\r\n" in head
    assert b"\r\nSec-WebSocket-Protocol: b,a\r\n" in head
    assert b"\r\nHost: x\r\n" in head
    assert bench.told == ["upgraded"]
    assert bench.socket.subprotocol == "a"
    bench.settle()


def test_an_ipv6_address_has_its_brackets() -> None:
    bench = Bench(url="http://[::1]:8080/")
    assert b"\r\nHost: [::1]:8080\r\n" in bench.asked
    bench.settle()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "Upgrade"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000, "an answer of more than 65536 bytes"),
    ],
)
def test_an_answer_that_is_no_upgrade(answer: bytes, words: str) -> None:
    bench = Bench(answer)
    ((reason, why),) = bench.told
    assert reason is None
    assert words in why
    bench.settle()


def test_messages_go_both_ways() -> None:
    bench = Bench(frame(1, "ü".encode()), frame(2, b"\xff"))
    assert bench.told == ["upgraded", ("ü".encode(), False), (b"\xff", True)]
    (end,) = bench.network.ends
    end.clear()
    bench.socket.send(b"one")
    bench.socket.send(b"\xff", binary=True)
    bench.socket.ping()
    assert unmasked(end.value()) == [(1, b"one"), (2, b"\xff"), (9, b"")]
    bench.settle()


def test_a_close_carries_its_code_and_waits_for_the_answer() -> None:
    bench = Bench()
    (end,) = bench.network.ends
    end.clear()
    bench.socket.close(3456, "ü" * 100)
    ((opcode, payload),) = unmasked(end.value())
    assert (opcode, payload[:2]) == (8, (3456).to_bytes(2, "big"))
    assert payload[2:].decode() == "ü" * 61
    assert bench.told == ["upgraded"]
    end.deliver(frame(8, b"\x0d\x80"))
    bench.advance()
    assert bench.told == ["upgraded", ((3456, ""), "")]
    end.cut()
    assert len(bench.told) == 2
    bench.settle()


def test_an_invalid_close_code_is_no_reason() -> None:
    bench = Bench(frame(8, b"\x03\xed"))
    assert bench.told[1][0] is None
    assert "invalid close code 1005" in bench.told[1][1]
    bench.settle()


def test_a_connection_that_is_refused_is_an_end() -> None:
    bench = Bench()
    bench.socket.leave(at_once=True)
    bench.network.refuses = True
    bench.socket = WebSocket(bench.clock, bench.network, Address.parse("http://x"), {}, bench, 10)
    bench.told.clear()
    bench.socket.connect()
    assert bench.told == [(None, "Connection was refused by other side: refused.")]
    bench.settle()


def test_leaving_while_it_connects_cancels() -> None:
    network = Network()

    class Never:
        cancelled = 0

        def connect(self, factory: Any) -> Any:
            def cancel(_: object) -> None:
                self.cancelled += 1

            return Deferred(cancel)

    never: Any = Never()
    socket = WebSocket(network.clock, never, Address.parse("http://x"), {}, Bench(), 10)
    socket.connect()
    socket.pause()
    socket.resume()
    socket.leave(at_once=True)
    assert never.cancelled == 1


def test_it_tells_nothing_once_it_was_left() -> None:
    bench = Bench()
    (end,) = bench.network.ends
    bench.socket.leave(at_once=False)
    end.deliver(frame(1, b"late"))
    bench.advance()
    end.cut()
    assert bench.told == ["upgraded"]
    bench.settle()


def test_it_says_when_the_connection_takes_more() -> None:
    bench = Bench()
    drained: list[bool] = []
    bench.socket.when_drained(lambda: drained.append(bench.socket.is_full))
    bench.socket.pauseProducing()
    assert bench.socket.is_full
    bench.socket.resumeProducing()
    assert drained == [False]
    bench.settle()
