"""A session's URLs over TLS and over a UNIX socket: the same connection for all of it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.frames import frame
from ..support.kept_port import kept_port
from ..support.raw import read_chunk, read_frame, read_head, upgrade
from ..support.running import running

PATIENCE = 20

PROGRAM = """
import sys
from twisted.internet import reactor
from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService

class Echo(SockJSConnection):
    def on_message(self, message):
        if message == "end":
            self.close()
        elif message == "much":
            for _ in range(50):
                self.send("x" * 60000)
        else:
            self.send(message)

router = SockJSRouter(Echo, "/chat", send_limit=1 << 26, ping_timeout=60)
service = SockJSService(sys.argv[1:], router)
service.startService()
reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
print("listening on http://x:1", flush=True)
reactor.run()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a certificate, in which a server listens; the names of its two ends."""
    folder = tmp_path_factory.mktemp("front")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    with kept_port() as port:
        tls = f"ssl:{port}:interface=127.0.0.1:privateKey=key.pem:certKey=cert.pem"
        with running("-c", PROGRAM, tls, "unix:socket", cwd=str(folder)) as server:
            (folder / "port").write_text(str(port))
            yield folder
            assert server.process.poll() is None, server.output
    assert "Traceback" not in server.output
    assert "Unhandled" not in server.output


@pytest.fixture(params=["tls", "unix"])
def connection(folder: Path, request: Any) -> Iterator[socket.socket]:
    if request.param == "unix":
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(PATIENCE)
        plain.connect(str(folder / "socket"))
        yield plain
        plain.close()
    else:
        context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        port = int((folder / "port").read_text())
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            yield secure


def ask(method: str, path: str, body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}".encode()


def read_answer(answer: Any) -> tuple[int, bytes]:
    head = read_head(answer)
    status = int(head.split(b" ")[1])
    if b"chunked" in head:
        return status, b"".join(iter(lambda: read_chunk(answer), b""))
    _, _, length = head.lower().partition(b"content-length: ")
    return status, answer.read(int(length.split(b"\r")[0])) if length else b""


def test_polls_pipelined_and_in_pieces(connection: socket.socket, request: Any) -> None:
    base = f"/chat/000/{request.node.name}".replace("[", "_").replace("]", "_")
    poll, send = ask("POST", f"{base}/xhr"), ask("POST", f"{base}/xhr_send", '["a"]')
    answer = connection.makefile("rb")
    connection.sendall(poll + send + poll + send[:-4])
    assert [read_answer(answer) for _ in range(3)] == [
        (200, b"o\n"),
        (204, b""),
        (200, b'a["a"]\n'),
    ]
    connection.sendall(send[-4:])
    assert read_answer(answer) == (204, b"")
    much = ask("POST", f"{base}/xhr_send", '["much"]')
    connection.sendall(poll + much + poll + ask("GET", "/chat/info") + poll)
    assert read_answer(answer) == (200, b'a["a"]\n')
    assert read_answer(answer) == (204, b"")
    assert len(read_answer(answer)[1]) > 50 * 60000
    assert read_answer(answer)[0] == 200


def test_a_refusal_ends_the_connection_in_order(connection: socket.socket) -> None:
    answer = connection.makefile("rb")
    connection.sendall(ask("GET", "/chat/000/refused/websocket"))
    assert read_answer(answer)[0] == 400
    assert answer.read() == b""


@pytest.mark.parametrize("fragments", [False, True])
@pytest.mark.parametrize("who", ["server", "client", "client, oddly"])
def test_a_websocket_with_its_first_frame_and_its_end(
    connection: socket.socket, fragments: bool, who: str
) -> None:
    answer = connection.makefile("rb")
    hello = b'\x01\x84\0\0\0\0"hel' + frame(9, b"x") + b'\x80\x83\0\0\0\0lo"'
    first = hello if fragments else frame(9, b"x") + frame(1, b'"hello"')
    connection.sendall(upgrade("/chat/000/abc/websocket").replace("\n", "\r\n").encode() + first)
    assert read_head(answer).startswith(b"HTTP/1.1 101 ")
    assert [read_frame(answer) for _ in range(3)] == [(1, b"o"), (10, b"x"), (1, b'a["hello"]')]
    if who == "server":
        connection.sendall(frame(1, b'"end"'))
        assert read_frame(answer) == (1, b'c[3000,"Go away!"]')
        assert read_frame(answer) == (8, b"\x03\xe8")
    code = b"\x03\xeb" if who == "client, oddly" else b"\x03\xe8"
    connection.sendall(frame(8, code))
    if who != "server":
        assert read_frame(answer) == (8, code)
    # The deadline of the handshake, which would end it, is later than any patience here.
    assert answer.read() == b""


def test_after_a_violation_the_close_frame_is_the_last_that_comes(
    connection: socket.socket,
) -> None:
    answer = connection.makefile("rb")
    connection.sendall(upgrade("/chat/000/abc/websocket").replace("\n", "\r\n").encode())
    assert read_head(answer).startswith(b"HTTP/1.1 101 ")
    assert read_frame(answer) == (1, b"o")
    # What comes after it is read, or a reset would take the close frame with it.
    connection.sendall(b"\x81\x05hello" + b"\xff" * 300_000)
    code, payload = read_frame(answer)
    assert (code, payload[:2]) == (8, b"\x03\xea")
    assert answer.read() == b""


def test_a_flood_of_frames_is_answered_in_order(connection: socket.socket) -> None:
    answer = connection.makefile("rb")
    connection.sendall(upgrade("/chat/000/abc/websocket").replace("\n", "\r\n").encode())
    assert read_head(answer).startswith(b"HTTP/1.1 101 ")
    numbers = [str(number) for number in range(5000)]
    frames = [frame(1, b'"%b"' % number.encode()) + frame(9, b"") for number in numbers]
    connection.sendall(b"".join(frames))
    heard: list[str] = []
    pongs = 0
    assert read_frame(answer) == (1, b"o")
    while len(heard) < 5000 or pongs < 5000:
        opcode, payload = read_frame(answer)
        if opcode == 1:
            heard += json.loads(payload[1:])
        else:
            pongs += 1
    assert heard == numbers
