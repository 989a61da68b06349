"""Messages between two nodes arrive in order and once, or both ends are told."""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from txsockjs.cluster.link import ACK_DELAY, PACKET, RESEND_DELAY, WINDOW, Link

from ...support.speed import examples


class End:
    """One end, with what came to it; what it posts goes through ``carry``."""

    def __init__(self, clock: Clock, carry: Callable[[bytes], object]) -> None:
        self.received: list[bytes] = []
        self.broken = 0
        self.counters: Counter[str] = Counter()
        self.link = Link(clock, carry, self.received.append, self._break, self.counters)

    def _break(self) -> None:
        self.broken += 1


class Pair:
    """Two ends, and a carrier; ``fault`` is asked how often a packet comes."""

    def __init__(self, fault: Callable[[], int] = lambda: 1) -> None:
        self.clock = Clock()
        self.fault = fault
        self.packets: deque[bytes] = deque()
        self.a = End(self.clock, lambda packet: self._carry(packet, self.b))
        self.b = End(self.clock, lambda packet: self._carry(packet, self.a))

    def _carry(self, packet: bytes, to: Any) -> None:
        self.packets.append(packet)
        for _ in range(self.fault()):
            self.clock.callLater(0.001, to.link.take, packet)

    def advance(self, seconds: float = 0.01) -> None:
        self.clock.pump([0.001] * round(seconds * 1000))

    def settle(self) -> None:
        self.fault = lambda: 1
        for _ in range(60):
            self.clock.pump([0.05] * 20)


def test_messages_of_one_iteration_are_one_packet() -> None:
    pair = Pair()
    for message in (b"a", b"b", b"c"):
        pair.a.link.send(message)
    pair.advance()
    assert pair.b.received == [b"a", b"b", b"c"]
    assert len(pair.packets) == 1


def test_what_came_is_acknowledged_once_and_nothing_is_left() -> None:
    pair = Pair()
    pair.a.link.send(b"a")
    pair.advance(ACK_DELAY + 0.1)
    assert len(pair.packets) == 2
    assert not pair.clock.getDelayedCalls()


def test_an_acknowledgement_leaves_with_an_answer() -> None:
    pair = Pair()
    pair.a.link.send(b"question")
    pair.advance(0.005)
    pair.b.link.send(b"answer")
    pair.advance(0.005)
    assert pair.a.received == [b"answer"]
    assert not pair.a.link._sent  # nothing is kept
    assert len(pair.packets) == 2


def test_a_packet_that_is_lost_is_sent_again() -> None:
    pair = Pair(lambda: 0)
    pair.a.link.send(b"a")
    pair.advance()
    pair.fault = lambda: 1
    pair.a.link.send(b"b")
    pair.advance(RESEND_DELAY / 2)  # the second one told that the first is missing
    assert pair.b.received == [b"a", b"b"]
    assert pair.a.counters["packets_resent"] >= 1


def test_the_last_packet_is_sent_again_after_a_while() -> None:
    pair = Pair(lambda: 0)
    pair.a.link.send(b"a")
    pair.advance()
    pair.fault = lambda: 1
    pair.advance(RESEND_DELAY + 0.1)
    assert pair.b.received == [b"a"]


def test_at_most_a_window_is_under_way() -> None:
    pair = Pair(lambda: 0)
    message = b"x" * 32768
    for _ in range(100):
        pair.a.link.send(message)
    pair.advance()
    assert sum(len(packet) for packet in pair.packets) <= WINDOW + 2 * PACKET
    assert pair.a.link.waiting
    waiting = pair.a.link.waiting
    pair.a.link.send(b"urgent", urgent=True)
    assert pair.a.link.waiting == waiting
    pair.fault = lambda: 1
    pair.settle()
    assert len(pair.b.received) == 101
    # It overtook what waited for the window, and nothing else.
    assert pair.b.received.index(b"urgent") == 100 - waiting


def test_a_silent_end_is_sent_one_packet_at_a_time() -> None:
    pair = Pair(lambda: 0)
    for _ in range(100):
        pair.a.link.send(b"x" * 32768)
    pair.advance()
    before = len(pair.packets)
    pair.advance(10 * RESEND_DELAY)
    assert len(pair.packets) - before <= 10


