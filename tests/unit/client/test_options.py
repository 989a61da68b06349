"""How a client connects."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs import SettingsError
from txsockjs.client.options import TRANSPORTS, Options, checked_transports


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("websocket", ("websocket",)),
        ("xhr-streaming, xhr", ("xhr_streaming", "xhr_polling")),
        (["xhr_polling", "websocket", "xhr"], ("xhr_polling", "websocket")),
        (TRANSPORTS, TRANSPORTS),
    ],
)
def test_transports_keep_their_order(names: Any, found: tuple[str, ...]) -> None:
    assert checked_transports(names) == found


@pytest.mark.parametrize("names", ["", "jsonp", [], ["websocket", "htmlfile"]])
def test_unknown_transports_are_refused(names: Any) -> None:
    with pytest.raises(SettingsError, match="transports must"):
        checked_transports(names)


def test_a_server_may_be_silent_for_ever() -> None:
    assert Options(heartbeat_timeout=None).heartbeat_timeout is None


@pytest.mark.parametrize("value", [0, -1, True, "1", None, float("nan")])
def test_times_and_sizes_are_positive_numbers(value: Any) -> None:
    with pytest.raises(SettingsError, match="frame_limit must be > 0"):
        Options(frame_limit=value)
