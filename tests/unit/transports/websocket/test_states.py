"""The table of a websocket's states: each event in each state, and the page that prints it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from txsockjs.transports.websocket.receiver import WebSocketReceiver
from txsockjs.transports.websocket.states import (
    CLOSE,
    CLOSE_FRAME,
    DISCARDING,
    DISCONNECT,
    GONE,
    OPEN,
    TABLE,
    VIOLATION,
    Event,
    State,
)

from ....support.memory import Lab
from ....support.running import ROOT
from ....support.state_tables import printed

PAGE = pathlib.Path(ROOT) / "docs" / "architecture.md"

ARGUMENTS: dict[Event, tuple[Any, ...]] = {
    CLOSE: (1000, ""),
    CLOSE_FRAME: (b"\x03\xe8",),
    VIOLATION: (1002, "no"),
}
# What is written: only the one close frame of an open websocket.
WRITTEN = {
    (OPEN, CLOSE): b"\x88\x02\x03\xe8",
    (OPEN, CLOSE_FRAME): b"\x88\x02\x03\xe8",
    (OPEN, VIOLATION): b"\x88\x04\x03\xeano",
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.take()
    receiver: Any = socket.transport.protocol
    assert isinstance(receiver, WebSocketReceiver)
    receiver._state = state
    receiver.handle(event, *ARGUMENTS.get(event, ()))
    action, after = TABLE[state][event]
    if (state, event) == (OPEN, DISCONNECT):
        after = GONE  # nothing waits here: all that came is handed over at once
    elif after is DISCARDING and action != "nothing":
        after = GONE  # this transport ends at once, and says so
    assert receiver._state is after
    assert socket.take() == WRITTEN.get((state, event), b"")
    receiver._state = OPEN
    socket.vanish()
    lab.settle()


def test_every_state_knows_every_event_and_every_action_is_there() -> None:
    assert set(TABLE) == set(State)
    for state in State:
        assert set(TABLE[state]) == set(Event)
        for action, _ in TABLE[state].values():
            assert callable(getattr(WebSocketReceiver, f"_do_{action}"))


def test_the_end_comes_nearer_with_each_change() -> None:
    order = list(State)
    for state in State:
        for _, after in TABLE[state].values():
            assert order.index(after) >= order.index(state)


def test_the_page_prints_the_table() -> None:
    assert f"```text\n{printed(TABLE, State, Event)}\n```" in PAGE.read_text(encoding="utf-8")