def test_an_end_that_was_taken_for_lost_is_told() -> None:
    pair = Pair()
    pair.a.link.send(b"before")
    pair.advance()
    pair.a.link.reset()
    pair.b.link.send(b"for the former link")
    pair.advance()
    assert pair.a.received == []
    assert (pair.a.broken, pair.b.broken) == (0, 1)
    pair.b.link.send(b"for the new one")
    pair.a.link.send(b"also")
    pair.advance()
    assert pair.a.received == [b"for the new one"]
    assert pair.b.received == [b"before", b"also"]
    assert (pair.a.broken, pair.b.broken) == (0, 1)


def test_two_ends_may_take_each_other_for_lost() -> None:
    pair = Pair()
    pair.a.link.send(b"x")
    pair.advance()
    pair.a.link.reset()
    pair.b.link.reset()
    pair.a.link.send(b"a")
    pair.b.link.send(b"b")
    pair.advance()
    assert pair.a.received == [b"b"]
    assert pair.b.received == [b"x", b"a"]
    assert (pair.a.broken, pair.b.broken) == (0, 0)


def test_a_late_packet_of_a_former_link_is_dropped() -> None:
    pair = Pair()
    pair.a.link.send(b"x")
    pair.advance()
    (late,) = list(pair.packets)[:1]
    pair.a.link.reset()
    pair.a.link.send(b"y")
    pair.advance()
    pair.b.link.take(late)
    pair.advance()
    assert pair.b.received == [b"x", b"y"]
    assert pair.b.broken == 1


@pytest.mark.parametrize(
    "garbage",
    [b"", b"x", b"\1" * 20, b"\2" * 60, b"\1\0\0\0\0\1\0\0\0\0" + b"\0" * 16 + b"\xff" * 9],
)
def test_garbage_is_dropped_and_counted(garbage: bytes) -> None:
    pair = Pair()
    pair.a.link.take(garbage)
    assert pair.a.received == []
    assert pair.a.counters["packets_invalid"] == 1


@settings(max_examples=examples(200), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.7),
    double=st.floats(0, 0.3),
    sizes=st.lists(st.sampled_from([1, 100, 40_000]), min_size=1, max_size=60),
)
def test_whatever_is_lost_or_doubled_all_comes_once_and_in_order(
    seed: int, loss: float, double: float, sizes: list[int]
) -> None:
    dice = random.Random(seed)

    def fault() -> int:
        return 0 if dice.random() < loss else 2 if dice.random() < double else 1

    pair = Pair(fault)
    sent: dict[End, list[bytes]] = {pair.a: [], pair.b: []}
    for number, size in enumerate(sizes):
        end = dice.choice((pair.a, pair.b))
        message = b"%d " % number + b"x" * size
        sent[end].append(message)
        end.link.send(message)
        if dice.random() < 0.5:
            pair.advance(dice.choice((0.001, 0.01, 0.06)))
    pair.settle()
    assert pair.b.received == sent[pair.a]
    assert pair.a.received == sent[pair.b]
    assert (pair.a.broken, pair.b.broken) == (0, 0)
    assert not pair.clock.getDelayedCalls()


@settings(max_examples=examples(200), deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.5))
def test_with_ends_that_start_anew_there_is_no_gap_and_no_double_unless_told(
    seed: int, loss: float
) -> None:
    dice = random.Random(seed)
    pair = Pair(lambda: 0 if dice.random() < loss else 1)
    ends = (pair.a, pair.b)
    # What came, with marks where an end started anew or was told that the other one had.
    for end in ends:
        end.link._broken = lambda end=end: end.received.append(b"broken")
    for number in range(60):
        place = dice.randrange(2)
        if dice.random() < 0.1:
            ends[place].link.reset()
            ends[place].received.append(b"reset")
        ends[place].link.send(b"%d" % number)
        if dice.random() < 0.5:
            pair.advance(dice.choice((0.001, 0.01, 0.06)))
    pair.settle()
    for end in ends:
        numbers = [int(message) for message in end.received if message.isdigit()]
        assert numbers == sorted(set(numbers))
    # And they can speak to each other.
    for end in ends:
        end.received.clear()
    pair.a.link.send(b"1")
    pair.settle()
    pair.a.link.send(b"2")
    pair.settle()
    assert b"2" in pair.b.received
