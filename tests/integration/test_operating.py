"""What whoever operates ``twistd sockjs`` sees: a start that waits, a drain, and two pages."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from ..support.raw import PATIENCE
from ..support.running import Server, ended, running
from ..support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
APP = """
import os
from twisted.internet import reactor, task
from txsockjs import SockJSConnection


class App(SockJSConnection):
    @classmethod
    async def on_start(cls, router):
        while os.path.exists("wait"):
            await task.deferLater(reactor, 0.02)
        if os.path.exists("fail"):
            raise RuntimeError("the pool is empty")
        print("started", router.prefix or "/")

    @classmethod
    async def on_stop(cls, router):
        await task.deferLater(reactor, 0)
        print("stopped")

    def on_close(self):
        print("closed with", self.close_reason)
"""

# For sessions whose clients, as slow as this process may be, are told of the end.
PATIENT = ("--disconnect-delay", "60")


def command(*options: str) -> list[str]:
    listen = ["--listen", "tcp:0:interface=127.0.0.1", "--admin", "tcp:0:interface=127.0.0.1"]
    return [TWISTD, "-n", "--pidfile=", "sockjs", "--app", "some_app.App", *listen, *options]


@contextlib.contextmanager
def serving(folder: pathlib.Path, *options: str) -> Iterator[Server]:
    (folder / "some_app.py").write_text(APP)
    with running(*command(*options), cwd=str(folder)) as server:
        wait_until(lambda: server.output.count("listening on") >= 2, server)
        yield server


def ask(url: str, method: str = "GET", patience: float = PATIENCE) -> tuple[int, bytes]:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=patience) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def urls(server: Server) -> list[str]:
    """Return the URLs it listens on: the sessions' and the admin's."""
    return re.findall(r"listening on (http://\S+)", server.output)[:2]


def test_nobody_is_accepted_before_on_start_is_done_and_it_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "wait").touch()
    with serving(tmp_path) as server:
        sessions, admin = urls(server)
        assert ask(f"{admin}/health") == (200, b"alive\n")
        assert ask(f"{admin}/ready") == (503, b"starting\n")
        port = int(sessions.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as early:
            early.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            early.settimeout(0.3)
            with pytest.raises(socket.timeout):
                early.recv(1)
            (tmp_path / "wait").unlink()
            early.settimeout(PATIENCE)
            assert early.recv(12) == b"HTTP/1.1 200"
        assert ask(f"{admin}/ready") == (200, b"ready\n")
        wait_until(lambda: "started /" in server.output, server)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_on_start_that_fails_ends_the_start_with_its_words(
    tmp_path: pathlib.Path, workers: str
) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    (tmp_path / "fail").touch()
    done = ended(tmp_path, *command())
    assert done.returncode == 1
    assert done.stderr == "sockjs: on_start failed: RuntimeError: the pool is empty\n"


def test_a_drain_ends_sessions_and_then_what_they_shared(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, "--drain", "6", *PATIENT) as server:
        sessions, admin = urls(server)
        for number in range(3):
            assert ask(f"{sessions}/000/s{number}/xhr", "POST") == (200, b"o\n")
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: "shutting down" in server.output, server)
        wait_until(lambda: ask(f"{admin}/ready") == (503, b"draining\n"), server)
        assert ask(f"{admin}/health") == (200, b"alive\n")
        assert ask(f"{sessions}/000/new/xhr", "POST")[0] == 503
        # Each waits for its turn.
        for number in range(3):
            answer = ask(f"{sessions}/000/s{number}/xhr", "POST")
            assert answer == (200, b'c[1012,"Service restart"]\n')
        assert server.process.wait(PATIENCE) == 0
        wait_until(lambda: "stopped" in server.output, server)
        assert server.output.rindex("closed with") < server.output.index("stopped")


def test_a_second_sigterm_ends_a_drain_at_once(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, "--drain", "3600", *PATIENT) as server:
        sessions, _ = urls(server)
        for number in range(3):
            ask(f"{sessions}/000/s{number}/xhr", "POST")
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: "shutting down" in server.output, server)
        os.kill(server.pid, signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        wait_until(lambda: "stopping at once" in server.output, server)
        assert server.output.count("closed with (1012, 'Service restart')") == 3


def test_a_second_interrupt_ends_a_drain_at_once(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, "--drain", "3600", *PATIENT) as server:
        sessions, admin = urls(server)
        ask(f"{sessions}/000/s/xhr", "POST")
        os.kill(server.pid, signal.SIGINT)
        wait_until(lambda: ask(f"{admin}/ready") == (503, b"draining\n"), server)
        os.kill(server.pid, signal.SIGINT)
        assert server.process.wait(PATIENCE) == -signal.SIGINT  # as twistd ends after one
        wait_until(lambda: "closed with (1012, 'Service restart')" in server.output, server)


def test_a_start_that_waits_can_be_stopped(tmp_path: pathlib.Path) -> None:
    (tmp_path / "wait").touch()
    with serving(tmp_path) as server:
        os.kill(server.pid, signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert "stopped" not in server.output  # it was not started
        assert "failed" not in server.output


def test_the_parent_of_workers_says_whether_they_are_ready(tmp_path: pathlib.Path) -> None:
    (tmp_path / "wait").touch()
    (tmp_path / "some_app.py").write_text(APP)
    with running(*command("--workers", "2"), cwd=str(tmp_path)) as server:
        admin = server.url  # the parent's line comes first
        assert ask(f"{admin}/ready") == (503, b"worker 1: away; worker 2: away\n")
        assert ask(f"{admin}/health") == (200, b"alive\n")
        (tmp_path / "wait").unlink()
        wait_until(lambda: ask(f"{admin}/ready") == (200, b"2 ready\n"), server)


def test_workers_that_drain_tell_all_their_clients(tmp_path: pathlib.Path) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    with running(*command("--workers", "2", "--drain", "1", *PATIENT), cwd=str(tmp_path)) as server:
        admin = server.url
        wait_until(lambda: ask(f"{admin}/ready") == (200, b"2 ready\n"), server)
        listening = set(re.findall(r"listening on (http://\S+)", server.output))
        (sessions,) = listening - {admin}  # each worker tells it
        for number in range(8):
            assert ask(f"{sessions}/000/s{number}/xhr", "POST") == (200, b"o\n")
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: ask(f"{admin}/ready") == (503, b"stopping\n"), server)
        for number in range(8):
            answer = ask(f"{sessions}/000/s{number}/xhr", "POST")
            assert answer == (200, b'c[1012,"Service restart"]\n'), server.output
        assert server.process.wait(PATIENCE) == 0
        assert server.output.count("closed with (1012, 'Service restart')") == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--drain", "-1"], "drain must be > 0 seconds, or 0, not -1"),
        (["--drain", "soon"], "drain must be > 0 seconds, or 0, not 'soon'"),
        (["--admin", "nonsense"], "cannot listen on 'nonsense'"),
        (["--shutdown-code", "1006"], "shutdown_code must be a close code in 1000..4999"),
    ],
)
def test_wrong_options_are_told_in_one_line(
    tmp_path: pathlib.Path, options: list[str], words: str
) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    done = ended(tmp_path, *command(*options))
    assert done.returncode == 1
    assert done.stderr.startswith(f"sockjs: {words}")
    assert len(done.stderr.splitlines()) == 1
