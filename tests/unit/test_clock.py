"""Monotonic time: who gets it and when."""

import time

import pytest
from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.python.runtime import seconds as wall_clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.clock import use_monotonic_time

from ..support.fakes import INFO


class Reactor(ReactorBase):
    """A reactor that counts by what Twisted's do, and never runs."""

    def installWaker(self):
        """Be woken by nobody."""


# -- the function


def test_a_reactor_of_twisteds_gets_monotonic_time():
    reactor = Reactor()
    assert reactor.seconds is wall_clock
    use_monotonic_time(reactor)
    use_monotonic_time(reactor)
    assert reactor.seconds is time.monotonic
    now = time.monotonic()
    call = reactor.callLater(5, print)
    assert now + 5 <= call.getTime() <= time.monotonic() + 5
    assert 0 <= reactor.timeout() <= 5
    assert Reactor().seconds is wall_clock  # nobody else's time is changed


def test_pending_calls_are_not_left_at_the_wrong_time():
    reactor = Reactor()
    call = reactor.callLater(5, print)
    with pytest.raises(RuntimeError, match=r"not after <DelayedCall .*print"):
        use_monotonic_time(reactor)
    assert reactor.seconds is wall_clock
    call.cancel()
    use_monotonic_time(reactor)
    assert reactor.seconds is time.monotonic


def test_a_reactor_that_has_a_time_of_its_own_keeps_it():
    clock = Clock()
    clock.callLater(5, print)
    use_monotonic_time(clock)
    assert clock.seconds() == 0


def test_a_router_may_be_made_before():
    reactor = Reactor()
    router = SockJSRouter(SockJSConnection, reactor=reactor)
    use_monotonic_time(reactor)
    router.make_session("one", INFO)
    router.sessions.expire()
    assert router.get_session("one") is not None
