"""Statistics, by value and on a clock."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txsockjs.errors import RequestError
from txsockjs.stats import CAUSES, REFUSALS, TRANSPORTS, MovingAverage, StatsCollector


class Session:
    """A session over xhr whose client broke off."""

    transport = "xhr"
    cause = "lost"
    messages_in = messages_out = 3

    def __init__(self) -> None:
        self.traffic = [2, 3, 1, 20, 30]

    def take_traffic(self) -> list[int]:
        taken, self.traffic = self.traffic, [0] * 5
        return taken


def test_a_moving_average_forgets_what_leaves_its_window() -> None:
    average = MovingAverage(period=2)
    for counts in ([4], [1, 1], [0]):
        for count in counts:
            average.add(count)
        average.flush()
    assert average.last_average == 1.0
    assert average.accumulator == 0


def test_a_moving_average_of_nothing_is_zero() -> None:
    assert MovingAverage().last_average == 0
    average = MovingAverage()
    average.flush()
    assert average.last_average == 0


def test_the_keys_are_the_documented_ones() -> None:
    keys = set(StatsCollector(Clock()).dump())
    assert keys == {
        "sessions_active",
        *(f"transp_{name}" for name in TRANSPORTS),
        "connections_active",
        "connections_ps",
        "packets_sent_ps",
        "packets_rcv_ps",
        "messages_dropped",
        "slow_consumers",
        *(f"refused_{kind}" for kind in REFUSALS),
    }


def test_refusals_are_counted_by_kind() -> None:
    stats = StatsCollector(Clock())
    stats.refused("origin")
    stats.refused("origin")
    stats.refused("size")
    counted = stats.dump()
    assert (counted["refused_origin"], counted["refused_size"]) == (2, 1)
    with pytest.raises(KeyError):
        stats.refused("no such kind")


def errors_of(kind: type[RequestError]) -> list[type[RequestError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in errors_of(below))]


@pytest.mark.parametrize("error", errors_of(RequestError))
def test_every_error_of_a_request_has_its_counter(error: type[RequestError]) -> None:
    assert error.kind in REFUSALS


def test_sessions_and_connections_are_counted() -> None:
    stats = StatsCollector(Clock())
    stats.session_opened("xhr")
    stats.session_opened("xhr")
    stats.session_ended(Session())
    stats.connection_opened()
    stats.connection_opened()
    stats.connection_closed()
    counted = stats.dump()
    assert counted["sessions_active"] == 1
    assert counted["transp_xhr"] == 2
    assert counted["connections_active"] == 1


def test_what_sessions_did_is_added_up_once() -> None:
    stats = StatsCollector(Clock())
    session = Session()
    stats.session_opened("xhr")
    stats.add_up(session)
    stats.add_up(session)
    session.traffic = [1, 0, 0, 5, 0]
    stats.session_ended(session)
    xhr = stats.transports["xhr"]
    assert (xhr.open, xhr.opened) == (0, 1)
    assert xhr.ended == {**dict.fromkeys(CAUSES, 0), "lost": 1}
    assert (xhr.messages_in, xhr.messages_out, xhr.frames_out) == (3, 3, 1)
    assert (xhr.bytes_in, xhr.bytes_out) == (25, 30)


def test_a_transport_of_an_application_is_counted_too() -> None:
    stats = StatsCollector(Clock())
    stats.session_opened("pigeon")
    assert stats.transports["pigeon"].open == 1
    assert stats.dump()["transp_pigeon"] == 1


def test_averages_move_once_a_second_between_start_and_stop() -> None:
    clock = Clock()
    stats = StatsCollector(clock)
    assert clock.getDelayedCalls() == []
    stats.start()
    stats.start()
    stats.packets_sent_ps.add(6)
    clock.advance(1)
    clock.advance(1)
    assert stats.dump()["packets_sent_ps"] == 3
    assert not stats.idle
    for _ in range(10):
        clock.advance(1)
    assert stats.idle
    stats.stop()
    stats.stop()
    assert clock.getDelayedCalls() == []
