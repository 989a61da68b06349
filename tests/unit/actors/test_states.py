"""The table of a session's states: each event in each state, and the page that prints it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from txsockjs.actors.interfaces import INTERRUPTED
from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import (
    ABORT,
    ATTACH,
    BEAT,
    CLOSE,
    CLOSED,
    CLOSING,
    DRAINED,
    EXPIRE,
    FULL,
    GONE,
    LEAVE,
    LINGERING,
    NEW,
    OPEN,
    POSTED,
    RECEIVED,
    RETURNED,
    SENT,
    TABLE,
    UNOPENED,
    UNTOLD,
    Event,
    State,
)

from ...support.fakes import FakeReceiver, FakeServer, make_session, settle
from ...support.running import ROOT
from ...support.state_tables import printed

PAGE = pathlib.Path(ROOT) / "docs" / "architecture.md"

REASON = (4000, "enough")

# What receivers and application hear where that is anything. An open session, and one that is
# closing because its receiver is slow, have one attached; in the other states there is none.
HEARD: dict[tuple[State, Event], tuple[list[str], list[Any]]] = {
    (NEW, ATTACH): (["o"], ["open"]),
    (OPEN, ATTACH): (["c2010 Another connection still open"], []),
    (OPEN, BEAT): (["h"], []),
    (OPEN, RECEIVED): ([], ["m"]),
    (OPEN, POSTED): ([], [("event", "e")]),
    (OPEN, GONE): ([], ["close"]),
    (UNTOLD, ATTACH): (["o", "am"], []),
    (UNTOLD, POSTED): ([], [("event", "e")]),
    (UNTOLD, EXPIRE): ([], ["close"]),
    (UNTOLD, ABORT): ([], ["close"]),
    (UNTOLD, CLOSE): ([], ["close"]),
    (UNTOLD, LEAVE): ([], ["close"]),
    (OPEN, EXPIRE): ([], ["close"]),
    (OPEN, ABORT): ([], ["close"]),
    (OPEN, CLOSE): (["c4000 enough"], ["close"]),
    (OPEN, LEAVE): (["c4000 enough"], ["close"]),
    (CLOSING, ATTACH): (["c2010 Another connection still open"], []),
    (CLOSING, SENT): (["c3000 Go away!"], []),
    (LINGERING, ATTACH): (["c3000 Go away!"], []),
    (CLOSED, ATTACH): (["c3000 Go away!"], []),
}

# Where the event of the table leads to another one, as the session's client is told at once, or
# nobody is there who could be.
FURTHER: dict[tuple[State, Event], State] = {
    (OPEN, CLOSE): LINGERING,
    (OPEN, LEAVE): LINGERING,
    (LINGERING, LEAVE): CLOSED,
}


def in_state(
    state: State, kind: type[BaseSession] = Session
) -> tuple[Any, FakeServer, FakeReceiver]:
    """Return a session in this state, its server, and its receiver, or one that it had."""
    session, server = make_session(kind)
    receiver = FakeReceiver()
    receiver.session = session
    if state is not NEW:
        receiver.attach(session)
    if state is UNTOLD:
        session.tell(UNOPENED, receiver, ["m"])
    if state is CLOSING:
        receiver.stall()
    if state in (CLOSING, LINGERING, CLOSED):
        session.close()
        server.reactor.advance(0)
    if state is CLOSED:
        session.tell(EXPIRE)
    assert session.state is state
    return session, server, receiver


def arguments(event: Event, receiver: FakeReceiver, other: FakeReceiver) -> list[Any]:
    return {
        ATTACH: [other],
        RECEIVED: [["m"]],
        POSTED: ["e"],
        FULL: [receiver],
        DRAINED: [receiver],
        SENT: [receiver],
        RETURNED: [receiver, ["m"]],
        UNOPENED: [receiver, ["m"]],
        GONE: [receiver, INTERRUPTED],
        CLOSE: [REASON],
        LEAVE: [REASON],
    }.get(event, [])


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_event_does_in_every_state_what_the_table_says(state: State, event: Event) -> None:
    session, server, receiver = in_state(state)
    recorder = getattr(server, "recorder", None)
    heard = len(receiver.heard)
    called = len(recorder.calls) if recorder else 0
    other = FakeReceiver()
    other.session = session

    session.tell(event, *arguments(event, receiver, other))
    server.reactor.advance(0)

    recorder = getattr(server, "recorder", None)
    calls = recorder.calls[called:] if recorder else []
    assert session.state is FURTHER.get((state, event), TABLE[state][event][1])
    assert (receiver.heard[heard:] + other.heard, calls) == HEARD.get((state, event), ([], []))
    settle(server)


@pytest.mark.parametrize("event", [FULL, DRAINED, RETURNED, UNOPENED, GONE])
@pytest.mark.parametrize("state", State)
def test_what_a_receiver_says_that_is_not_attached_means_nothing(
    state: State, event: Event
) -> None:
    session, server, receiver = in_state(state)
    attached, heard = session._receiver, list(receiver.heard)
    stranger = FakeReceiver()
    session.tell(event, *arguments(event, stranger, stranger))
    assert session.state is state
    assert session._receiver is attached
    assert receiver.heard == heard
    settle(server)


@pytest.mark.parametrize("event", [GONE, EXPIRE, ABORT])
def test_a_session_goes_with_its_only_receiver(event: Event) -> None:
    session, server, receiver = in_state(OPEN, BaseSession)
    session.tell(event, *arguments(event, receiver, receiver))
    assert session.state is CLOSED
    assert len(server.sessions) == 0
    server.reactor.advance(0)
    assert server.recorder.calls == ["open", "close"]  # type: ignore[attr-defined]
    settle(server)


def test_a_session_with_one_receiver_lingers_while_that_ends() -> None:
    session, server, receiver = in_state(OPEN, BaseSession)
    session.close()
    assert session.state is LINGERING
    session.tell(LEAVE, REASON)
    assert session.state is LINGERING
    receiver.vanish()
    assert session.state is CLOSED
    server.reactor.advance(0)
    settle(server)


def test_the_table_is_whole_and_nothing_leads_back() -> None:
    order = list(State)
    assert set(TABLE) == set(State)
    for state, row in TABLE.items():
        assert list(row) == list(Event)
        for action, after in row.values():
            assert callable(getattr(BaseSession, f"do_{action}"))
            if (state, after) != (UNTOLD, OPEN):  # between which it may go back and forth
                assert order.index(after) >= order.index(state)


@pytest.mark.parametrize("event", [RETURNED, UNOPENED])
def test_what_the_client_did_not_take_is_sent_again_before_what_came_later(event: Event) -> None:
    session, server = make_session(Session)
    first = FakeReceiver().attach(session)
    session.send("one")
    first.stall()
    session.send("two")
    assert first.heard == ["o", "aone"]
    session.tell(event, first, ["one"])
    second = FakeReceiver().attach(session)
    opened = ["o"] if event is UNOPENED else []
    assert second.heard == [*opened, "aone,two"]
    assert session.state is OPEN
    settle(server)


def test_a_subclass_does_something_else_at_an_event() -> None:
    class Loud(Session):
        __slots__ = ()

        def do_receive(self, messages: list[Any]) -> None:
            super().do_receive([message.upper() for message in messages])

    session, server = make_session(Loud)
    FakeReceiver().attach(session)
    session.tell(RECEIVED, ["told"])
    session.receive(["received"])
    assert server.recorder.calls == ["open", "TOLD", "RECEIVED"]
    settle(server)


def test_the_page_prints_the_table() -> None:
    assert f"```text\n{printed(TABLE, State, Event)}\n```" in PAGE.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(printed(TABLE, State, Event))
