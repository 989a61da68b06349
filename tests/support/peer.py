"""A raw HTTP client on a blocking socket: it sends exactly the bytes it is told to.

`Peer` is one TCP connection; requests go out with `ask` (or as raw bytes with `send`) and answers
come back whole with `response`, or piece by piece with `head`, `chunk` and `exactly`, so that a
test sees what was one write of the server. Nothing is retried, followed or repaired.
"""

from __future__ import annotations

import dataclasses
import select
import socket
import struct
from collections.abc import Mapping
from typing import Union

PATIENCE = 30.0  # seconds after which a server that says nothing has failed
SILENCE = 0.05  # seconds that show that nothing comes

Body = Union[str, bytes, None]


class Headers:
    """The header lines of an answer; names in any case."""

    def __init__(self, lines: list[bytes]) -> None:
        self.pairs = []
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon and name == name.strip(), f"a broken header line: {line!r}"
            self.pairs.append((name.lower(), value.strip()))

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return self[name] if values else None

    def tokens(self, name: str) -> list[str]:
        values = ",".join(self.all(name)).lower()
        return [token.strip() for token in values.split(",") if token.strip()]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name} stands there {len(values)} times in {self.pairs}"
        return values[0]


@dataclasses.dataclass
class Response:
    """An answer; ``chunks`` are the HTTP chunks of its body, None without chunked coding."""

    version: str
    status: int
    headers: Headers
    body: bytes = b""
    chunks: list[bytes] | None = None

    @property
    def chunked(self) -> bool:
        return "chunked" in self.headers.tokens("transfer-encoding")

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


def request(
    method: str,
    path: str,
    headers: Mapping[str, str | None] | None = None,
    body: Body = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """Write a request; a header that is None is left out, even those that are usual."""
    if isinstance(body, str):
        body = body.encode("utf-8")
    usual: dict[str, str | None] = {"Host": "127.0.0.1"}
    if body is not None or method == "POST":
        usual["Content-Length"] = str(len(body or b""))
    lines = [f"{method} {path} {version}"]
    for name, value in {**usual, **(headers or {})}.items():
        if value is not None:
            lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Peer:
    """One TCP connection to the server under test."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.port = port
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(("127.0.0.1", port))
        self._held = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def dribble(self, data: bytes) -> None:
        """Send one byte per packet."""
        for index in range(len(data)):
            self.socket.send(data[index : index + 1])

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str | None] | None = None,
        body: Body = None,
        version: str = "HTTP/1.1",
    ) -> None:
        self.send(request(method, path, headers, body, version))

    def head(self) -> Response:
        """Read status and headers; what follows is left to be read."""
        version, status, *_ = self.line().decode("latin-1").split(" ", 2)
        assert version.startswith("HTTP/1."), version
        lines = []
        while True:
            line = self.line()
            if not line:
                return Response(version, int(status), Headers(lines))
            lines.append(line)

    def response(self, method: str = "GET") -> Response:
        """Read a whole answer, as framed by its headers (or by the end of the connection)."""
        answer = self.head()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.chunked:
            answer.chunks = list(iter(self.chunk, b""))
            answer.body = b"".join(answer.chunks)
        elif "content-length" in answer.headers:
            answer.body = self.exactly(int(answer.headers["content-length"]))
        else:
            answer.body = self.rest()
        return answer

    def chunk(self) -> bytes:
        """Read one HTTP chunk; the last one is empty."""
        size = int(self.line(), 16)
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return data

    def line(self) -> bytes:
        return self.until(b"\r\n")[:-2]

    def until(self, end: bytes) -> bytes:
        while end not in self._held:
            self._more()
        index = self._held.index(end) + len(end)
        return self.exactly(index)

    def exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            self._more()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def rest(self) -> bytes:
        """Read everything up to the end of the connection."""
        parts = [self._held]
        self._held = b""
        while True:
            data = self._receive()
            if not data:
                return b"".join(parts)
            parts.append(data)

    def ended(self) -> bool:
        """Wait for the end of the connection; tell whether it came without another byte."""
        return self.rest() == b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def silent(self, seconds: float = SILENCE) -> bool:
        """Tell whether nothing, not even an end, comes for a moment."""
        return not self._held and not select.select([self.socket], [], [], seconds)[0]

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """End the connection with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self._receive()
        if not data:
            raise EOFError(f"the server ended the connection after {self._held[-80:]!r}")
        self._held += data

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 16)
        except ConnectionResetError:
            return b""


def hold(peer: Peer, session: str) -> None:
    """Open the session at this path with a stream, which holds it as long as the connection."""
    peer.ask("POST", f"{session}/xhr_streaming")
    assert peer.head().status == 200
    assert [peer.chunk()[-2:] for _ in range(2)] == [b"h\n", b"o\n"]


def together(port: int, *requests: bytes) -> list[Response]:
    """Send requests in one packet, on a connection of their own, and return the answers.

    No time passes between them for the server, however slow this process is.
    """
    peer = Peer(port)
    try:
        peer.send(b"".join(requests))
        return [peer.response() for _ in requests]
    finally:
        peer.close()
