"""What the README and its pages say: tables are those of the code, all code and commands run."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import runpy
import shlex
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.application.service import IService
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.web.server import Site

import txsockjs.service
from txsockjs import ConnectionInfo, Settings, SockJSConnection, SockJSRouter
from txsockjs.cli.options import Options
from txsockjs.cli.plan import Plan
from txsockjs.stats import StatsCollector
from txsockjs.testing.network import Transport

from ..support.memory import Connection
from ..support.peer import Peer, request, together
from ..support.raw import get
from ..support.running import ROOT, running

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
# The README, and the pages that tell all of what it begins with.
TEXTS = {
    name: Path(ROOT, name).read_text("utf-8")
    for name in (
        "README.md",
        *(
            f"docs/{page}.md"
            for page in ("composing", "connection", "settings", "statistics", "security")
        ),
        *("docs/deployment.md", "docs/troubleshooting.md"),
    )
}
README = "\n".join(re.sub(r"^# ", "## ", text) for text in TEXTS.values())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def name_of(block: str) -> str:
    """Give the name of the file that a block shows, which its first line says."""
    match = re.match(r"(?:#|<!--) ([\w./]+)", block)
    assert match, block
    return match[1]


FILES = {name_of(block): block for kind in ("python", "html", "toml") for block in blocks(kind)}
COMMANDS = re.findall(r"^twistd .*$", "\n".join(blocks("sh")), re.MULTILINE)


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def cells(title: str) -> list[list[str]]:
    """Give the rows of the tables of a section, without their heads."""
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


# -- tables


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = cells("Settings")
    assert [code(row[0]) for row in rows] == [[one.name] for one in dataclasses.fields(Settings)]
    for (name,), (default,) in ((code(row[0]), code(row[1])) for row in rows):
        value = getattr(Settings(**{name: ast.literal_eval(default)}), name)
        assert value == getattr(Settings(), name), name


@pytest.mark.parametrize("row", cells("Settings"), ids=lambda row: row[0].strip("`"))
def test_each_setting_is_written_so_on_the_command_line(row: list[str]) -> None:
    (name,), (option,) = code(row[0]), code(row[2])
    options = Options()
    options.parseOptions(option.split())
    assert list(options.plan.settings) == [name]
    assert options.plan.settings[name] != getattr(Settings(), name)


def test_the_counters_are_those_of_the_code() -> None:
    told = [key for row in cells("Statistics") for key in code(row[0])]
    assert sorted(told) == sorted(StatsCollector(Clock()).dump())


def test_the_callbacks_and_methods_are_those_of_the_code() -> None:
    told = {re.sub(r"\(.*", "", name) for row in cells("A connection") for name in code(row[0])}
    public = {name for name in dir(SockJSConnection) if not name.startswith("_")}
    assert told == public - {"unregister_producer"}  # which is told beside its counterpart


def test_the_attributes_of_the_info_are_those_of_the_code() -> None:
    told = section("A connection").partition("\n`info` has ")[2].partition(".\n")[0]
    assert set(code(told)) == {name for name in dir(ConnectionInfo) if not name.startswith("_")}


@pytest.mark.parametrize("name", TEXTS)
def test_what_it_links_to_is_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXTS[name]):
        assert Path(ROOT, name).parent.joinpath(target).exists(), target
    assert not re.findall(r"\]\(#([^)]+)\)", TEXTS[name])


def test_the_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150


# -- code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a folder with the files that the README shows."""
    for name in re.findall(r"^mkdir (.*)$", "\n".join(blocks("sh")), re.MULTILINE):
        (tmp_path / name).mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("chat", None)
    sys.modules.pop("orders", None)


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> MemoryReactorClock:
    """Take the place of the global reactor, in memory; its ``run`` returns at once."""
    memory = MemoryReactorClock()
    monkeypatch.setattr(memory, "run", lambda *_, **__: None)
    monkeypatch.setattr("twisted.internet.reactor", memory)
    monkeypatch.setattr(txsockjs.service, "global_reactor", memory)
    return memory


