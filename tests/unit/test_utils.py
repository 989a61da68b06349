"""`broadcast`, where txsockjs 1.x had it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from txsockjs.protocols.connection import connection_class
from txsockjs.utils import broadcast

from ..support.memory import Lab
from ..support.noting import NotingFactory


def test_a_broadcast_reaches_transports_of_every_kind() -> None:
    factory = NotingFactory()
    lab = Lab(connection_class(factory))
    text, split = lab.upgrade("/0/a/websocket"), lab.upgrade("/0/b/websocket")
    binary = lab.upgrade("/websocket")
    binary.say(b"x", opcode=2)
    factory.made[1].transport.write(b"\xe2")
    for connection in (text, split, binary):
        connection.take()
    plain = StringTransport()
    transports = {protocol.transport for protocol in factory.made} | {plain}
    broadcast("é".encode(), {factory.made[0].transport, factory.made[2].transport, plain})
    broadcast("é", [factory.made[0].transport])
    broadcast(b"\xff", [plain])
    broadcast(b"", transports)
    broadcast(b"", [])
    assert text.take().count('a["é"]'.encode()) == 2
    assert binary.take() == b"\x82\x02" + "é".encode()
    assert plain.value() == "é".encode() + b"\xff"
    broadcast(b"\x82\xac", [factory.made[1].transport])
    assert split.take().endswith('a["€"]'.encode())
    for connection in (text, split, binary):
        connection.vanish()
    lab.settle()


@pytest.mark.parametrize("wrong", [5, None, [1, 2]])
def test_only_text_and_bytes_can_be_broadcast(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a transport writes bytes, not"):
        broadcast(wrong, [StringTransport()])


def test_a_broadcast_is_encoded_once(monkeypatch: Any) -> None:
    factory = NotingFactory()
    lab = Lab(connection_class(factory))
    connections = [lab.upgrade(f"/0/{name}/websocket") for name in "abc"]
    encoded: list[Any] = []
    encode = __import__("txsockjs.wire.proto", fromlist=["x"])._encode_strings
    monkeypatch.setattr(
        "txsockjs.wire.proto._encode_strings", lambda texts: encoded.append(texts) or encode(texts)
    )
    broadcast(b"all", [protocol.transport for protocol in factory.made])
    assert encoded == [["all"]]
    for connection in connections:
        assert connection.take().endswith(b'a["all"]')
        connection.vanish()
    lab.settle()
