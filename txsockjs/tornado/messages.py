"""What sockjs-tornado takes as a message, turned into what a session of `txsockjs.actors` takes.

Rules: text stays text, and so do bytes unless ``binary`` is set on a raw websocket; everything else
is sent as its JSON, which the client finds parsed (and as text on a raw websocket).
"""

from __future__ import annotations

from typing import Any, Union

from ..wire.proto import JSONMessage, Message, json_encode

Sendable = Union[str, bytes]

_RAW = "rawwebsocket"


def outgoing(message: Any, transport: str, binary: bool = False) -> Sendable:
    """Return what to give to ``send`` of a session that has this transport."""
    if isinstance(message, JSONMessage):
        return message.json if transport == _RAW else message
    if isinstance(message, str):
        return message.encode("utf-8", "replace") if binary and transport == _RAW else message
    if isinstance(message, (bytes, bytearray, memoryview)):
        data = bytes(message)
        return data if binary and transport == _RAW else data.decode("utf-8")
    encoded = json_encode(message)
    return encoded if transport == _RAW else JSONMessage(encoded)


def shared(message: Any) -> str:
    """Return a message that is encoded once, however many connections it is sent to."""
    if isinstance(message, Message):
        return message
    if isinstance(message, (bytes, bytearray, memoryview)):
        message = bytes(message).decode("utf-8")
    return Message(message) if isinstance(message, str) else JSONMessage(json_encode(message))
