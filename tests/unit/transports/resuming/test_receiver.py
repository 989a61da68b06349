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


class Carrier:
    def __init__(self) -> None:
        self.said: list[Any] = []
        self.session: Any = self

    def send(self, text: str) -> None:
        self.said.append(text)

    def close(self, code: int, reason: str) -> None:
        self.said.append((code, reason))


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
    assert carrier.said == [f"x4409,{reason}", (4409, reason)]


def test_what_begins_can_not_begin_again() -> None:
    session: Any = Session()
    session.is_carried_by = lambda receiver: True
    session.token = type("Token", (), {"confirm": lambda self: None})()
    with pytest.raises(BadEnvelope, match="it began before"):
        ResumedReceiver(Carrier(), session).take(read("n"))
