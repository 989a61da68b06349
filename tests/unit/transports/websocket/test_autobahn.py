"""What Autobahn reads of a websocket."""

from __future__ import annotations

from ....support.memory import Lab


def test_a_violation_of_the_websocket_protocol_ends_the_session_at_once() -> None:
    lab = Lab()
    socket = lab.upgrade()
    socket.send(b"\x81\x05hello")  # not masked
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (1002, lab.log[1][1][1]))]
    lab.pass_time(30)
    assert not socket.is_open
    lab.settle()


def test_empty_fragments_come_to_an_end() -> None:
    lab = Lab(max_message_size=100, max_body_size=100)
    socket = lab.upgrade()
    socket.send(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 90 + b'\x80\x83\0\0\0\0"x"')
    assert socket.take().endswith(b'a["x"]')
    socket.send(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 100)
    lab.clock.advance(0)
    assert lab.log[2][1][0] == 1009
    lab.pass_time(30)
    assert not socket.is_open
    lab.settle()
