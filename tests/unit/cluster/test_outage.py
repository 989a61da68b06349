"""What is waited for while a bus is away."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cluster.outage import Outage


class Bus:
    connected = reached = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> Any:
    return Bus()


def test_it_gives_up_once(clock: Clock, bus: Any) -> None:
    given_up: list[float] = []
    outage = Outage(bus, clock, 5.0, lambda: given_up.append(clock.seconds()))
    outage.began()
    clock.pump([0.5] * 100)
    assert given_up == [5.0]


def test_not_if_the_bus_is_back_in_time(clock: Clock, bus: Any) -> None:
    given_up: list[float] = []
    outage = Outage(bus, clock, 5.0, lambda: given_up.append(clock.seconds()))
    outage.began()
    clock.pump([0.5] * 8)
    outage.ended()
    assert not clock.getDelayedCalls()
    outage.ended()  # twice does no harm
    clock.pump([0.5] * 20)
    assert given_up == []


def test_nobody_is_missed_while_it_is_away_and_for_a_while_after(clock: Clock, bus: Any) -> None:
    outage = Outage(bus, clock, 5.0, lambda: None)
    assert outage.may_expire  # there is no session yet that another node could be asked for
    bus.connected = bus.reached = True
    assert outage.may_expire
    bus.connected = False
    outage.began()
    assert not outage.may_expire
    clock.pump([0.5] * 8)
    bus.connected = True
    outage.ended()
    assert not outage.may_expire
    clock.pump([0.5] * 9)
    assert not outage.may_expire
    clock.pump([0.5])
    assert outage.may_expire
