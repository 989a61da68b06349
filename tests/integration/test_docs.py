"""The documentation: its code runs, its commands are understood, and it does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSRouter, testing
from txsockjs.cli.options import Options

from ..support.docs import DOCS, PAGES, Reader, found, options
from ..support.needed import program
from ..support.running import ended, running
from .test_readme import TEXTS

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
ORIGIN = "https://www.example.com"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


# The files of a page that goes on where the README ends are in its folder.
@pytest.mark.parametrize("page", sorted(set(PAGES) - {name[5:] for name in TEXTS}))
def test_what_a_page_says_can_be_done(reader: Reader, page: str) -> None:
    tests = [name for name in reader.read(page) if name.startswith("test_")]
    for name in tests:
        reader.names[name]()


def test_the_pages_are_found() -> None:
    assert {"index.md", "tutorial.md", "howto/authenticate.md"} <= set(PAGES)


def test_the_options_that_a_text_names_are_taken() -> None:
    named = [words for page in PAGES for words in options(page)]
    assert ["--jsessionid", "on"] in named
    for words in named:
        Options().parseOptions(words)


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
    listed = {
        name.rpartition(".")[2]
        for name in re.findall(r":: (txsockjs\.[\w.]+)(?:\(\))?$", text, re.M)
    }
    assert set(txsockjs.__all__) - {"__version__"} <= listed


# -- applications of the pages, on a clock


class Stage:
    """An application that a page makes, served on a clock."""

    def __init__(self, names: dict[str, Any], connection: str, **settings: Any) -> None:
        names["reactor"] = clock = Clock()
        self.router = SockJSRouter(names[connection], reactor=clock, **settings)

    def person(self, transport: str = "websocket", **how: Any) -> testing.Client:
        return testing.connect(self.router, transport, **how)


@pytest.fixture
def staged(reader: Reader) -> Iterator[Any]:
    """Give what a page's application is when so many of its blocks were read."""
    stages: list[Stage] = []

    def stage(page: str, connection: str, blocks: int | None = None, **settings: Any) -> Stage:
        stages.append(Stage(reader.read(page, blocks), connection, **settings))
        return stages[-1]

    yield stage
    for each in stages:
        testing.settle(each.router)


def say(person: testing.Client, **words: str) -> None:
    person.send(json.dumps(words))


def test_in_the_tutorial_everyone_hears_everyone(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 1)
    ann, bob = chat.person(), chat.person("xhr")
    ann.send("hello")
    assert ann.messages == bob.messages == ["hello"]


def test_then_it_has_rooms(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 2)
    ann, bob, eve = chat.person(), chat.person(), chat.person()
    say(ann, room="tea")
    say(bob, room="tea")
    say(eve, room="coffee")
    say(ann, text="hello")
    assert ann.messages == bob.messages == ["hello"]
    assert eve.messages == []
    lost, odd = chat.person(), chat.person()
    say(lost, room="attic")
    odd.send("no JSON")
    assert not lost.is_open and not odd.is_open
    assert lost.close_reason == (4004, "No such room")
    assert odd.close_reason == (4000, "A message must be a JSON object")


def test_then_it_has_a_history(staged: Any) -> None:
    chat = staged("tutorial.md", "Chat", 4)
    ann, late = chat.person(), chat.person()
    say(ann, room="tea")
    for number in range(60):
        say(ann, text=f"line {number}")
    say(late, room="tea")
    assert late.take() == [f"line {number}" for number in range(10, 60)]
    say(late, text="hello")
    assert late.take() == ["hello"]


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_then_it_is_for_members(staged: Any, transport: str) -> None:
    chat = staged("tutorial.md", "Chat")
    ann, bob = chat.person(transport), chat.person(transport)
    say(ann, token="a-long-random-string", room="tea")
    say(ann, text="hello")
    say(bob, token="another-long-random-string", room="tea")
    assert ann.messages == bob.messages == ["Ann: hello"]
    thief, silent = chat.person(transport), chat.person(transport)
    say(thief, token="guessed", room="tea")
    silent.advance(6)
    assert not thief.is_open and not silent.is_open
    assert thief.close_reason == (4003, "Unknown token")
    assert silent.close_reason == (4001, "Too late")
    assert bob.is_open and bob.messages == ["Ann: hello"]


