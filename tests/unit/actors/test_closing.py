"""The end of a router: who is told, what is still handled, and what is dropped and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent

from txsockjs import SockJSConnection

from ...support.memory import Echo, Lab, Slow


def test_closing_tells_every_client_and_every_application_and_then_fires() -> None:
    lab = Lab(disconnect_delay=5)
    stream = lab.connect().request("POST", "/000/s/xhr_streaming")
    socket = lab.upgrade()
    lab.connect().request("POST", "/000/p/xhr")
    gone: list[object] = []
    lab.router.close(3005, "restarting").addCallback(gone.append)
    lab.clock.advance(0)
    assert stream.body.endswith(b'o\nc[3005,"restarting"]\n')
    assert b'c[3005,"restarting"]' in socket.received
    assert lab.log == ["open"] * 3 + [("close", (3005, "restarting"))] * 3
    assert lab.connect().request("POST", "/000/new/xhr").status == 503
    assert lab.upgrade().status == 503
    assert gone == []
    poll = lab.connect().request("POST", "/000/p/xhr")
    assert poll.body == b'c[3005,"restarting"]\n'
    socket.say(b"\x03\xe8", 8)
    assert not socket.is_open
    assert gone == [None]
    assert lab.clock.getDelayedCalls() == []


def test_closing_a_router_that_serves_nobody_fires_at_once() -> None:
    lab = Lab()
    gone: list[object] = []
    lab.router.close().addCallback(gone.append)
    assert gone == [None]
    assert lab.clock.getDelayedCalls() == []


def test_closing_tells_many_in_many_turns() -> None:
    lab = Lab(max_sessions=2000)
    for number in range(1200):
        lab.connect().request("POST", f"/000/s{number}/xhr")
    told: list[int] = []

    def look() -> None:  # what others do between two turns
        told.append(lab.log.count(("close", (3000, "Go away!"))))
        if told[-1] < 1200:
            lab.clock.callLater(0, look)

    gone: list[object] = []
    lab.router.close().addCallback(gone.append)
    look()
    lab.clock.advance(0)
    assert told == [0, 512, 1024, 1200]
    lab.pass_time(10)
    assert gone == [None]
    assert lab.clock.getDelayedCalls() == []


def test_closing_drops_what_does_not_end_in_time() -> None:
    lab = Lab(Slow)
    socket = lab.upgrade()
    socket.say(b'["first"]')
    gone: list[object] = []
    lab.router.close(patience=2).addCallback(gone.append)
    lab.pass_time(1.5)
    assert gone == []
    lab.pass_time(1)
    assert gone == [None]
    assert not socket.is_open
    lab.pass_time(10)
    assert lab.clock.getDelayedCalls() == []


class Working(SockJSConnection):
    """Takes a second for each message, and notes what it did."""

    log: list[Any]

    async def on_message(self, message: Any) -> None:
        await deferLater(self.session.server.reactor, 1, lambda: None)
        self.log.append(message)

    def on_close(self) -> None:
        self.log.append("close")


def sent_to_working(lab: Lab) -> None:
    """Let clients of three kinds send to it, and be told that it was taken."""
    lab.xhr()
    senders = [lab.send(b'["a","b"]'), lab.send(b'["c"]')]
    socket = lab.upgrade()
    socket.say(b'["d","e"]')
    gone = lab.upgrade("/001/gone/websocket")
    gone.say(b'["f","g","h"]')
    gone.vanish()
    assert [sender.status for sender in senders] == [204, 204]


def test_what_was_acknowledged_is_handled_while_the_router_closes() -> None:
    lab = Lab(Working, disconnect_delay=1)
    sent_to_working(lab)
    gone: list[object] = []
    with capturedLogs() as logged:
        lab.router.close(patience=4).addCallback(gone.append)
        lab.pass_time(3.5)
    assert sorted(lab.log) == ["a", "b", "c", *["close"] * 3, "d", "e", "f", "g", "h"]
    assert lab.router.stats.messages_dropped == 0
    assert logged == []
    lab.pass_time(1)
    assert gone == [None]
    assert lab.clock.getDelayedCalls() == []


def test_what_is_not_handled_when_the_patience_is_over_is_counted_and_logged_once() -> None:
    lab = Lab(Working, disconnect_delay=1)
    sent_to_working(lab)
    gone: list[object] = []
    with capturedLogs() as logged:
        lab.router.close(patience=1.5).addCallback(gone.append)
        lab.pass_time(2)
    assert sorted(lab.log) == ["a", *["close"] * 3, "d", "f"]
    assert gone == [None]
    # Of b, e and g the handling had begun.
    assert lab.router.stats.messages_dropped == 2
    (event,) = logged
    assert formatEvent(event) == (
        "<SockJSRouter Working at /> drops what is left of its sessions: "
        "2 messages were not handled or not sent"
    )
    lab.pass_time(10)
    assert lab.clock.getDelayedCalls() == []


@pytest.mark.parametrize("handled", [1024, 2048])
def test_a_burst_that_is_cut_into_turns_is_given_up_at_any_of_them(handled: int) -> None:
    lab = Lab(Working)
    log = lab.log
    connection = lab.router.get_connection_class()
    connection.on_message = lambda self, message: log.append(message)  # type: ignore[assignment]
    lab.xhr()
    lab.send(json.dumps(["x"] * 5000).encode())
    lab.router.close(patience=0)
    if handled == 1024:
        lab.router._end.give_up()  # before the reactor's next iteration
    lab.clock.advance(0)
    assert log[handled - 1 :] == ["x", "close"]
    assert lab.router.stats.messages_dropped == 5000 - handled
    lab.pass_time(10)
    assert log[handled - 1 :] == ["x", "close"]
    assert lab.clock.getDelayedCalls() == []


def test_a_callback_that_closes_the_router_gets_the_rest_of_its_batch() -> None:
    class Last(Echo):
        def on_message(self, message: Any) -> None:
            super().on_message(message)
            self.session.server.close()

    lab = Lab(Last)
    lab.xhr()
    lab.send(b'["a","b"]')
    lab.pass_time(30)
    assert lab.log == ["open", "a", "b", ("close", (3000, "Go away!"))]
    assert lab.clock.getDelayedCalls() == []
