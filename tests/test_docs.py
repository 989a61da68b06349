"""The documentation: its code runs, its commands are understood, and it does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from .docs import DOCS, PAGES, Reader, found
from .memory import Connection, Lab
from .needed import program
from .running import running

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
ORIGIN = "https://www.example.com"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_can_be_done(reader: Reader, page: str) -> None:
    tests = [name for name in reader.read(page) if name.startswith("test_")]
    for name in tests:
        reader.names[name]()


def test_the_pages_are_found() -> None:
    assert {"index.md", "tutorial.md", "howto/authenticate.md"} <= set(PAGES)


def test_scripts_for_the_browser_are_javascript(tmp_path: Path) -> None:
    scripts = []
    for page in PAGES:
        for language, code in found(page):
            if language == "html":
                scripts += re.findall(r"<script>(.*?)</script>", code, re.DOTALL)
            elif language == "js":
                scripts.append(code)
    assert len(scripts) >= 5
    node = program("node")
    for number, script in enumerate(scripts):
        path = tmp_path / f"{number}.js"
        path.write_text(script, encoding="utf-8")
        subprocess.run([node, "--check", path], check=True)


def test_the_reference_lists_the_public_names() -> None:
    import txsockjs  # noqa: PLC0415

    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    listed = {name.rpartition(".")[2] for name in re.findall(r":: (txsockjs\.[\w.]+)$", text, re.M)}
    assert set(txsockjs.__all__) - {"__version__"} <= listed


# -- applications of the pages, on a clock


class Person:
    """Someone at a browser: ``heard`` is what they were told since it was last asked for."""

    def __init__(self, lab: Lab, path: str = "/000/abc/websocket", **headers: str) -> None:
        self.connection: Connection = lab.upgrade(path, **headers)
        self._data = self.connection.take().partition(b"\r\n\r\n")[2]
        self.closed: tuple[int, str] | None = None

    def say(self, *words: Any) -> None:
        texts = [word if isinstance(word, str) else json.dumps(word) for word in words]
        data = json.dumps(texts).encode()
        for start in range(0, len(data), 100):
            self._frame(data[start : start + 100], start == 0, start + 100 >= len(data))

    def _frame(self, part: bytes, first: bool, last: bool) -> None:
        head = bytes((0x80 * last | first, 0x80 | len(part))) + b"\0\0\0\0"
        self.connection.send(head + part)

    @property
    def heard(self) -> list[str]:
        data, self._data = self._data + self.connection.take(), b""
        messages: list[str] = []
        while data:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            frame, opcode = data[start : start + size], data[0] & 15
            if opcode == 1 and frame[:1] == b"a":
                messages += json.loads(frame[1:])
            elif opcode == 1 and frame[:1] == b"c":
                self.closed = tuple(json.loads(frame[1:]))
            data = data[start + size :]
        return messages


class Stage:
    """An application that a page makes, served on a clock."""

    def __init__(self, names: dict[str, Any], connection: str, **settings: Any) -> None:
        self.lab = Lab(names[connection], **settings)
        names["reactor"] = self.lab.clock
        self.people: list[Person] = []

    def person(self, path: str = "/000/abc/websocket", **headers: str) -> Person:
        self.people.append(Person(self.lab, path, **headers))
        return self.people[-1]

    def end(self) -> None:
        for person in self.people:
            if person.connection.is_open:
                person.connection.vanish()
        self.lab.settle()


@pytest.fixture
def staged(reader: Reader) -> Iterator[Any]:
    """Give what a page's application is when so many of its blocks were read."""
    stages: list[Stage] = []

    def stage(page: str, connection: str, blocks: int | None = None, **settings: Any) -> Stage:
        stages.append(Stage(reader.read(page, blocks), connection, **settings))
        return stages[-1]

    yield stage
    for each in stages:
        each.end()


def test_in_the_tutorial_everyone_hears_everyone(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 1)
    ann, bob = chat.person(), chat.person()
    ann.say("hello")
    assert ann.heard == bob.heard == ["hello"]


def test_then_it_has_rooms(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 2)
    ann, bob, eve = chat.person(), chat.person(), chat.person()
    ann.say({"room": "tea"})
    bob.say({"room": "tea"})
    eve.say({"room": "coffee"})
    ann.say({"text": "hello"})
    assert ann.heard == bob.heard == ["hello"]
    assert eve.heard == []
    lost, odd = chat.person(), chat.person()
    lost.say({"room": "attic"})
    odd.say("no JSON")
    assert lost.heard == odd.heard == []
    assert lost.closed == (4004, "No such room")
    assert odd.closed == (4000, "A message must be a JSON object")


def test_then_it_has_a_history(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 4)
    ann = chat.person()
    ann.say({"room": "tea"}, *({"text": f"line {n}"} for n in range(60)))
    late = chat.person()
    late.say({"room": "tea"})
    assert late.heard == [f"line {n}" for n in range(10, 60)]
    late.say({"text": "hello"})
    assert late.heard == ["hello"]


