"""What ``twistd sockjs`` writes: its log, as text and as JSON, the access log, and rotation."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import sys
import sysconfig
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.peer import Peer, hold, request, together
from ..support.raw import PATIENCE
from ..support.running import Server, ended, running
from ..support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
APP = """
import json
from txsockjs import SockJSConnection
from twisted.logger import Logger

log = Logger()


class App(SockJSConnection):
    def on_open(self, info):
        log.info("opened {name}", name=self.session.session_id)

    def on_message(self, message):
        if message == "fail":
            raise RuntimeError("first line\\nsecond line")
        if message.startswith("print "):
            print(message[6:])
        elif message.startswith("close "):
            self.close(4000, message[6:])
        else:
            self.send(message)
"""
LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")
WAYS = pytest.mark.parametrize("workers", [1, 2])


def command(folder: pathlib.Path, *options: str, of_twistd: tuple[str, ...] = ()) -> list[str]:
    (folder / "some_app.py").write_text(APP)
    # Or a stop would wait for clients that never come for their close frame.
    known = ["sockjs", "--app", "some_app.App", *LISTEN, "--disconnect-delay", "0.1"]
    return [TWISTD, "-n", "--pidfile=", *of_twistd, *known, *options]


@contextlib.contextmanager
def serving(
    folder: pathlib.Path, *options: str, workers: int = 1, of_twistd: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Run a server that logs to its standard output, until the block ends."""
    several = ["--workers", str(workers)] if workers > 1 else []
    arguments = command(folder, *options, *several, of_twistd=of_twistd)
    with running(*arguments, cwd=str(folder)) as server:
        for number in range(1, workers + 1 if several else 1):
            wait_until(lambda number=number: f"worker {number} serves" in server.output, server)
        yield server


