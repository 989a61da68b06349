"""The streams between the processes of one machine."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from txsockjs.cluster.streams import Control, Stream


def string(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def strings(data: bytes) -> list[bytes]:
    found = []
    while data:
        (size,) = struct.unpack_from("!I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def test_tables_go_both_ways() -> None:
    told: list[Any] = []
    control = Control(Clock(), told.append, lambda: told.append("ended"))
    control.say(do="nothing")  # it is not connected, so that nobody hears it
    control.makeConnection(StringTransport())
    control.say(do="join", node="a")
    control.flush()
    assert strings(control.transport.value()) == [b'{"do": "join", "node": "a"}']
    control.dataReceived(string(b'{"a":1}'))
    control.dataReceived(string(b"1"))
    assert told == [{"a": 1}]
    assert control.transport.disconnected
    control.connectionLost()
    assert told[-1] == "ended"


def test_what_a_string_does_is_a_subclasss() -> None:
    with pytest.raises(NotImplementedError):
        Stream().take(b"")