def test_then_it_is_for_members(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat")
    ann, bob = chat.person(), chat.person()
    ann.say({"token": "a-long-random-string", "room": "tea"}, {"text": "hello"})
    bob.say({"token": "another-long-random-string", "room": "tea"})
    assert ann.heard == bob.heard == ["Ann: hello"]
    thief, silent = chat.person(), chat.person()
    thief.say({"token": "guessed", "room": "tea"})
    assert thief.heard == []
    assert thief.closed == (4003, "Unknown token")
    chat.lab.pass_time(6)
    assert silent.heard == []
    assert silent.closed == (4001, "Too late")
    assert bob.connection.is_open and bob.heard == []


def test_the_tutorials_whole_page_and_command_go_together(reader: Reader) -> None:
    reader.read("tutorial.md")
    first, last = reader.plans
    assert [mount.prefix for mount in last.mounts] == ["/chat"]
    assert last.static == first.static == str(reader.folder / "public")
    assert last.settings["max_message_size"] == 2000
    page = (reader.folder / "public" / "index.html").read_text(encoding="utf-8")
    assert 'new SockJS("/chat")' in page


# -- authentication


def test_authentication_by_the_first_message(staged: Any) -> None:
    members = staged("howto/authenticate.md", "ByMessage", 1)
    ann, thief, silent = members.person(), members.person(), members.person()
    ann.say("a-long-random-string", "hello")
    assert ann.heard == ["welcome, Ann", "Ann said hello"]
    thief.say("guessed")
    assert thief.heard == []
    assert thief.closed == (4003, "Unknown token")
    members.lab.pass_time(6)
    assert silent.heard == []
    assert silent.closed == (4001, "Too late")
    assert ann.connection.is_open


def test_authentication_by_the_query(staged: Any, reader: Reader) -> None:
    members = staged("howto/authenticate.md", "ByQuery", 2)
    clock = Clock()
    clock.advance(1e9)
    reader.names["time"] = type("Time", (), {"time": clock.seconds})
    token = reader.names["make_token"]("Ann: A")
    quoted = token.replace(" ", "%20").replace(":", "%3A")
    path = "/000/abc/websocket?token="
    assert members.person(path + quoted).heard == ["welcome, Ann: A"]
    clock.advance(59)
    assert members.person(path + quoted).heard == ["welcome, Ann: A"]
    clock.advance(1)
    for wrong in (quoted, quoted[:-1], quoted.replace("Ann", "Bob"), "%ff", ""):
        thief = members.person(path + wrong)
        assert thief.heard == []
        assert thief.closed == (4003, "Token is wrong or too old")


def test_the_query_is_that_of_any_transport(staged: Any, reader: Reader) -> None:
    members = staged("howto/authenticate.md", "ByQuery", 2)
    token = reader.names["make_token"]("Ann").replace(":", "%3A")
    poll = f"/000/def/xhr?token={token}"
    assert members.lab.xhr(poll).body == b"o\n"
    assert members.lab.xhr(poll).body == b'a["welcome, Ann"]\n'


def test_authentication_by_cookie(staged: Any, reader: Reader) -> None:
    reader.read("howto/authenticate.md")
    settings = reader.names["router"].settings
    assert settings.allowed_origins == {ORIGIN}
    assert reader.plans[0].settings["allowed_origins"] == settings.allowed_origins
    members = staged("howto/authenticate.md", "ByCookie", settings=settings)
    cookie = "session=the-value-of-the-cookie"
    assert members.person(Origin=ORIGIN, Cookie=cookie).heard == ["welcome, Ann"]
    for headers in ({"Origin": ORIGIN}, {"Cookie": cookie}, {}):
        stranger = members.person(**headers)
        assert stranger.heard == []
        assert stranger.closed == (4003, "Log in first")
    for path in ("/000/abc/xhr", "/000/abc/xhr_streaming"):
        assert members.lab.xhr(path, Origin="https://evil.example", Cookie=cookie).status == 403
    refused = members.lab.upgrade(Origin="https://evil.example", Cookie=cookie)
    assert refused.status == 403


# -- deployment, with real processes


def commands(page: str, language: str, name: str) -> list[list[str]]:
    lines = [line for kind, code in found(page) if kind == language for line in code.splitlines()]
    return [
        shlex.split(line.partition("=")[2] if language == "ini" else line)
        for line in lines
        if name in line
    ]


def greeting(connected: socket.socket) -> bytes:
    connected.sendall(b"GET /chat HTTP/1.0\r\nHost: localhost\r\n\r\n")
    answer = b""
    while data := connected.recv(4096):
        answer += data
    return answer.partition(b"\r\n\r\n")[2]


def test_a_server_with_tls(reader: Reader) -> None:
    (make,) = commands("howto/tls.md", "sh", "openssl req")
    subprocess.run([program("openssl"), *make[1:]], check=True, capture_output=True)
    (command,) = commands("howto/tls.md", "sh", "twistd -n")
    command[-1] = command[-1].replace("ssl:8443", "ssl:0:interface=127.0.0.1")
    with running(TWISTD, "--pidfile=", *command[1:], cwd=str(reader.folder)) as server:
        trusting = ssl.create_default_context(cafile=reader.folder / "cert.pem")
        trusting.check_hostname = False  # the page's certificate has a common name only
        plain = socket.create_connection(("127.0.0.1", server.port), 20)
        with trusting.wrap_socket(plain) as secure:
            assert greeting(secure) == b"Welcome to SockJS!\n"


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="chat.socket")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_socket_of_systemds(reader: Reader) -> None:
    (command,) = commands("howto/systemd.md", "ini", "ExecStart=")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)  # NonBlocking=yes
        listening.set_inheritable(True)
        with socket.create_connection(listening.getsockname(), 20) as early:
            # `running` gives it no descriptor of ours: systemd's part is played by a process.
            process = subprocess.Popen(
                [sys.executable, "-c", ACTIVATE, str(listening.fileno()), TWISTD, *command[1:]],
                pass_fds=[listening.fileno()],
                cwd=reader.folder,
                stdout=subprocess.DEVNULL,
            )
            try:
                assert greeting(early) == b"Welcome to SockJS!\n"
            finally:
                process.terminate()
                assert process.wait(20) == 0
