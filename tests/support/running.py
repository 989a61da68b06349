"""Start a server as its own process, learn its address from its output, and stop it.

Servers under test print ``listening on URL`` once they accept connections. Used by every test
that wants real sockets and a real process; the process is ended by its id, never by name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
MARK = "listening on "


def _hear_signals() -> None:
    # Whoever runs the tests in the background may have had these ignored, which is inherited.
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class Server:
    """A running process: its pid, everything it said so far, and the first URL it told."""

    def __init__(self, command: list[str], cwd: str | None, pass_fds: Sequence[int] = ()) -> None:
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (ROOT, environment.get("PYTHONPATH")) if part
        )
        self.url = ""
        self.said: list[str] = []
        self._told = threading.Event()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=cwd or ROOT,
            pass_fds=pass_fds,
            preexec_fn=_hear_signals,  # noqa: PLW1509  # before any thread runs there
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # Reading to the end keeps a talkative server from blocking on a full pipe.
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if MARK in line and not self.url:
                # In a log of JSON, a quote follows.
                self.url = line.split(MARK, 1)[1].split()[0].partition('"')[0].rstrip("/")
                self._told.set()
        self._told.set()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def pids(self) -> list[int]:
        return [self.pid]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def output(self) -> str:
        return "".join(self.said)

    def wait_until_listening(self, patience: float) -> None:
        self._told.wait(patience)
        if not self.url:
            raise AssertionError("the server did not start:\n" + self.output)

    def stop(self) -> int:
        """End the process (SIGTERM, then SIGKILL) and give its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.returncode


@contextlib.contextmanager
def running(
    *command: str,
    patience: float = 60.0,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Server]:
    """Run ``python command...`` until the block ends; the block gets the listening server."""
    server = Server([sys.executable, *command], cwd, pass_fds)
    try:
        server.wait_until_listening(patience)
        yield server
    finally:
        server.stop()


def ended(folder: str | os.PathLike[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with this package in a folder, until it ends by itself."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=ROOT),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
