"""Converts the messages of sockjs-tornado to those that a session of `txsockjs.actors` takes.

Rules: text is sent as text, and so are bytes unless ``binary`` is set on a raw websocket.
Everything else is sent as JSON, which the client gets parsed (on a raw websocket, as text).
"""

from __future__ import annotations

from typing import Union

from ..wire.proto import JSONMessage, Message, json_encode

Sendable = Union[str, bytes]

_RAW = "rawwebsocket"


def outgoing(message: object, transport: str, binary: bool = False) -> Sendable:
    """Return the message to pass to ``send`` of a session with this transport."""
    if isinstance(message, JSONMessage):
        return message.json if transport == _RAW else message
    if isinstance(message, str):
        return message.encode("utf-8", "replace") if binary and transport == _RAW else message
    if isinstance(message, (bytes, bytearray, memoryview)):
        data = bytes(message)
        return data if binary and transport == _RAW else data.decode("utf-8")
    encoded = json_encode(message)
    return encoded if transport == _RAW else JSONMessage(encoded)


def shared(message: object) -> str:
    """Return a message encoded once, for any number of connections."""
    if isinstance(message, Message):
        return message
    if isinstance(message, (bytes, bytearray, memoryview)):
        message = bytes(message).decode("utf-8")
    return Message(message) if isinstance(message, str) else JSONMessage(json_encode(message))
