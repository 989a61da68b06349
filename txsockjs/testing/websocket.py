"""The clients of the websocket transports.

Rules: pings and close frames are answered when the client next acts; what the server does not read
waits.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from .client import Client, Message, with_queries
from .network import Connection

# RFC 6455 section 5.2.
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


class WebSocketClient(Client):
    """A client that speaks SockJS frames over a websocket."""

    _connection: Connection

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._raw = b""
        self._upgraded = False
        self._unsent: list[tuple[int, bytes]] = []

    @property
    def is_held(self) -> bool:
        """Whether the server has stopped reading."""
        self._agenda.do()
        return self._connection.transport.producerState == "paused"

    def _start(self) -> None:
        self._connection = self._connect(self._read_bytes, self._end)
        transport = self._connection.transport
        transport.resumed = lambda: self._agenda.later(self._say_on)
        self._connection.upgrade(self._url(), **self._headers)

    def _url(self) -> str:
        return with_queries(f"{self._base}/websocket", self._query)

    def _connections(self) -> list[Connection]:
        return [self._connection]

    # -- in

    def _read_bytes(self, data: bytes) -> None:
        self._raw += data
        if not self._upgraded:
            head, end, rest = self._raw.partition(b"\r\n\r\n")
            if not end:
                return
            status = int(head.split()[1])
            if status != 101:
                self._refused(self._url(), status, rest)
                return
            self._upgraded, self._raw = True, rest
            self._connected()
        while self._read_frame():
            pass

    def _connected(self) -> None:
        """Note that the handshake is done."""

    def _read_frame(self) -> bool:
        raw = self._raw
        if len(raw) < 2:
            return False
        size, start = raw[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(raw[2:start], "big")
        if len(raw) < start or len(raw) < start + size:
            return False
        payload, self._raw = raw[start : start + size], raw[start + size :]
        self._take_frame(raw[0] & 15, payload)
        return True

    def _take_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._agenda.later(lambda: self._say(_PONG, payload))
        elif opcode == _CLOSE:
            if self._close_reason is None and len(payload) >= 2:
                self._close_reason = (struct.unpack("!H", payload[:2])[0], payload[2:].decode())
            self._agenda.later(lambda: self._reply_to_close(payload))
        else:
            self._message(opcode, payload)

    def _reply_to_close(self, payload: bytes) -> None:
        self._say(_CLOSE, payload)
        self._end()

    def _message(self, opcode: int, payload: bytes) -> None:
        self._frame(payload.decode())

    # -- out

    def _send(self, messages: list[Message]) -> None:
        self._say(_TEXT, json.dumps(messages).encode())

    def _say(self, opcode: int, payload: bytes) -> None:
        self._unsent.append((opcode, payload))
        self._say_on()

    def _say_on(self) -> None:
        while self._unsent and self._connection.transport.producerState != "paused":
            opcode, payload = self._unsent.pop(0)
            if self._connection.is_open:
                self._connection.say(payload, opcode)

    def _close(self) -> None:
        self._say(_CLOSE, struct.pack("!H", 1000))
        self._end()


class RawWebSocketClient(WebSocketClient):
    """A client of the raw websocket: messages without frames around them."""

    def _url(self) -> str:
        return with_queries(f"{self.router.prefix}/websocket", self._query)

    def _connected(self) -> None:
        self.opened = True

    def _message(self, opcode: int, payload: bytes) -> None:
        self._messages.append(payload if opcode == _BINARY else payload.decode())

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, bytes):
                self._say(_BINARY, message)
            else:
                self._say(_TEXT, message.encode())
