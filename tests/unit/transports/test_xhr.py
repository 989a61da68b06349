"""The framing of xhr."""

from __future__ import annotations

from txsockjs.transports import xhr


def test_an_xhr_frame_is_a_line() -> None:
    assert xhr.wrap(b"o") == b"o\n"
