"""A port for a program that can't be told to choose one, or for nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """Give a port that the system gives to nobody else; connections to it are refused.

    Whoever asks for it by its number, with ``SO_REUSEADDR`` as servers do, may listen on it.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]
