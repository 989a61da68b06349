"""The end of a carrier; tests/unit/test_resume.py has it with its sessions and clients."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.transports.resuming.receiver import ResumedReceiver
from txsockjs.wire.resumption import BadEnvelope, read


class Session:
    """A session that another connection carries by now."""

    def is_carried_by(self, receiver: object) -> bool:
        return False


class Numbered(Session):
    """A session that notes what it takes."""

    def __init__(self, received: int) -> None:
        self.received = received
        self.taken: list[str] = []
        self.token: Any = self

    def is_carried_by(self, receiver: object) -> bool:
        return True

    def confirm(self) -> None:
        pass

    def take_message(self, receiver: object, text: str) -> None:
        self.taken.append(text)


class Carrier:
    info: Any = None
    transport = "websocket"

    def __init__(self) -> None:
        self.said: list[Any] = []

    def send(self, text: str) -> None:
        self.said.append(text)

    def abort(self) -> None:
        self.said.append("abort")

    def end(self, reason: Any, cause: str) -> None:
        self.said.append((reason, cause))


def test_what_comes_of_a_connection_that_was_replaced_is_nobodys() -> None:
    receiver = ResumedReceiver(Carrier(), Session())
    for message in ("mlate", "a1", "x", "n"):
        assert receiver.take(read(message)) is None


def test_whoever_is_replaced_is_told() -> None:
    carrier = Carrier()
    receiver = ResumedReceiver(carrier, Session())
    receiver.replaced()
    assert not receiver.ready
    reason = "Resumed over another connection"
    assert carrier.said == [f"x4409,{reason}", ((4409, reason), "lost")]


@pytest.mark.parametrize("beginning", ["n", "rtoken,0"])
def test_what_it_began_with_may_be_repeated(beginning: str) -> None:
    session: Any = Session()
    session.is_carried_by = lambda receiver: True
    carrier = Carrier()
    assert ResumedReceiver(carrier, session).take(read(beginning)) is None
    assert carrier.said == []


@pytest.mark.parametrize(
    ("message", "taken"), [("k4,old", []), ("k5,", [""]), ("k5,new,er", ["new,er"])]
)
def test_a_message_that_is_repeated_is_taken_once(message: str, taken: list[str]) -> None:
    session = Numbered(received=4)
    ResumedReceiver(Carrier(), session).take(read(message))
    assert session.taken == taken


@pytest.mark.parametrize("message", ["k6,late", "p5"])
def test_a_message_that_is_missing_is_told(message: str) -> None:
    session = Numbered(received=4)
    with pytest.raises(BadEnvelope, match="message 5 is missing"):
        ResumedReceiver(Carrier(), session).take(read(message))
    assert session.taken == []
