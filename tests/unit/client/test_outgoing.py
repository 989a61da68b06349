"""Messages on their way, and their producer."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.client.outgoing import HIGH, Outgoing


class Producer:
    def __init__(self, write: Any = None) -> None:
        self.told: list[str] = []
        self.write = write

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self.write is not None:
            self.write()

    def stopProducing(self) -> None:
        self.told.append("stop")


def make(limit: int = 1_000_000) -> tuple[Outgoing, Clock]:
    clock = Clock()
    return Outgoing(clock, limit), clock


def test_messages_are_taken_in_order_and_in_batches() -> None:
    outgoing, _ = make()
    for text in ("one", "two", "x" * 100, "four"):
        assert outgoing.add(text)
    assert outgoing.take(6) == ["one", "two"]
    assert outgoing.take(6) == ["x" * 100]
    assert outgoing
    assert outgoing.take(1000) == ["four"]
    assert not outgoing
    assert outgoing.take(1000) == []


def test_bytes_are_copied() -> None:
    outgoing, _ = make()
    data = bytearray(b"one")
    outgoing.add(data)
    data[:] = b"two"
    assert outgoing.take(1) == [b"one"]


def test_one_message_always_fits_and_more_up_to_the_limit() -> None:
    outgoing, _ = make(limit=330)
    assert outgoing.add("x" * 1000)
    assert not outgoing.add("y")
    outgoing.take(1)
    assert outgoing.add("x") and outgoing.add("x" * 100)
    assert not outgoing.add("x" * 100)
    # What is taken counts no more.
    outgoing.take(1000)
    assert outgoing.add("x" * 100) and outgoing.add("x" * 100)


def test_a_push_producer_is_paused_while_much_waits() -> None:
    outgoing, clock = make()
    producer = Producer()
    outgoing.register(producer, True)
    clock.advance(0)
    assert not outgoing.producer_waits
    outgoing.add("x" * HIGH)
    outgoing.add("y")
    assert producer.told == ["pause"]
    assert outgoing.producer_waits
    outgoing.take(1)
    clock.advance(0)
    assert producer.told == ["pause"]
    outgoing.take(1)
    assert producer.told == ["pause"]
    clock.advance(0)
    assert producer.told == ["pause", "resume"]
    assert not outgoing.producer_waits


def test_a_pull_producer_is_asked_for_each_write() -> None:
    outgoing, clock = make()
    producer = Producer(lambda: outgoing.add("x"))
    outgoing.register(producer, False)
    assert producer.told == []
    clock.advance(0)
    assert producer.told == ["resume"]
    clock.advance(1)
    assert producer.told == ["resume"]
    outgoing.take(1)
    clock.advance(0)
    assert producer.told == ["resume", "resume"]
    outgoing.unregister()
    outgoing.take(1)
    clock.advance(0)
    assert producer.told == ["resume", "resume"]
    assert clock.getDelayedCalls() == []


def test_the_end_stops_the_producer() -> None:
    outgoing, clock = make()
    producer = Producer()
    outgoing.register(producer, False)
    with pytest.raises(RuntimeError, match="is registered already"):
        outgoing.register(producer, False)
    outgoing.add("x")
    outgoing.clear()
    assert producer.told == ["stop"]
    assert not outgoing
    assert clock.getDelayedCalls() == []
    outgoing.clear()
    assert producer.told == ["stop"]
