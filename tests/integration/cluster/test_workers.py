"""``twistd sockjs --workers``: real processes, how they serve together and how they end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator

import pytest

from ...support.raw import PATIENCE
from ...support.redis_server import redis_server
from ...support.running import ROOT, Server, running
from ...support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
APP = """
import os
from txsockjs import SockJSConnection


class App(SockJSConnection):
    def on_open(self, info):
        self.send(str(os.getpid()))

    def on_message(self, message):
        if message == "print":
            print("printed by the application")
        self.send(message)

    def on_close(self):
        print("closed with", self.close_reason)
"""


@contextlib.contextmanager
def serving(folder: pathlib.Path, *options: str, count: int = 2) -> Iterator[Server]:
    """Run workers until the block ends; the block gets them once all serve."""
    (folder / "some_app.py").write_text(APP)
    # Long enough for a client that is held up between two polls; a stop waits for it as long.
    brief = ["--disconnect-delay", "6"]
    arguments = ["sockjs", "--app", "some_app.App", "--workers", str(count), *brief]
    if "--listen" not in options:
        arguments += ["--listen", "tcp:0:interface=127.0.0.1"]
    command = [TWISTD, "-n", "--pidfile=", *arguments, *options]
    with running(*command, cwd=str(folder)) as server:
        wait_until(lambda: len(workers(server)) == count, server)
        yield server
        for _ in range(2):  # no test waits here for clients that come for their close frame
            if server.process.poll() is None:
                server.process.terminate()


def workers(server: Server) -> dict[int, int]:
    """Return the process of each worker that serves, by number."""
    found = re.findall(r"worker (\d+) serves, as process (\d+)", server.output)
    return {int(number): int(pid) for number, pid in found}


def post(server: Server, session: str, name: str = "xhr", body: bytes = b"") -> bytes:
    """Send a request on a connection of its own."""
    request = urllib.request.Request(f"{server.url}/000/{session}/{name}", body, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        got: bytes = answer.read()
        return got


def owner(server: Server, session: str) -> int:
    """Open a session and return the process that it lives in."""
    assert post(server, session) == b"o\n"
    return int(re.findall(rb"\d+", post(server, session))[0])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("workers")) as server:
        yield server


def test_connections_are_spread_and_sessions_found_wherever_requests_come(server: Server) -> None:
    owners = set()
    for number in range(20):
        session = f"spread{number}"
        owners.add(owner(server, session))
        for message in (b"one", b"two"):
            post(server, session, "xhr_send", b'["' + message + b'"]')
            assert post(server, session) == b'a["' + message + b'"]\n'
    assert owners == set(workers(server).values())


def test_every_line_of_the_log_says_its_worker(server: Server) -> None:
    pid = owner(server, "printing")
    (number,) = [each for each, process in workers(server).items() if process == pid]
    post(server, "printing", "xhr_send", b'["print"]')
    wait_until(lambda: f"[worker {number}] printed by the application" in server.output, server)


def test_a_worker_that_is_killed_is_started_again_and_its_sessions_end(
    tmp_path: pathlib.Path,
) -> None:
    with serving(tmp_path) as server:
        before = workers(server)
        pid = owner(server, "victim")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: set(workers(server).values()) - set(before.values()), server)
        assert post(server, "victim") == b'c[1001,"Node gone"]\n'
        for number in range(10):
            owner(server, f"after{number}")


def test_on_sighup_all_are_replaced_and_what_is_sent_meanwhile_is_served(
    tmp_path: pathlib.Path,
) -> None:
    with serving(tmp_path, "--disconnect-delay", "2") as server:  # for those that never come back
        before = set(workers(server).values())
        (tmp_path / "some_app.py").write_text(APP.replace("str(os.getpid())", "'new code'"))
        os.kill(server.pid, signal.SIGHUP)
        number = 0
        while "all workers were replaced" not in server.output:
            number += 1
            assert post(server, f"meanwhile{number}") == b"o\n"
        assert not before & set(workers(server).values())
        wait_until(lambda: not any(alive(pid) for pid in before), server)
        wait_until(lambda: post(server, "after") == b'a["new code"]\n', server)


def test_on_sighup_with_broken_code_nothing_changes(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        before = workers(server)
        (tmp_path / "some_app.py").write_text("this is no Python")
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: "workers are not replaced" in server.output, server)
        assert workers(server) == before
        owner(server, "still")


def test_sigterm_ends_all_in_order(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        pids = workers(server).values()
        owner(server, "open")
        assert server.stop() == 0
        assert not any(alive(pid) for pid in pids)
        assert "closed with (3000, 'Go away!')" in server.output or "1012" in server.output
        assert "Traceback" not in server.output


def test_each_worker_counts_the_sessions_that_a_client_has_there(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, "--max-sessions-per-ip", "3") as server, contextlib.ExitStack() as stack:
        owners: list[int] = []
        refused = 0
        for number in range(60):  # of which more than three come to either
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            stack.callback(connection.close)
            connection.request("POST", f"/000/s{number}/xhr_streaming")
            response = connection.getresponse()
            if response.status == 200:
                prelude, opened, first = (response.readline() for _ in range(3))
                assert (prelude.strip(b"h"), opened) == (b"\n", b"o\n")
                owners.append(int(json.loads(first[1:])[0]))
            else:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) == 6
                refused += 1
        assert sorted(owners) == sorted(list(workers(server).values()) * 3)
        assert refused == 54
        told = wait_until(
            lambda: re.findall(r"refused \d+ new sessions: (.*)", server.output), server
        )
        assert set(told) == {"max_sessions_per_ip is 3, the last one was of 127.0.0.1"}


def test_when_the_parent_dies_the_workers_stop(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        pids = list(workers(server).values())
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), server)


def test_and_so_does_one_that_is_about_to_start(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: len(children(server.pid)) > 2, server)
        pids = children(server.pid)
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), server)


def children(pid: int) -> list[int]:
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def test_workers_that_can_not_start_end_the_whole_with_their_words(tmp_path: pathlib.Path) -> None:
    code = """
