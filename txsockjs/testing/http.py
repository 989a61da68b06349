"""The clients of the HTTP transports: they poll or read a stream, and post their messages.

Rules: transports differ only by their `Framing`. As in a browser, the next request follows a
response that ends, and a post waits for the one before.
"""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple
from urllib.parse import quote_plus, unquote

from .client import Client, Message, with_queries
from .network import Connection

_CALLBACK = "callback"
_PRELUDE = "h" * 2048


def _lines(body: str) -> tuple[list[str], int]:
    """Read xhr and xhr_streaming: a frame is a line."""
    *lines, rest = body.split("\n")
    return [line for line in lines if line != _PRELUDE], len(body) - len(rest)


def _events(body: str) -> tuple[list[str], int]:
    """Read eventsource: a frame is an event, of one line."""
    *events, rest = body.split("\r\n\r\n")
    frames = [unquote(event.partition("data: ")[2]) for event in events]
    return frames, len(body) - len(rest)


def _scripts(body: str) -> tuple[list[str], int]:
    """Read htmlfile: a frame is a script that calls ``p``."""
    *scripts, rest = body.split("\n</script>\r\n")
    calls = [script.partition("<script>\np(")[2] for script in scripts]
    return [json.loads(call[: -len(");")]) for call in calls], len(body) - len(rest)


def _call(body: str) -> tuple[list[str], int]:
    """Read jsonp: the frame is the argument of a call."""
    if not body.endswith(");\r\n"):
        return [], 0
    return [json.loads(body[len(f"/**/{_CALLBACK}(") : -len(");\r\n")])], len(body)


class Framing(NamedTuple):
    """A transport's format: ``frames`` reads a body and returns how much of it was complete."""

    method: str
    query: str
    sender: str
    frames: Callable[[str], tuple[list[str], int]]


FRAMINGS = {
    "xhr_streaming": Framing("POST", "", "xhr_send", _lines),
    "xhr": Framing("POST", "", "xhr_send", _lines),
    "eventsource": Framing("GET", "", "xhr_send", _events),
    "htmlfile": Framing("GET", f"c={_CALLBACK}", "xhr_send", _scripts),
    "jsonp": Framing("GET", f"c={_CALLBACK}", "jsonp_send", _call),
}


class Response:
    """A response as it arrives; ``body`` holds what was not taken yet."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.is_done = False
        self._raw = b""
        self._chunked = False
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Add bytes."""
        self._raw += data
        if not self.status:
            if b"\r\n\r\n" not in self._raw:
                return
            head, _, self._raw = self._raw.partition(b"\r\n\r\n")
            self._read_head(head.decode("latin-1"))
        if self._chunked:
            self._read_chunks()
        else:
            self.body += self._raw
            self._left -= len(self._raw)
            self._raw = b""
            self.is_done = self._left <= 0

    def _read_head(self, head: str) -> None:
        start, *lines = head.split("\r\n")
        self.status = int(start.split()[1])
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                self._left = int(value)
            elif name.lower() == "transfer-encoding":
                self._chunked = "chunked" in value

    def _read_chunks(self) -> None:
        while b"\r\n" in self._raw and not self.is_done:
            size, _, rest = self._raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            self.body += rest[:length]
            self._raw = rest[length + 2 :]
            self.is_done = length == 0


class HTTPClient(Client):
    """A client of a polling or streaming transport."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._framing = FRAMINGS[self.transport]
        self._receiver: Connection | None = None
        self._sender: Connection | None = None
        self._unsent: list[Message] = []

    @property
    def is_held(self) -> bool:
        """Whether a post waits for its answer."""
        self._agenda.do()
        return self._sender is not None

    def _start(self) -> None:
        if self._over:
            return
        framing = self._framing
        path = with_queries(f"{self._base}/{self.transport}", framing.query, self._query)
        response = Response()

        def read(data: bytes) -> None:
            response.feed(data)
            if response.status == 200:
                self._read_frames(response)
            if response.is_done:
                connection.transport.lost = _ignore
                self._agenda.later(connection.vanish)
                if response.status == 200:
                    self._agenda.later(self._start)
                else:
                    self._refused(path, response.status, response.body)

        connection = self._receiver = self._connect(read, self._end)
        connection.request(framing.method, path, b"", **self._headers)

    def _read_frames(self, response: Response) -> None:
        # Bytes outside ASCII occur only inside strings, so the ends of frames can be found without
        # decoding.
        text = response.body.decode("latin-1")
        frames, end = self._framing.frames(text)
        response.body = response.body[end:]
        for frame in frames:
            self._frame(frame.encode("latin-1").decode("utf-8"))

    def _send(self, messages: list[Message]) -> None:
        self._unsent.extend(messages)
        if self._sender is None and self._unsent and not self._over:
            body, self._unsent = json.dumps(self._unsent), []
            self._post(body)

    def _post(self, body: str) -> None:
        path = with_queries(f"{self._base}/{self._framing.sender}", self._query)
        headers = {"Content_Type": "text/plain"}
        if self._framing.sender == "jsonp_send":
            headers = {"Content_Type": "application/x-www-form-urlencoded"}
            body = "d=" + quote_plus(body)
        response = Response()

        def read(data: bytes) -> None:
            response.feed(data)
            if response.is_done:
                self._sender = None
                connection.transport.lost = _ignore
                self._agenda.later(connection.vanish)
                if response.status in (200, 204):
                    self._agenda.later(lambda: self._send([]))
                else:
                    self._refused(path, response.status, response.body)

        connection = self._sender = self._connect(read, self._end)
        connection.request("POST", path, body.encode(), **{**headers, **self._headers})

    def _close(self) -> None:
        self._end()
        for connection in self._connections():
            connection.vanish()

    def _connections(self) -> list[Connection]:
        return [each for each in (self._receiver, self._sender) if each is not None]


def _ignore() -> None:
    pass