@contextlib.contextmanager
def logging_to(
    log: pathlib.Path, *options: str, workers: int = 1, of_twistd: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Run a server that logs to a file, until the block ends."""
    several = ["--workers", str(workers)] if workers > 1 else []
    of_twistd = ("--logfile", str(log), *of_twistd)
    arguments = command(log.parent, *options, *several, of_twistd=of_twistd)
    server = Server([sys.executable, *arguments], str(log.parent))
    try:
        said = wait_until(
            lambda: re.search(r"serving .*? at (http://[^;\s]+)", text_of(log)), server
        )
        server.url = said[1]
        yield server
    finally:
        server.stop()


def session(server: Server, name: str, *messages: str, told: bytes = b"", **headers: str) -> None:
    """Open a session, send messages, and let a poll be told what is given."""
    base = f"/000/{name}"
    poll = request("POST", f"{base}/xhr", headers)
    requests, wanted = [poll], [(200, b"o\n")]
    if messages:
        requests.append(request("POST", f"{base}/xhr_send", body=json.dumps(messages)))
        wanted.append((204, b""))
    if told:
        requests.append(poll)
        wanted.append((200, told))
    # In one packet: between two, the session's time could be over.
    answers = together(server.port, *requests)
    assert [(answer.status, answer.body) for answer in answers] == wanted


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def text_of(path: pathlib.Path) -> str:
    return path.read_text() if path.exists() else ""


def lines_of(path: pathlib.Path) -> list[str]:
    return text_of(path).splitlines()


def ids(lines: list[str]) -> list[str]:
    """Return the session ids of lines of an access log as text."""
    return [str(json.loads(line.rpartition(" ")[2])) for line in lines]


# -- the log


@WAYS
def test_as_json_every_line_is_an_object(tmp_path: pathlib.Path, workers: int) -> None:
    with serving(tmp_path, "--log-format", "json", workers=workers) as server:
        forged = json.dumps({"time": 0, "level": "critical", "namespace": "x", "text": "forged"})
        session(server, "one", f"print {forged}", "fail")
        wait_until(lambda: "second line" in server.output, server)
    lines = objects(server.output)
    for line in lines:
        extra = set(line) - {"time", "level", "namespace", "text"}
        assert extra <= {"failure", "worker"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (opened,) = [line for line in lines if line["text"] == "opened one"]
    assert (opened["level"], opened["namespace"]) == ("info", "some_app")
    (failed,) = [line for line in lines if "failure" in line]
    assert failed["level"] == "critical"
    assert failed["failure"].endswith("RuntimeError: first line\nsecond line")
    (printed,) = [line for line in lines if line["text"] == forged]
    assert (printed["level"], printed["namespace"]) == ("info", "stdout")
    of_session = {line.get("worker") for line in (opened, failed, printed)}
    assert of_session <= ({None} if workers == 1 else {1, 2})
    assert len(of_session) == 1
    assert {line.get("worker") for line in lines} == ({None} if workers == 1 else {None, 1, 2})


@WAYS
def test_as_text_the_log_is_twistds(tmp_path: pathlib.Path, workers: int) -> None:
    with serving(tmp_path, workers=workers) as server:
        session(server, "one", "fail")
        wait_until(lambda: "second line" in server.output, server)
    (opened,) = re.findall(r".*opened one", server.output)
    prefix = "" if workers == 1 else r"\[worker [12]\] "
    assert re.fullmatch(rf"\S+ \[some_app#info\] {prefix}opened one", opened)
    assert "\n\tbuiltins.RuntimeError: first line\n\tsecond line\n" in server.output


def test_a_logger_that_twistd_is_told_stays(tmp_path: pathlib.Path) -> None:
    (tmp_path / "own.py").write_text(
        """
from twisted.logger import formatEvent, ILogObserver
from zope.interface import implementer


@implementer(ILogObserver)
class Own:
    def __call__(self, event):
        with open("own.log", "a") as file:
            file.write(f"own: {formatEvent(event)}\\n")
"""
    )
    own = tmp_path / "own.log"
    options = ("--log-format", "json", "--access-log", "access.log")
    arguments = command(tmp_path, *options, of_twistd=("--logger", "own.Own"))
    server = Server([sys.executable, *arguments], str(tmp_path))
    try:
        found = wait_until(lambda: re.search(r"listening on (\S+)", text_of(own)), server)
        server.url = found[1]
        session(server, "one", "close bye")
        os.kill(server.pid, signal.SIGUSR1)
        (line,) = wait_until(lambda: lines_of(tmp_path / "access.log"), server)
    finally:
        server.stop()
    assert json.loads(line)["reason"] == "bye"
    assert all(line.startswith("own: ") for line in lines_of(own))
    assert server.output == ""


@WAYS
def test_at_its_start_it_says_once_what_it_serves(tmp_path: pathlib.Path, workers: int) -> None:
    options = ("--max-sessions", "5000", "--admin", "tcp:0:interface=127.0.0.1")
    limited = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512));"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    several = ["--workers", str(workers)] if workers > 1 else []
    arguments = command(tmp_path, *options, *several)
    with running("-c", limited, *arguments, cwd=str(tmp_path)) as server:
        wait_until(
            lambda: "file descriptors, and each websocket takes one" in server.output, server
        )
    (line,) = re.findall(r"serving .*", server.output)
    of_workers = "" if workers == 1 else r"2 workers, the limits are those of each; "
    assert re.fullmatch(
        r"serving / \(some_app\.App, max_sessions 5000\) at http://127\.0\.0\.1:\d+; "
        rf"admin at http://127\.0\.0\.1:\d+; {of_workers}512 file descriptors",
        line,
    )
    (warning,) = re.findall(r"#warn\] (.*)", server.output)
    assert warning.startswith("a process may have 512 file descriptors, and each websocket ")
    assert "more than 5000 " in warning


# -- the access log


@WAYS
def test_each_session_is_a_line_of_the_access_log(tmp_path: pathlib.Path, workers: int) -> None:
    path = tmp_path / "access.log"
    with serving(tmp_path, "--access-log", "access.log", workers=workers) as server:
        for number in range(20):
            session(server, f"s{number}", "hello", "close bye", Origin="https://app.example")
        wait_until(lambda: len(lines_of(path)) == 20, server)
        stays = Peer(server.port)
        hold(stays, "/000/stays")
        server.stop()
        stays.close()
    lines = lines_of(path)
    assert Counter(ids(lines)) == Counter([*(f"s{number}" for number in range(20)), "stays"])
    for line in lines[:20]:
        assert re.fullmatch(
            r"\S+Z 127\.0\.0\.1 / xhr \"https://app\.example\" \d+\.\d+ 2 1 14 5 "
            r'application 4000 "bye" "s\d+"',
            line,
        )
    assert re.search(r' - \d+\.\d+ 0 0 0 0 shutdown 1012 "Service restart" "stays"$', lines[20])


@WAYS
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_client_can_forge_a_line(tmp_path: pathlib.Path, workers: int, log_format: str) -> None:
    path = tmp_path / "access.log"
    name = '%0A"%20%E2%80%A8%F0%9F%98%80'
    reason = '\n2026-11-26T04:00:00.500Z 1.2.3.4 / xhr "forged" \u2028\x85"'
    origin = 'https://a"\x85\xff \\" 1 2 "'
    options = ("--access-log", "access.log", "--log-format", log_format)
    with serving(tmp_path, *options, workers=workers) as server:
        session(server, name, f"close {reason}", Origin=origin)
        data = wait_until(lambda: text_of(path), server)
    assert data.isascii()
    (line,) = data.splitlines()
    assert line.isprintable()
    if log_format == "json":
        said = json.loads(line)
        found = [said["origin"], said["reason"], said["id"]]
        assert said["cause"] == "application"
    else:
        decoder, found = json.JSONDecoder(), []
        for start in (line.index('"'), line.index(' 4000 "') + 6):
            value, end = decoder.raw_decode(line, start)
            found.append(value)
        value, after = decoder.raw_decode(line, end + 1)
        found.append(value)
        assert after == len(line)
    assert found == [origin, reason, urllib.parse.unquote(name)]


@WAYS
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_dash_is_the_standard_output(
    tmp_path: pathlib.Path, workers: int, log_format: str
) -> None:
    log = tmp_path / "log"
    options = ("--access-log", "-", "--log-format", log_format)
    with logging_to(log, *options, workers=workers) as server:
        for number in range(5):
            session(server, f"s{number}", "close bye")
    lines = server.output.splitlines()
    named = ids(lines) if log_format == "text" else [json.loads(line)["id"] for line in lines]
    assert Counter(named) == Counter(f"s{number}" for number in range(5))
    assert not (tmp_path / "-").exists()


@WAYS
def test_a_disk_that_is_full_ends_nobody(tmp_path: pathlib.Path, workers: int) -> None:
    with serving(tmp_path, "--access-log", "/dev/full", workers=workers) as server:
        for number in range(10):
            session(server, f"s{number}", "close bye", told=b'c[4000,"bye"]\n')
        wait_until(lambda: "/dev/full did not take" in server.output, server)
    told = re.findall(r"/dev/full did not take (\d+) lines.*: (.*)", server.output)
    # Once while it serves, and once for the rest when it stops.
    assert len([why for _, why in told if why == "No space left on device"]) <= workers
    assert sum(int(count) for count, _ in told) == 10


def test_a_folder_that_vanishes_ends_no_worker(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "access.log"
    with serving(tmp_path, "--access-log", str(path), workers=2) as server:
        folder.rename(tmp_path / "moved")
        for pid in re.findall(r"as process (\d+)", server.output):
            os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: len(re.findall(r"worker \d serves", server.output)) == 4, server)
        session(server, "lost", "close bye")
        wait_until(lambda: "lines, which are lost: it is not open" in server.output, server)
        folder.mkdir()
        os.kill(server.pid, signal.SIGUSR1)
        number = itertools.count()
        wait_until(
            lambda: session(server, f"s{next(number)}", "close bye") or lines_of(path), server
        )


# -- rotation


class Clients:
    """Threads that open and end sessions until they are told to stop."""

    def __init__(self, server: Server, count: int = 3) -> None:
        self._server = server
        self._stop = threading.Event()
        self.names: list[str] = []
        self.failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, number: int) -> None:
        count = 0
        try:
            while not self._stop.is_set():
                name = f"c{number}n{count}"
                session(self._server, name, "close bye")
                self.names.append(name)
                count += 1
        except BaseException as error:  # noqa: BLE001
            self.failures.append(error)


@WAYS
def test_no_line_is_lost_or_doubled_when_logs_are_moved(
    tmp_path: pathlib.Path, workers: int
) -> None:
    log, access = tmp_path / "log", tmp_path / "access.log"
    log_format = ("--log-format", "json")
    with logging_to(log, "--access-log", "access.log", *log_format, workers=workers) as server:
        with Clients(server) as clients:
            for number in range(5):
                wait_until(lambda: len(lines_of(access)) > 10, server)
                access.rename(tmp_path / f"access.log-{number}")
                log.rename(tmp_path / f"log-{number}")
                os.kill(server.pid, signal.SIGUSR1)
                wait_until(lambda: lines_of(access) and lines_of(log), server)
        assert not clients.failures
    assert server.output == ""
    said = [line for path in tmp_path.glob("access.log*") for line in objects(text_of(path))]
    assert Counter(line["id"] for line in said) == Counter(clients.names)
    logged = [line for path in tmp_path.glob("log*") for line in objects(text_of(path))]
    opened = [line["text"] for line in logged if line["text"].startswith("opened ")]
    assert Counter(opened) == Counter(f"opened {name}" for name in clients.names)
    assert not [line["text"] for line in logged if line["level"] not in ("info", "debug")]


@WAYS
def test_a_log_that_is_in_its_place_is_rotated_as_by_twistd(
    tmp_path: pathlib.Path, workers: int
) -> None:
    log, access = tmp_path / "log", tmp_path / "access.log"
    with logging_to(log, "--access-log", "access.log", workers=workers) as server:
        os.kill(server.pid, signal.SIGUSR1)
        wait_until((tmp_path / "log.1").exists, server)
        session(server, "one", "close bye")
        wait_until(lambda: lines_of(access) and "opened one" in text_of(log), server)
    assert "serving " in text_of(tmp_path / "log.1")
    assert not (tmp_path / "access.log.1").exists()


@WAYS
def test_without_files_the_signal_does_nothing(tmp_path: pathlib.Path, workers: int) -> None:
    with serving(tmp_path, workers=workers) as server:
        pids = [int(pid) for pid in re.findall(r"as process (\d+)", server.output)]
        for pid in (server.pid, *pids):  # as `systemctl kill` does
            os.kill(pid, signal.SIGUSR1)
        session(server, "one", "close bye", told=b'c[4000,"bye"]\n')
    assert server.process.returncode == 0
    assert " ended: " not in server.output


# -- what is wrong


@pytest.mark.parametrize("several", [[], ["--workers", "2"]])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--log-format", "xml"], "log_format must be text or json, not 'xml'"),
        (["--access-log", ""], "access_log must be a file, or -, not ''"),
        (
            ["--access-log", "/no/such/log"],
            "cannot write the access log to /no/such/log: No such file or directory",
        ),
        (["--access-log", "/"], "cannot write the access log to /: Is a directory"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    tmp_path: pathlib.Path, several: list[str], options: list[str], words: str
) -> None:
    done = ended(tmp_path, *command(tmp_path, *options, *several))
    assert (done.returncode, done.stderr) == (1, f"sockjs: {words}\n")


def test_a_daemon_has_no_standard_output(tmp_path: pathlib.Path) -> None:
    arguments = [each for each in command(tmp_path, "--access-log", "-") if each != "-n"]
    done = ended(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (
        1,
        "sockjs: --access-log - needs twistd -n: a daemon has no output\n",
    )
