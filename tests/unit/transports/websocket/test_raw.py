"""Raw websockets: messages without frames around them."""

from __future__ import annotations

import struct
from typing import Any

from ....support.memory import Echo, Lab


def test_raw_websockets_get_pings_and_no_heartbeats() -> None:
    lab = Lab(heartbeat_delay=10)
    socket = lab.upgrade("/websocket")
    socket.take()
    lab.pass_time(10)
    assert socket.take() == b"\x89\x00"
    socket.vanish()
    lab.settle()


def test_binary_is_for_raw_websockets() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.say(b'["x"]', 2)
    assert not socket.is_open
    raw = lab.upgrade("/websocket")
    raw.say(b"\xff\x00", 2)
    assert raw.received.endswith(b"\x82\x02\xff\x00")
    assert lab.log.count(b"\xff\x00") == 1
    raw.vanish()
    lab.settle()


def test_a_raw_close_has_a_code_that_may_be_sent() -> None:
    class Odd(Echo):
        def on_message(self, message: Any) -> None:
            self.close(int(message), "r")

    lab = Lab(Odd)
    for code, sent in ((1001, 1001), (1011, 1011), (4999, 4999), (2010, 1000)):
        socket = lab.upgrade("/websocket")
        socket.say(b"%d" % code)
        assert socket.received.endswith(b"\x88\x03" + struct.pack("!H", sent) + b"r")
        socket.vanish()
    lab.settle()