class Client(Connection):
    """A client of what listens, on its only port."""

    def __init__(self, reactor: MemoryReactorClock) -> None:
        ((_, factory, *_),) = reactor.tcpServers
        factory.timeOut = None
        self.transport = Transport(reactor, "192.0.2.1")
        self.transport.protocol = factory.buildProtocol(self.transport.getPeer())
        self.transport.protocol.makeConnection(self.transport)
        self._read = 0


def check_chat(reactor: MemoryReactorClock) -> None:
    """Let two clients talk at ``/chat``."""
    assert Client(reactor).request("GET", "/chat").body == b"Welcome to SockJS!\n"
    ann = Client(reactor).upgrade("/chat/000/ann/websocket")
    bob = Client(reactor).upgrade("/chat/000/bob/websocket")
    ann.say(b'["hello"]')
    for person in (ann, bob):
        assert person.received.endswith(b'\x81\x0aa["hello"]')
    ann.vanish()
    reactor.advance(0)
    bob.say(b'["anyone?"]')
    assert bob.received.endswith(b'a["anyone?"]')
    bob.vanish()
    reactor.advance(0)


def test_the_chat_is_short() -> None:
    lines = [line for line in FILES["chat.py"].splitlines() if line.strip() and line[0] != "#"]
    assert len(lines) == 6


def test_the_chat_works(folder: Path) -> None:
    clock = MemoryReactorClock()
    chat = runpy.run_path(str(folder / "chat.py"))["Chat"]
    router = SockJSRouter(chat, "/chat", reactor=clock)
    ann = Connection(router.resource(), clock).upgrade("/chat/000/ann/websocket")
    ann.say(b'["hello"]')
    assert ann.received.endswith(b'\x81\x0aa["hello"]')
    ann.vanish()
    router.close()
    clock.advance(30)
    assert router.rooms.joined == {}
    assert clock.getDelayedCalls() == []


def test_the_resource_serves_the_chat(folder: Path, reactor: MemoryReactorClock) -> None:
    runpy.run_path(str(folder / "web.py"))
    check_chat(reactor)


def test_the_klein_application_serves_the_chat(folder: Path, reactor: MemoryReactorClock) -> None:
    app = runpy.run_path(str(folder / "app.py"))["app"]
    reactor.listenTCP(8080, Site(app.resource(), reactor=reactor))
    assert Client(reactor).request("GET", "/").body == b"hello"
    check_chat(reactor)


def test_the_service_serves_the_chat(folder: Path, reactor: MemoryReactorClock) -> None:
    names = runpy.run_path(str(folder / "chat.tac"))
    service = IService(names["application"])
    service.startService()
    reactor.advance(0)
    check_chat(reactor)
    service.stopService()
    reactor.advance(1)


@pytest.mark.parametrize("way", ["factory", "endpoint"])
def test_an_ordinary_factory_is_served(folder: Path, reactor: MemoryReactorClock, way: str) -> None:
    runpy.run_path(str(folder / "lines.py"))
    if way == "endpoint":
        ((_, factory, *_),) = reactor.tcpServers
        reactor.tcpServers.clear()
        (endpoint,) = (one for one in code(README) if one.startswith("sockjs:tcp"))
        serverFromString(reactor, endpoint).listen(factory.wrappedFactory)
    client = Client(reactor).upgrade("/upper/000/one/websocket")
    client.say(b'["one\\r\\ntwo\\r\\n"]')
    assert client.received.endswith(rb'a["ONE\r\n","TWO\r\n"]')
    client.vanish()