def test_the_tutorials_whole_page_and_command_go_together(reader: Reader) -> None:
    reader.read("tutorial.md")
    first, last = reader.plans
    assert [mount.prefix for mount in last.mounts] == ["/chat"]
    assert last.static == first.static == str(reader.folder / "public")
    assert last.settings["max_message_size"] == 2000
    page = (reader.folder / "public" / "index.html").read_text(encoding="utf-8")
    assert 'new SockJS("/chat")' in page


# -- rooms


def test_a_lobby(staged: Any) -> None:
    lobby = staged("rooms.md", "Lobby", 1)
    ann, bob = (lobby.person(query=f"name={name}") for name in ("Ann", "Bob"))
    ann.send("hello")
    assert ann.messages == bob.messages == ["hello"]
    members: list[Any] = []
    lobby.router.room("lobby").members().addCallback(members.extend)
    assert members == [{"name": "Ann"}, {"name": "Bob"}]


def test_a_list_of_people(staged: Any) -> None:
    people = staged("rooms.md", "People", 2)
    ann = people.person(query="name=Ann")
    bob = people.person(query="name=Bob")
    bob.close()
    bob.advance(1)
    lists = [json.loads(message) for message in ann.messages]
    assert lists == [["Ann"], ["Ann"], ["Ann", "Bob"], ["Ann"]]


def test_prices_that_were_missed(staged: Any) -> None:
    prices = staged("rooms.md", "Prices", 3)
    page = prices.person()
    prices.router.rooms.gap(("", "prices"))
    assert page.messages == ["read all prices"] * 2


# -- authentication


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_authentication_by_the_first_message(staged: Any, transport: str) -> None:
    members = staged("howto/authenticate.md", "ByMessage", 1)
    ann, thief, silent = (members.person(transport) for _ in range(3))
    ann.send("a-long-random-string", "hello")
    assert ann.messages == ["welcome, Ann", "Ann said hello"]
    thief.send("guessed")
    silent.advance(6)
    assert thief.messages == silent.messages == []
    assert thief.close_reason == (4003, "Unknown token")
    assert silent.close_reason == (4001, "Too late")
    assert ann.is_open


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_authentication_by_the_query(staged: Any, reader: Reader, transport: str) -> None:
    members = staged("howto/authenticate.md", "ByQuery", 2)
    clock = Clock()
    clock.advance(1e9)
    reader.names["time"] = type("Time", (), {"time": clock.seconds})
    query = "token=" + quote(reader.names["make_token"]("Ann: A"))
    assert members.person(transport, query=query).messages == ["welcome, Ann: A"]
    clock.advance(59)
    assert members.person(transport, query=query).messages == ["welcome, Ann: A"]
    clock.advance(1)
    for wrong in (query, query[:-1], query.replace("Ann", "Bob"), "token=%ff", ""):
        thief = members.person(transport, query=wrong)
        assert thief.messages == []
        assert thief.close_reason == (4003, "Token is wrong or too old")


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_authentication_by_cookie(staged: Any, reader: Reader, transport: str) -> None:
    reader.read("howto/authenticate.md")
    settings = reader.names["router"].settings
    assert settings.allowed_origins == {ORIGIN}
    assert reader.plans[0].settings["allowed_origins"] == settings.allowed_origins
    members = staged("howto/authenticate.md", "ByCookie", settings=settings)
    cookie = {"Cookie": "session=the-value-of-the-cookie"}
    ann = members.person(transport, headers={"Origin": ORIGIN, **cookie})
    assert ann.messages == ["welcome, Ann"]
    for headers in ({"Origin": ORIGIN}, cookie, {}):
        stranger = members.person(transport, headers=headers)
        assert stranger.messages == []
        assert stranger.close_reason == (4003, "Log in first")
    with pytest.raises(testing.BadAnswer, match="403"):
        members.person(transport, headers={"Origin": "https://evil.example", **cookie})


