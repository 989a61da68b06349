"""A server that says nothing."""

from __future__ import annotations

from twisted.internet.task import Clock

from txsockjs.client.silence import Silence


def test_it_is_over_once_nothing_was_heard_for_that_long() -> None:
    clock, over = Clock(), []
    silence = Silence(clock, 10, lambda: over.append(clock.seconds()))
    clock.advance(100)
    silence.heard()
    clock.advance(9)
    silence.heard()
    clock.advance(9)
    assert over == []
    clock.advance(1)
    assert over == [119]
    assert clock.getDelayedCalls() == []


def test_it_can_be_stopped_and_started_again() -> None:
    clock, over = Clock(), []
    silence = Silence(clock, 10, lambda: over.append(clock.seconds()))
    silence.heard()
    silence.stop()
    silence.stop()
    clock.advance(100)
    silence.heard()
    clock.advance(10)
    assert over == [110]


def test_after_a_stall_what_was_not_read_yet_counts() -> None:
    clock, over = Clock(), []
    silence = Silence(clock, 10, lambda: over.append(clock.seconds()))
    silence.heard()
    clock.advance(60)
    assert over == []
    silence.heard()
    clock.advance(9)
    assert over == []
    silence.stop()


def test_for_ever_needs_no_timer() -> None:
    clock = Clock()
    Silence(clock, None, lambda: None).heard()
    assert clock.getDelayedCalls() == []
