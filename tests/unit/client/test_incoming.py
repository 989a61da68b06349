"""What came, on its way to whoever is told."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txsockjs.client.incoming import Incoming


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[Any] = []
        self.idle = 0
        self.incoming = Incoming(self.clock, self._idle, self.told.append)
        self.during: Any = None

    def _idle(self) -> None:
        self.idle += 1

    def received(self, message: Any) -> None:
        self.told.append(message)
        if self.during is not None:
            self.during()

    def ended(self, reason: Exception) -> None:
        self.told.append(reason)


def test_messages_and_the_end_come_in_order_and_once() -> None:
    bench = Bench()
    error = ValueError()
    bench.incoming.put(["one"])
    bench.incoming.begin(bench)
    bench.incoming.put(["two"])
    assert bench.told == []
    bench.clock.advance(0)
    bench.incoming.put(["three"])
    bench.incoming.finish(error)
    assert bench.told == ["one", "two", "three"]
    bench.clock.advance(0)
    bench.incoming.look_later()
    bench.clock.advance(0)
    assert bench.told == ["one", "two", "three", error]
    assert bench.clock.getDelayedCalls() == []


def test_what_comes_while_a_message_is_handled_comes_after_it() -> None:
    bench = Bench()
    bench.incoming.begin(bench)
    bench.clock.advance(0)

    def more() -> None:
        bench.during = None
        bench.incoming.put(["two"])
        assert bench.told == ["one"]

    bench.during = more
    bench.incoming.put(["one"])
    assert bench.told == ["one", "two"]


def test_it_says_when_nothing_waits() -> None:
    bench = Bench()
    bench.incoming.begin(bench)
    bench.incoming.is_paused = True
    bench.incoming.put(["one", "four"])
    bench.clock.advance(0)
    assert (bench.idle, bench.incoming.size) == (0, 7 + 2 * 64)
    bench.incoming.forget()
    bench.incoming.look_later()
    bench.clock.advance(0)
    assert (bench.idle, bench.incoming.size) == (1, 0)
    assert bench.told == []
