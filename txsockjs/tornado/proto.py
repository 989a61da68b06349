"""`sockjs.tornado.proto`."""

from ..wire.proto import (
    CONNECT,
    DISCONNECT,
    HEARTBEAT,
    MESSAGE,
    disconnect,
    json_decode,
    json_encode,
)

__all__ = [
    "CONNECT",
    "DISCONNECT",
    "HEARTBEAT",
    "MESSAGE",
    "disconnect",
    "json_decode",
    "json_encode",
]