# -- beside a program that is not Twisted's

# What such a program does: views are called in its threads, and then its main thread ends. The end
# comes while a browser polls.
FLASK = """
import threading, urllib.request
import live, views
from txsockjs.errors import WrongThread

(port,) = live.service.ports.open_ports
url = f"http://127.0.0.1:{port.getHost().port}/chat/0/a/xhr"

def poll():
    return urllib.request.urlopen(url, data=b"", timeout=30).read().decode()

print(poll(), end="")
print(views.published("bread"))
print(poll(), end="")
try:
    live.router.room("everyone").send("from a view")
except WrongThread:
    print("not from here")
threading.Thread(target=lambda: print(poll(), end="")).start()
"""


def test_what_connections_share(staged: Any) -> None:
    ticker = staged("howto/operate.md", "Ticker")
    client = testing.connect(ticker.router)
    testing.advance(ticker.router.reactor, 2.5)
    assert client.messages == ["tick", "tick"]


def test_a_thread_of_crochets(reader: Reader) -> None:
    reader.read("howto/crochet.md")
    live = reader.folder / "live.py"
    code = live.read_text(encoding="utf-8")
    live.write_text(code.replace('"tcp:8080:', '"tcp:0:'), encoding="utf-8")
    run = ended(reader.folder, "-c", FLASK)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "o",
        "told",
        'a["new: bread"]',
        "not from here",
        'c[1012,"Service restart"]',
    ]


def test_a_second_process_of_crochets_is_told_that_the_port_is_taken(reader: Reader) -> None:
    reader.read("howto/crochet.md")
    live = reader.folder / "live.py"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = live.read_text(encoding="utf-8")
        port = taken.getsockname()[1]
        live.write_text(code.replace('"tcp:8080:', f'"tcp:{port}:'), encoding="utf-8")
        run = ended(reader.folder, "-c", "import live")
    assert run.returncode == 1
    # It is logged, too, before or after that.
    assert "\ntxsockjs.errors.ListenError: cannot listen on " in run.stderr
    assert run.stderr.endswith(": Address already in use\n")


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


# Look for a renewed certificate at each handshake, and not once a minute.
EAGER = """
from txsockjs.server import certificates
certificates.INTERVAL = 0
from twisted.scripts.twistd import run
run()
"""


def test_a_server_with_tls_and_its_renewed_certificate(reader: Reader) -> None:
    (make,) = commands("howto/tls.md", "sh", "openssl req")
    (command,) = commands("howto/tls.md", "sh", "twistd -n")
    command[-1] = command[-1].replace("ssl:8443", "ssl:0:interface=127.0.0.1")

    def renew() -> ssl.SSLContext:
        subprocess.run(
            [program("openssl"), *make[1:]], check=True, capture_output=True, cwd=reader.folder
        )
        trusting = ssl.create_default_context(cafile=str(reader.folder / "cert.pem"))
        trusting.check_hostname = False  # the page's certificate has a common name only
        return trusting

    def greet(trusting: ssl.SSLContext) -> bytes:
        plain = socket.create_connection(("127.0.0.1", server.port), 20)
        with plain, trusting.wrap_socket(plain) as secure:
            return greeting(secure)

    first = renew()
    with running("-c", EAGER, "--pidfile=", *command[1:], cwd=str(reader.folder)) as server:
        assert greet(first) == b"Welcome to SockJS!\n"
        second = renew()
        assert greet(second) == b"Welcome to SockJS!\n"
        with pytest.raises(ssl.SSLCertVerificationError):
            greet(first)
        server.stop()
        assert "took the renewed certificate of " in server.output
