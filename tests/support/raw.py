"""Blocking requests over real sockets, with nothing between a test and the bytes."""

import socket
import urllib.request
from contextlib import contextmanager

PATIENCE = 30


def get(url):
    """Give the body of an answer; other statuses than 200 raise `urllib.error.HTTPError`."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read()


def post(url, body=b""):
    """Post and give the body of the answer."""
    with urllib.request.urlopen(url, data=body, timeout=PATIENCE) as answer:
        return answer.read()


@contextmanager
def asked(port, request):
    """Send a request on a connection of its own; the block gets a way to send and the answer."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with sock, sock.makefile("rb") as answer:
        sock.sendall(request.replace("\n", "\r\n").encode())
        yield sock.sendall, answer


def upgrade(path):
    """Give the request that opens a websocket."""
    return (
        f"GET {path} HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\n"
        "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n"
    )


def read_head(answer):
    """Read the status line and the headers."""
    return b"".join(iter(answer.readline, b"\r\n"))


def read_chunk(answer):
    """Read one chunk of a chunked answer; the last one is empty."""
    data = answer.read(int(answer.readline(), 16))
    assert answer.readline() == b"\r\n"
    return data


def read_frame(answer):
    """Read one websocket frame of a server, of less than 64 KiB: opcode and payload."""
    first, length = answer.read(2)
    assert length < 127
    if length == 126:
        length = int.from_bytes(answer.read(2), "big")
    return first & 15, answer.read(length)
