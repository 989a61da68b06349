"""Producers of a session: paused, resumed, asked, stopped, and failing."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from ...support.fakes import (
    FakeReceiver,
    Producer,
    open_session,
    settle,
)


def test_a_producer_is_paused_while_the_client_is_slow_and_stopped_at_the_end() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    server.recorder.register_producer(producer, True)
    receiver.stall()
    session.send("x" * 50000)
    assert producer.told == []
    session.send("x" * 50000)
    assert producer.told == ["pause"]
    receiver.drain()
    assert producer.told == ["pause", "resume"]
    session.close()
    server.reactor.advance(0)
    assert producer.told == ["pause", "resume", "stop"]
    settle(server)


def test_a_pull_producer_is_asked_whenever_there_is_room() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    left = ["a", "b", "c"]

    def produce() -> None:
        if left:
            session.send(left.pop(0))
        else:
            session.unregister_producer()

    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert receiver.heard == ["o", "aa", "ab", "ac"]
    settle(server)


def test_a_pull_producer_is_not_asked_while_there_is_no_room() -> None:
    session, server, receiver = open_session(room=2)
    asked: list[str] = []

    def produce() -> None:
        asked.append("more")
        session.send(f"chunk {len(asked)}")

    producer = Producer()
    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert receiver.heard == ["o", "achunk 1"]
    assert asked == ["more"]
    poll = FakeReceiver(1).attach(session)
    assert poll.heard == ["achunk 2"]
    assert len(asked) == 2
    session.unregister_producer()
    settle(server)


def test_a_pull_producer_for_a_client_that_takes_it_all_does_not_stop_the_reactor() -> None:
    session, server, receiver = open_session()
    producer = Producer()
    left = list(range(10000))

    def produce() -> None:
        if left:
            session.send(str(left.pop(0)))
        else:
            session.unregister_producer()

    producer.resumeProducing = produce  # type: ignore[method-assign]
    session.register_producer(producer, False)
    assert len(left) > 9000
    while left:
        server.reactor.advance(0)
    assert receiver.delivered == [str(number) for number in range(10000)]
    settle(server)


def test_a_second_producer_is_refused_and_one_for_a_closed_session_is_stopped() -> None:
    session, server, _ = open_session()
    session.register_producer(Producer(), True)
    with pytest.raises(RuntimeError, match="another producer"):
        session.register_producer(Producer(), True)
    session.close()
    late = Producer()
    session.register_producer(late, True)
    assert late.told == ["stop"]
    server.reactor.advance(0)
    settle(server)


@pytest.mark.parametrize("what", ["resumeProducing", "pauseProducing"])
def test_a_producer_that_fails_ends_its_own_session(what: str) -> None:
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    session, server, receiver = open_session()
    producer = Producer()
    setattr(producer, what, lambda: 1 / 0)
    session.register_producer(producer, True)
    receiver.stall()
    session.send("x" * 70000)
    receiver.drain()
    globalLogPublisher.removeObserver(events.append)
    assert receiver.heard == ["o", "a" + "x" * 70000, "c1011 Internal error"]
    assert sum("log_failure" in event for event in events) == 1
    server.reactor.advance(0)
    settle(server)
