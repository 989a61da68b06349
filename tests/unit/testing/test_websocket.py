"""What a client of the websocket transports does with the frames that come."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSRouter, testing

from ...support.memory import Echo


def open_client(transport: str) -> tuple[Any, Any]:
    router = SockJSRouter(type("Echo", (Echo,), {"log": []}), reactor=Clock())
    client: Any = testing.connect(router, transport)
    client.take()
    return client, router


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    start = bytes((0x80 | opcode,))
    if size < 126:
        return start + bytes((size,)) + payload
    if size < 65536:
        return start + b"\x7e" + size.to_bytes(2, "big") + payload
    return start + b"\x7f" + size.to_bytes(8, "big") + payload


@pytest.mark.parametrize("step", [1, 7, 100000])
@pytest.mark.parametrize("size", [0, 125, 126, 65536])
def test_a_frame_is_read_however_long_and_however_it_comes(size: int, step: int) -> None:
    client, router = open_client("rawwebsocket")
    data = frame(1, b"x" * size) + frame(2, b"\xff")
    for start in range(0, len(data), step):
        client._connection.transport.write(data[start : start + step])
    assert client.take() == ["x" * size, b"\xff"]
    client.close()
    testing.settle(router)


def test_a_ping_is_answered_with_what_it_brought() -> None:
    client, router = open_client("websocket")
    heard: list[bytes] = []
    connection = client._connection
    connection.send = heard.append
    connection.transport.write(frame(9, b"hi"))
    assert heard == []
    router.reactor.advance(0)
    assert heard == [b"\x8a\x82\0\0\0\0hi"]
    del connection.send
    client.close()
    testing.settle(router)


def test_the_reason_of_a_close_frame_is_the_clients() -> None:
    client, router = open_client("rawwebsocket")
    client._connection.transport.write(frame(8, b"\x0f\xa1bye"))
    assert client.close_reason == (4001, "bye")
    testing.settle(router)


def test_what_the_server_does_not_read_waits() -> None:
    client, router = open_client("websocket")
    transport = client._connection.transport
    transport.pauseProducing()
    assert client.is_held
    client.send("hello")
    assert client.take() == []
    transport.resumeProducing()
    assert client.take() == ["hello"]
    client.close()
    testing.settle(router)


def test_a_refused_upgrade_tells_its_status() -> None:
    router = SockJSRouter(Echo, reactor=Clock(), allowed_origins=["http://a.example"])
    with pytest.raises(testing.BadAnswer, match="403"):
        testing.connect(router, "websocket", headers={"Origin": "http://b.example"})
    testing.settle(router)
