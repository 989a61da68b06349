"""The framing of eventsource."""

from __future__ import annotations

from txsockjs.transports import eventsource


def test_an_event_escapes_its_own_syntax_and_nothing_else() -> None:
    assert eventsource.wrap(b'a["%41 \r\n\0 "]') == b'data: a["%2541 %0D%0A%00 "]\r\n\r\n'
