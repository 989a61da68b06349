"""Answers that belong to no session."""

from __future__ import annotations

from ...support.memory import Lab


def test_the_chunking_test_goes_at_its_pace_and_stops_when_nobody_listens() -> None:
    lab = Lab()
    full, cut = lab.connect(), lab.connect()
    for connection in (full, cut):
        connection.request("POST", "/chunking_test")
    assert full.body == b"h\n"
    lab.clock.advance(0)
    cut.vanish()
    for seconds in (0.005, 0.025, 0.125, 0.625, 3.125):
        lab.clock.advance(seconds)
    assert full.body == b"h\n" + b" " * 2048 + b"h\n" * 6
    assert full.received.endswith(b"0\r\n\r\n")
    assert lab.clock.getDelayedCalls() == []