import sys
from txsockjs import SockJSConnection
if "workers" in sys.argv[0]:
    raise RuntimeError("not here")
class App(SockJSConnection):
    pass
"""
    (tmp_path / "some_app.py").write_text(code)
    done = run(tmp_path, "--app", "some_app.App", "--workers", "2")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("sockjs: cannot import 'some_app.App'")
    assert "RuntimeError: not here" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "0"], "workers must be a whole number > 0, or auto, not 0"),
        (["--workers", "many"], "workers must be a whole number > 0, or auto, not 'many'"),
        (["--workers", "2", "--listen", "fd:3"], "workers can listen on tcp:"),
    ],
)
def test_wrong_options_are_told_in_one_line(
    tmp_path: pathlib.Path, options: list[str], words: str
) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sockjs: {words}")
    assert len(done.stderr.splitlines()) == 1


def run(folder: pathlib.Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run twistd to its end."""
    listen = [] if "--listen" in options else ["--listen", "tcp:0:interface=127.0.0.1"]
    return subprocess.run(
        [sys.executable, TWISTD, "-n", "--pidfile=", "sockjs", *listen, *options],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=ROOT),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,  # it starts each worker three times
        check=False,
    )


def test_a_port_that_is_taken_is_told(tmp_path: pathlib.Path, server: Server) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    listen = f"tcp:{server.port}:interface=127.0.0.1"
    done = run(tmp_path, "--app", "some_app.App", "--workers", "2", "--listen", listen)
    assert f"cannot listen on {listen}: Address already in use" in done.stderr


def test_a_unix_socket_outlives_the_workers_and_keeps_its_mode(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "sock"
    with serving(tmp_path, "--listen", f"unix:{path}:mode=600") as server:
        before = path.stat()
        assert stat.S_IMODE(before.st_mode) == 0o600
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: "all workers were replaced" in server.output, server)
        assert os.path.samestat(path.stat(), before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(str(path))
            peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert peer.recv(12) == b"HTTP/1.1 200"
        assert server.stop() == 0
        assert "Traceback" not in server.output
        assert not path.exists()


def test_a_unix_socket_is_shared_and_that_is_said(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s"
    with serving(tmp_path, "--listen", f"unix:{path}") as server:
        assert "all workers share the socket" in server.output
        asked = ["curl", "-s", "--unix-socket", str(path), "-X", "POST", "http://a/000/b/xhr"]
        got = subprocess.run(asked, capture_output=True, timeout=PATIENCE, check=True).stdout
        assert got == b"o\n"


def test_workers_may_be_nodes_of_a_cluster(tmp_path: pathlib.Path) -> None:
    with redis_server() as redis, serving(tmp_path, "--cluster", redis.url) as server:
        owners = set()
        for number in range(12):
            owners.add(owner(server, f"node{number}"))
            post(server, f"node{number}", "xhr_send", b'["hello"]')
            assert post(server, f"node{number}") == b'a["hello"]\n'
        assert owners == set(workers(server).values())
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_twist_runs_workers_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    options = ["--app", "some_app.App", "--workers", "2", "--listen", "tcp:0:interface=127.0.0.1"]
    command = ["-m", "twisted", "--log-format=text", "sockjs", *options]
    with running(*command, cwd=str(tmp_path)) as server:
        wait_until(lambda: len(workers(server)) == 2, server)
        owner(server, "a")
