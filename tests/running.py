"""Start a server as its own process, learn its address from its first line, and stop it.

Servers under test print ``listening on URL`` once they accept connections. Used by every test
that wants real sockets and a real process; the process is ended by its id, never by name.
"""

import contextlib
import os
import selectors
import subprocess
import sys
import time
from typing import Iterator, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MARK = "listening on "


class Server:
    """A started process and the URL it told."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rstrip("/").rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        return self.process.pid


@contextlib.contextmanager
def running(*command: str, patience: float = 60.0, cwd: Optional[str] = None) -> Iterator[Server]:
    """Run ``python command...`` until the block ends; the block gets the server."""
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    environment["PYTHONPATH"] = os.pathsep.join(
        part for part in (ROOT, environment.get("PYTHONPATH")) if part
    )
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=cwd or ROOT,
    )
    try:
        yield Server(process, _address(process, patience))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _address(process: "subprocess.Popen[str]", patience: float) -> str:
    assert process.stdout is not None
    said = []
    deadline = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                break
            line = process.stdout.readline()
            if not line:
                break
            said.append(line)
            if MARK in line:
                return line.split(MARK, 1)[1].split()[0]
    raise AssertionError("the server did not start:\n" + "".join(said))
