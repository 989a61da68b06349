"""The log of what settings refuse: one line a second for each, with how many."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from txsockjs.errors import NotFound, Overloaded, TooManyOpens, TooManySessions
from txsockjs.http.refusals import RefusalLog
from txsockjs.settings import Settings


def test_each_setting_is_logged_once_a_second_with_how_many_and_the_last_client() -> None:
    clock, reminded = Clock(), []
    settings = Settings(max_sessions=9, max_sessions_per_ip=3, open_rate_per_ip="60/min")
    log = RefusalLog("here", settings, clock.seconds, lambda: reminded.append(1))
    with capturedLogs() as logs:
        log.note(Overloaded("max_sessions"))
        for number in range(5):
            log.note(TooManySessions(f"192.0.2.{number}"))
            log.note(TooManyOpens("2001:db8::/64"))
        first = [formatEvent(event) for event in logs]
        clock.advance(0.9)
        log.flush()
        assert len(logs) == 3
        clock.advance(0.1)
        log.flush()
        log.note(TooManySessions("192.0.2.9"))
        log.flush(last=True)
    opens = "new sessions: open_rate_per_ip is 60/min, the last one was of 2001:db8::/64"
    assert first == [
        "'here' refused 1 new sessions: max_sessions is 9",
        "'here' refused 1 new sessions: max_sessions_per_ip is 3, the last one was of 192.0.2.0",
        f"'here' refused 1 {opens}",
    ]
    assert [formatEvent(event) for event in logs[3:]] == [
        "'here' refused 4 new sessions: max_sessions_per_ip is 3, the last one was of 192.0.2.4",
        f"'here' refused 4 {opens}",
        "'here' refused 1 new sessions: max_sessions_per_ip is 3, the last one was of 192.0.2.9",
    ]
    assert len(reminded) == 12


def test_what_no_setting_refuses_is_not_logged() -> None:
    reminded: list[int] = []
    log = RefusalLog("here", Settings(), Clock().seconds, lambda: reminded.append(1))
    with capturedLogs() as logs:
        log.note(Overloaded())  # the router closes
        log.note(NotFound())
        log.flush(last=True)
    assert logs == []
    assert reminded == []
