"""A session that is a websocket and no more."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txsockjs.client import SessionClosed, SessionLost
from txsockjs.client.address import Address
from txsockjs.client.options import Options
from txsockjs.client.raw_carrier import RawOpening
from txsockjs.client.session import NotOpened
from txsockjs.wire.frames import frame

from ...support.client_network import Network, accepting, response, unmasked


class Bench:
    """A session with a server that answers the handshake as told."""

    def __init__(self, *frames: bytes, subprotocols: Any = (), answer: Any = None) -> None:
        self.network = Network()
        self.clock = self.network.clock
        self.network.answer = answer or (lambda request: accepting(request, *frames))
        address = Address.of_websocket("ws://x/y/")
        opening = RawOpening(self.clock, address, Options(), self.network, {}, subprotocols)
        self.results: list[Any] = []
        self.got: list[Any] = []
        Deferred.fromCoroutine(opening.session()).addBoth(self.results.append)
        self.advance()
        if hasattr(self.results[0], "begin"):
            self.session = self.results[0]
            self.session.begin(self)
            self.advance()

    def advance(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        for _ in range(8):
            self.clock.advance(0)

    def received(self, message: Any) -> None:
        self.got.append(message)

    def ended(self, reason: Exception) -> None:
        self.got.append(reason)

    def settle(self) -> None:
        self.advance(5)
        assert self.network.ends == []
        assert self.clock.getDelayedCalls() == []


def test_messages_keep_their_kind() -> None:
    bench = Bench(frame(1, "ü".encode()), frame(2, b"\xff"))
    assert bench.got == ["ü", b"\xff"]
    (end,) = bench.network.ends
    end.clear()
    for message in ("ü", b"\xff", ""):
        bench.session.send(message)
    assert unmasked(end.value()) == [(1, "ü".encode()), (2, b"\xff"), (1, b"")]
    bench.session.abort()
    bench.settle()


def test_a_server_is_pinged_and_one_that_is_silent_is_lost() -> None:
    bench = Bench()
    (end,) = bench.network.ends
    for _ in range(4):
        end.clear()
        bench.advance(25)
        assert unmasked(end.value()) == [(9, b"")]
        end.deliver(frame(10, b""))
        bench.advance()
    bench.advance(30)
    bench.advance(30)
    (reason,) = bench.got
    assert isinstance(reason, SessionLost)
    assert "silent for 60 s" in reason.reason
    bench.settle()


def test_close_frames_go_both_ways() -> None:
    bench = Bench()
    bench.network.ends[0].deliver(frame(8, b"\x0b\xb9bye"))
    bench.advance()
    assert bench.got[0].args == (3001, "bye")
    bench.settle()
    bench = Bench()
    (end,) = bench.network.ends
    end.clear()
    bench.session.close(1001, "gone")
    bench.advance()
    assert unmasked(end.value()) == [(8, b"\x03\xe9gone")]
    end.deliver(frame(8, b"\x03\xe9"))
    bench.advance()
    assert isinstance(bench.got[0], SessionClosed)
    bench.settle()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (accepting, "it speaks none of a, b"),
        (lambda request: response(b"", "401 No"), "401"),
    ],
)
def test_a_server_that_does_not_agree_is_not_opened(answer: Any, why: str) -> None:
    bench = Bench(subprotocols=("a", "b"), answer=answer)
    (failure,) = bench.results
    assert failure.check(NotOpened)
    assert why in str(failure.value)
    bench.settle()


def test_a_connection_that_breaks_is_a_loss() -> None:
    bench = Bench()
    bench.network.ends[0].cut()
    bench.advance()
    assert isinstance(bench.got[0], SessionLost)
    bench.settle()
