"""Who waits in front of a mailbox, and for how long."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txsockjs.actors.states import RECEIVED

from ...support.fakes import open_session, settle


def test_a_sender_waits_while_the_mailbox_is_over_its_mark() -> None:
    session, server, _ = open_session(mailbox_limit=1000)
    gate: Deferred[None] = Deferred()
    server.on_message = lambda connection, message: gate if message == "first" else None
    session.tell(RECEIVED, ["first"])
    assert session.room() is None
    for _ in range(20):
        session.tell(RECEIVED, ["x" * 100])
    room = session.room()
    fired: list[object] = []
    room.addCallback(fired.append)
    assert fired == []
    gate.callback(None)
    assert fired == [None]
    assert session.room() is None
    assert len(server.recorder.calls) == 22
    settle(server)


def test_many_small_messages_fill_a_mailbox_as_a_large_one_does() -> None:
    session, server, _ = open_session(mailbox_limit=1000)
    server.on_message = lambda connection, message: Deferred()
    session.tell(RECEIVED, [""] * 100)
    assert session.room() is not None
    settle(server)


def test_a_burst_for_an_application_that_does_not_wait_never_fills_a_mailbox() -> None:
    session, server, _ = open_session(mailbox_limit=1000)
    session.tell(RECEIVED, ["x" * 100] * 1000)
    assert session.room() is None
    assert len(server.recorder.calls) == 1001
    settle(server)


def test_whoever_waits_for_room_is_released_by_the_end() -> None:
    session, server, receiver = open_session(mailbox_limit=10)
    server.on_message = lambda connection, message: Deferred()
    session.tell(RECEIVED, ["a", "b"])
    fired: list[object] = []
    session.room().addCallback(fired.append)
    receiver.vanish()
    assert fired == [None]
    settle(server)
