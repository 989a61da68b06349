"""What a read brings at once, how a violation ends a websocket, and which close codes end one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.interfaces import ISSLTransport
from zope.interface import implementer

from txsockjs.transports.websocket import receiver
from txsockjs.transports.websocket.incoming import MOST_FRAMES

from ....support.frames import close_code, masked, text
from ....support.memory import Lab
from ....support.sites import Client, SiteLab, Wire

FRAMED = "/000/abc/websocket"
CLOSE = 0x88
VIOLATIONS = {
    "an unmasked frame": (b"\x81\x05hello", 1002),
    "an unknown opcode": (masked(b"", 0x83), 1002),
    "broken JSON": (masked(b'["'), 1007),
    "no text": (masked(b'"\xff"'), 1007),
    "bytes": (masked(b'"x"', 0x82), 1003),
    "a large message": (masked(b'"' + b"x" * 101 + b'"'), 1009),
    "a large head": (masked(b"x" * 500)[:9], 1009),
    "a close code that is none": (masked(b"\3\xed", CLOSE), 1002),
    "a close reason that is no text": (masked(b"\3\xe8\xff", CLOSE), 1007),
    "a close frame of a byte": (masked(b"\3", CLOSE), 1002),
}

# -- reads


def test_a_read_of_whole_frames_is_passed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "Incoming", None)  # nothing has to wait
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    numbers = [str(i) for i in range(MOST_FRAMES)]
    socket.send(b"".join(text(FRAMED, number) for number in numbers))
    assert lab.log == ["open", *numbers]
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize("rate", [None, "10/s"])
def test_a_read_brings_no_more_frames_than_a_turn_may(rate: str | None) -> None:
    most = 10 if rate else MOST_FRAMES
    lab = Lab(message_rate=rate)
    socket = lab.upgrade(FRAMED)
    numbers = [str(i) for i in range(most + 1)]
    socket.send(b"".join(text(FRAMED, number) for number in numbers))
    assert lab.log == ["open", *numbers[:-1]]
    lab.pass_time(1)
    assert lab.log == ["open", *numbers]
    socket.vanish()
    lab.settle()


def test_nothing_is_decoded_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr(
        receiver.WebSocketReceiver, "decoders", {0x81: lambda data: [decoded.append(data)]}
    )
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    socket.send(b"\x81\x05hello")  # without a mask
    for _ in range(2):
        socket.send(text(FRAMED, "late") * 3)
    assert decoded == []
    socket.vanish()
    lab.settle()


# -- violations


@implementer(ISSLTransport)
class Secure(Wire):
    """A transport over TLS, which has no half close: what it sends last asks for an answer."""

    asked = False

    def getPeerCertificate(self) -> None:
        """Have none."""

    def loseWriteConnection(self) -> None:
        raise AssertionError("TLS has no half close")

    def loseConnection(self) -> None:
        self.asked = True


def violating(data: bytes, wire_class: type[Wire]) -> tuple[SiteLab, Client, Any]:
    lab = SiteLab("", max_message_size=100, max_body_size=400)
    wire: Any = wire_class(lab.clock, "192.0.2.1")
    socket = Client(lab.site, lab.clock, wire)
    lab.clients.append(socket)
    socket.upgrade(FRAMED)
    socket.send(data + text(FRAMED, "late"))
    socket.send(text(FRAMED, "later"))
    return lab, socket, wire


@pytest.mark.parametrize(("data", "code"), VIOLATIONS.values(), ids=list(VIOLATIONS))
@pytest.mark.parametrize("wire_class", [Wire, Secure])
def test_after_a_violation_the_close_frame_leaves_and_then_our_end(
    data: bytes, code: int, wire_class: type[Wire]
) -> None:
    for leaves in (False, True):
        lab, socket, wire = violating(data, wire_class)
        assert close_code(socket.received) == code
        assert wire.asked if wire_class is Secure else wire.half_closed
        assert wire.producer is None
        assert wire.connected and not wire.disconnecting
        lab.clock.advance(0.9)
        assert wire.connected and not wire.disconnecting
        wire.protocol.dataReceived(b"\xff" * 100_000)  # which is read, and nothing comes of it
        assert lab.log[0] == "open"
        assert lab.log[1:] == [("close", lab.log[1][1])]
        assert lab.log[1][1][0] == code
        if leaves:
            socket.vanish()
        else:
            lab.clock.advance(0.2)
            assert wire.aborted
        lab.clock.advance(0)
        assert not wire.connected
        assert close_code(socket.received) == code  # the last that was written
        lab.settle()


def test_a_violation_after_our_close_frame_ends_the_connection_in_a_second() -> None:
    lab, socket, wire = violating(text(FRAMED, "close") + b"\x81\x05hello", Wire)
    assert close_code(socket.received) == 1000
    assert wire.half_closed
    lab.clock.advance(1.1)
    assert wire.aborted
    lab.settle()


@pytest.mark.parametrize("code", [1012, 1013, 1014])
@pytest.mark.parametrize("before", [b"", masked(b'"', 1)], ids=["the lane", "autobahn"])
def test_the_codes_of_a_gateway_are_accepted(code: int, before: bytes) -> None:
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    socket.send(before + masked(code.to_bytes(2, "big") + b"bye", CLOSE))
    assert socket.received.endswith(b"\x88\x05" + code.to_bytes(2, "big") + b"bye")
    assert not socket.is_open
    lab.clock.advance(0)
    assert lab.log == ["open", ("close", (code, "bye"))]
    lab.settle()
