"""``twistd sockjs --reload``: real processes, which start anew as their files change."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sysconfig
from collections.abc import Iterator

import pytest

from ..support.peer import request, together
from ..support.running import Server, ended, running
from ..support.waiting import wait_until
from .cluster.test_workers import post

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
ANY_PORT = "tcp:0:interface=127.0.0.1"
CHAT = """
from txsockjs import SockJSConnection
from words import GREETING


class Chat(SockJSConnection):
    def on_open(self, info):
        self.send(GREETING)
"""


@pytest.fixture
def project(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "chat.py").write_text(CHAT)
    (tmp_path / "words.py").write_text("GREETING = 'hi'\n")
    return tmp_path


@contextlib.contextmanager
def reloading(project: pathlib.Path, *options: str) -> Iterator[Server]:
    arguments = ["sockjs", "--reload", "--listen", ANY_PORT, "--disconnect-delay", "2", *options]
    with running(TWISTD, "-n", "--pidfile=", *arguments, cwd=str(project)) as server:
        wait_until(lambda: "worker 1 serves" in server.output, server)
        yield server


def greeting(server: Server, session: str) -> bytes:
    # In one packet: between two, the session's time could be over.
    poll = request("POST", f"/000/{session}/xhr")
    opened, greeted = together(server.port, poll, poll)
    assert opened.body == b"o\n"
    return greeted.body


@pytest.mark.parametrize("means", ["watchfiles", "polling"])
def test_a_change_is_served_and_whoever_was_there_is_told_to_come_back(
    project: pathlib.Path, means: str
) -> None:
    if means == "watchfiles":
        pytest.importorskip("watchfiles")
    else:
        (project / "watchfiles.py").write_text("raise ImportError('as if it was not installed')")
    with reloading(project, "--app", "chat.Chat") as server:
        assert greeting(server, "before") == b'a["hi"]\n'
        (project / "words.py").write_text("GREETING = 'hello'\n")
        session = 0
        while "the new code serves" not in server.output:
            session += 1
            assert post(server, f"meanwhile{session}") == b"o\n"  # nobody is refused
        assert "words.py changed: starting anew" in server.output
        assert greeting(server, "after") == b'a["hello"]\n'
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_code_with_an_error_is_shown_and_the_next_change_tried(project: pathlib.Path) -> None:
    with reloading(project, "--app", "chat.Chat") as server:
        (project / "words.py").write_text("GREETING = \n")
        wait_until(lambda: "the new code does not start" in server.output, server)
        assert "so the old one serves: cannot import 'chat.Chat': SyntaxError" in server.output
        assert greeting(server, "old") == b'a["hi"]\n'
        (project / "words.py").write_text("GREETING = 'welcome'\n")
        wait_until(lambda: "the new code serves" in server.output, server)
        assert greeting(server, "new") == b'a["welcome"]\n'


def test_the_file_of_the_options_is_looked_at_too(project: pathlib.Path) -> None:
    settings = '[[mount]]\napp = "chat.Chat"\nsettings = {{ jsessionid = {} }}\n'
    (project / "sockjs.toml").write_text(settings.format("false"))
    with reloading(project, "--config", "sockjs.toml") as server:
        (project / "sockjs.toml").write_text(settings.format("'perhaps'"))
        wait_until(lambda: "the new code does not start" in server.output, server)
        assert "sockjs.toml: jsessionid must be" in server.output
        (project / "sockjs.toml").write_text("listen = 'tcp:1'\n" + settings.format("true"))
        wait_until(lambda: "the new code serves" in server.output, server)


def test_a_server_that_never_started_does_so_after_a_change(project: pathlib.Path) -> None:
    words = project / "words.py"
    words.write_text("GREETING = 'hi'\nraise OSError('no database')\n")
    (project / "chat.py").write_text(
        CHAT.replace("from words import GREETING", "")
        + "\n    @classmethod\n    def on_start(cls, router):\n"
        "        global GREETING\n        from words import GREETING\n"
    )
    arguments = ["sockjs", "--reload", "--listen", ANY_PORT, "--app", "chat.Chat"]
    with running(TWISTD, "-n", "--pidfile=", *arguments, cwd=str(project)) as server:
        wait_until(lambda: "waiting for a change" in server.output, server)
        assert "it does not start: sockjs: on_start failed: OSError: no database" in server.output
        words.write_text("GREETING = 'hi'\n")
        wait_until(lambda: "worker 1 serves" in server.output, server)
        assert greeting(server, "last") == b'a["hi"]\n'


@pytest.mark.parametrize(
    ("options", "arguments", "line"),
    [
        ("-n", ["--app", "chat.Chat", "-w2"], "--reload is for one process, and not for 2"),
        ("-n", [], "--reload looks for changes of an application: there is none"),
        ("-o", ["--app", "chat.Chat"], "--reload is for development: give twistd --nodaemon, too"),
    ],
)
def test_what_it_is_not_for_is_told_in_a_line(
    project: pathlib.Path, options: str, arguments: list[str], line: str
) -> None:
    told = ended(project, TWISTD, options, "--pidfile=", "sockjs", "--reload", *arguments)
    assert told.stderr == f"sockjs: {line}\n"
    assert told.returncode == 1
