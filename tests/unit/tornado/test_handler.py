"""A handler as the receiver of a session: frames as text, and whether it takes more."""

from __future__ import annotations

from typing import Any

from txsockjs.tornado.handler import HandlerReceiver

from .handlers import INFO, Handler


def test_frames_are_given_as_text_in_order() -> None:
    handler = Handler()
    receiver = HandlerReceiver(handler)
    receiver.opened()
    receiver.deliver(["a", "ü"])
    receiver.heartbeat()
    receiver.closed((3000, "Go away!"))
    assert handler.heard == ["o", 'a["a","ü"]', "h", 'c[3000,"Go away!"]', "closed"]


def test_it_tells_what_its_handler_tells() -> None:
    receiver = HandlerReceiver(Handler())
    assert receiver.transport_name == "xhr_streaming"
    assert receiver.connection_info() is INFO


def test_it_takes_more_as_long_as_its_handler_is_active() -> None:
    receiver = HandlerReceiver(Handler(room=2))
    receiver.opened()
    assert receiver.ready
    receiver.heartbeat()
    assert not receiver.ready


def test_a_handler_that_is_not_active_takes_nothing() -> None:
    handler = Handler()
    handler.active = False
    assert not HandlerReceiver(handler).ready


def test_a_handler_that_does_not_tell_takes_all() -> None:
    class Silent:
        name = "xhr"
        heard: list[Any] = []

        def send_pack(self, pack: Any) -> None:
            self.heard.append(pack)

    receiver = HandlerReceiver(Silent())
    receiver.opened()
    assert receiver.ready


def test_an_abort_lets_the_handler_know_and_sends_nothing() -> None:
    handler = Handler()
    receiver = HandlerReceiver(handler)
    receiver.abort()
    assert handler.heard == ["closed"]
    assert not receiver.ready