def test_the_orders_work(folder: Path) -> None:
    base = runpy.run_path(str(folder / "orders.py"))["Orders"]
    made = []

    class User:
        async def order(self, message: str) -> str:
            if message == "nonsense":
                raise ValueError(message)
            return message + " it is"

    class Orders(base):  # type: ignore[misc, valid-type]
        async def find_user(self, token: str) -> User | None:
            made.append(self)
            return User() if token == "good" else await super().find_user(token)

    clock = Clock()
    router = SockJSRouter(Orders, reactor=clock)
    member = Connection(router.resource(), clock).upgrade("/0/a/websocket?token=good")
    member.say(b'["tea","nonsense"]')
    made[0].post("shipped")
    assert b'a["tea it is"]' in member.received
    assert member.received.endswith(b'a["your order: shipped"]')
    other = Connection(router.resource(), clock).upgrade("/0/b/websocket?token=bad")
    assert b'c[4003,"Unknown token"]' in other.received
    member.vanish()
    other.vanish()
    router.close()
    clock.advance(30)
    assert clock.getDelayedCalls() == []


def test_every_python_file_is_run_by_a_test() -> None:
    run = {"chat.py", "web.py", "app.py", "chat.tac", "lines.py", "orders.py"}
    assert set(FILES) == run | {"sockjs.toml", "public/index.html"}


def test_what_is_installed_is_a_checkout_or_published() -> None:
    named = re.findall(r"pip install ('[^']*'|[^\s`]+)", README)
    told = set(named) - {"txsockjs"}
    assert told == {"../txsockjs", "'twisted[tls]'", "'twisted[http2]'"}
    assert "`pip install txsockjs` would fetch a version of 2016" in README


# -- commands and files


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_understood(command: str, folder: Path) -> None:
    arguments = shlex.split(command)
    assert arguments[:3] == ["twistd", "-n", "sockjs"]
    options = Options()
    options.parseOptions(arguments[3:])
    assert options.plan.mounts


def test_its_file_says_what_it_seems_to(folder: Path) -> None:
    plan = Plan.read("sockjs.toml")
    assert plan.listen == ["tcp:8080:interface=127.0.0.1", "unix:/run/sockjs.sock"]
    assert plan.static == str(folder / "public")
    (mount,) = plan.mounts
    assert (mount.prefix, mount.connection.__name__) == ("/chat", "Chat")  # type: ignore[union-attr]
    settings = plan.settings_of(mount)
    assert (settings.heartbeat_delay, settings.response_limit) == (20, 4096)


def test_its_first_command_serves_the_chat(folder: Path) -> None:
    arguments = shlex.split(COMMANDS[0])[1:]
    # Or the server would wait for the clients to come back for their close frame.
    hurry = ("--listen", "tcp:0:interface=127.0.0.1", "--disconnect-delay", "2")
    with running(TWISTD, "--pidfile=", *arguments, *hurry, cwd=str(folder)) as server:
        ann, bob = ("/chat/000/" + name for name in ("ann", "bob"))
        poll, send = (
            request("POST", ann + "/xhr"),
            request("POST", ann + "/xhr_send", body='["hi"]'),
        )
        # In one packet: between two, the time of a session could be over.
        listener = Peer(server.port)
        listener.send(request("POST", bob + "/xhr") * 2)
        assert listener.response().body == b"o\n"
        answers = together(server.port, poll, send, poll)
        assert [answer.body for answer in answers] == [b"o\n", b"", b'a["hi"]\n']
        assert listener.response().body == b'a["hi"]\n'
        listener.close()
        assert get(server.url).decode() == FILES["public/index.html"]


def test_twist_takes_the_same(folder: Path) -> None:
    (line,) = [words for words in code(README) if words.startswith("twist --log-format")]
    twist = os.path.join(os.path.dirname(TWISTD), "twist")
    command = (twist, *line.split()[1:], "--listen", "tcp:0:interface=127.0.0.1")
    with running(*command, cwd=str(folder)) as server:
        assert get(server.url) == b"Welcome to SockJS!\n"
        server.process.terminate()
        assert server.process.wait(30) == 0


def shown(path: str) -> str:
    """Give a configuration without comments and empty lines."""
    lines = Path(ROOT, path).read_text("utf-8").splitlines()
    return "".join(line + "\n" for line in lines if line.strip() and line.strip()[0] != "#")


def test_its_proxies_are_those_that_the_tests_run() -> None:
    assert blocks("nginx") == [shown("examples/nginx.conf")]
    assert blocks("haproxy")[0] == shown("examples/haproxy.cfg")
