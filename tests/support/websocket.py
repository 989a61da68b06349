"""A raw websocket client (RFC 6455) on a `Peer`.

`WebSocket` does the handshake, checks what every server frame must be (final, unmasked, no reserved
bits) and reads frames one by one, or messages with pings answered on the way.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from typing import NamedTuple

from .frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from .peer import Peer, request

# The pair of RFC 6455, section 1.3.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

UPGRADE: dict[str, str | None] = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def upgrade(
    path: str, headers: Mapping[str, str | None] | None = None, method: str = "GET"
) -> bytes:
    """Write an upgrade request; ``headers`` change it, None takes a header away."""
    return request(method, path, {**UPGRADE, **(headers or {})})


class Frame(NamedTuple):
    """What the server sent."""

    opcode: int
    payload: bytes


class Closed(NamedTuple):
    """How the server closed: its code and reason, 1005 for a close frame without a code."""

    code: int
    reason: str


class WebSocket:
    """An upgraded connection; ``first`` goes out in the same packet as the request."""

    def __init__(
        self,
        peer: Peer,
        path: str,
        headers: Mapping[str, str | None] | None = None,
        first: bytes = b"",
    ) -> None:
        self.peer = peer
        peer.send(upgrade(path, headers) + first)
        self.head = peer.head()
        assert self.head.status == 101, self.head
        assert self.head.headers["sec-websocket-accept"] == ACCEPT

    def send(self, *frames: bytes) -> None:
        """Send frames in one packet."""
        self.peer.send(b"".join(frames))

    def say(self, message: str | bytes) -> None:
        """Send one message in one frame: text for a str, binary for bytes."""
        self.send(frame(TEXT if isinstance(message, str) else BINARY, message))

    def frame(self) -> Frame:
        opcode, size = self.header()
        return Frame(opcode, self.peer.exactly(size))

    def header(self) -> tuple[int, int]:
        """Read the head of a frame, and give its opcode and the length of what follows."""
        first, size = self.peer.exactly(2)
        assert first & 0xF0 == 0x80, f"neither fragments nor reserved bits were agreed: {first:x}"
        assert size < 128, "a server must not mask"
        if size == 126:
            (size,) = struct.unpack("!H", self.peer.exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.peer.exactly(8))
        return first & 0x0F, size

    def event(self) -> Frame:
        """Read the next frame that is no ping; pings are answered."""
        while True:
            got = self.frame()
            if got.opcode != PING:
                return got
            self.send(frame(PONG, got.payload))

    def text(self) -> str:
        got = self.event()
        assert got.opcode == TEXT, got
        return got.payload.decode("utf-8")

    def binary(self) -> bytes:
        got = self.event()
        assert got.opcode == BINARY, got
        return got.payload

    def closed(self) -> Closed:
        """Read the server's close frame, answer it, and wait for the end of the connection."""
        got = self.event()
        assert got.opcode == CLOSE, got
        self._answer(got)
        assert self.peer.ended()
        if not got.payload:
            return Closed(1005, "")
        (code,) = struct.unpack("!H", got.payload[:2])
        return Closed(code, got.payload[2:].decode("utf-8"))

    def dropped(self) -> bool:
        """Wait for the end of the connection, with a close frame or without; no data comes."""
        while True:
            try:
                got = self.frame()
            except EOFError:
                return True
            if got.opcode == CLOSE:
                self._answer(got)
            elif got.opcode in (TEXT, BINARY, CONTINUATION):
                return False

    def _answer(self, close: Frame) -> None:
        # After an error the server need not wait for the answer.
        with contextlib.suppress(OSError):
            self.send(frame(CLOSE, close.payload))
