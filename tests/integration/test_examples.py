"""The examples: each runs as its docstring says, does what that says, and is short."""

import json
import os
import runpy
import sysconfig
from types import SimpleNamespace
from urllib.error import HTTPError

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.web.server import Site

from ..support.frames import frame
from ..support.raw import asked, get, post, read_frame, read_head, upgrade
from ..support.running import ROOT, running

EXAMPLES = os.path.join(ROOT, "examples")
TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
LISTEN = "tcp:0:interface=127.0.0.1"
SHORT = [
    "auth.py",
    "broadcast.py",
    "chat.py",
    "echo.py",
    "existing_chat.py",
    "flask_app.py",
    "klein_app.py",
    "multiplex.py",
    "sockjs.tac",
]


def serve(name, prefix, cwd=EXAMPLES):
    """Run ``twistd sockjs`` for a class of the examples, which are the current directory."""
    command = (TWISTD, "-n", "--pidfile=", "sockjs", "--listen", LISTEN)
    return running(*command, "--app", name, "--prefix", prefix, cwd=cwd)


class Socket:
    """A session over a websocket, open until the block ends."""

    def __init__(self, server, prefix):
        self._asked = asked(server.port, upgrade(prefix + "/0/one/websocket"))

    def __enter__(self):
        self._send, self._answer = self._asked.__enter__()
        assert read_head(self._answer).startswith(b"HTTP/1.1 101 ")
        assert self.read() == "o"
        return self

    def __exit__(self, *problem):
        self._send(frame(8, b"\x03\xe8"))
        self._asked.__exit__(*problem)

    def read(self):
        opcode, payload = read_frame(self._answer)
        assert opcode == 1
        return payload.decode()

    def messages(self):
        text = self.read()
        assert text[0] == "a"
        return json.loads(text[1:])

    def send(self, message):
        self._send(frame(1, json.dumps([message]).encode()))


def test_echo():
    with serve("echo.Echo", "/echo") as server, Socket(server, "/echo") as client:
        client.send("hello")
        assert client.messages() == ["hello"]


def test_chat():
    with serve("chat.Chat", "/chat") as server, Socket(server, "/chat") as ann:
        with Socket(server, "/chat") as bob:
            assert ann.messages() == ["someone joined"]
            bob.send("hello, darn it")
            assert ann.messages() == bob.messages() == ["hello, d*** it"]
        assert ann.messages() == ["someone left"]


def test_multiplex():
    with serve("multiplex.Services", "/multiplex") as server, Socket(server, "/multiplex") as page:
        page.send("sub,echo")
        page.send("sub,counter")
        page.send("msg,echo,one, two")
        assert page.messages() == ["msg,echo,one, two"]
        for count in ("1", "2"):
            page.send("msg,counter,x")
            assert page.messages() == ["msg,counter," + count]


def test_broadcast():
    command = (os.path.join(EXAMPLES, "broadcast.py"), LISTEN)
    with running(*command) as server:
        with Socket(server, "/time") as one, Socket(server, "/time") as two:
            assert ":" in one.messages()[0]
            assert ":" in two.messages()[0]
        server.stop()
        assert "Traceback" not in server.output


def test_auth_lets_members_in():
    with serve("auth.Members", "/members") as server, Socket(server, "/members") as client:
        client.send("a-long-random-string")
        assert client.messages() == ["welcome, Ann"]
        client.send("hello")
        assert client.messages() == ["Ann said hello"]


def test_auth_refuses_others_and_whoever_is_late(tmp_path):
    with open(os.path.join(EXAMPLES, "auth.py")) as file:
        program = file.read()
    assert "DEADLINE = 5.0" in program
    (tmp_path / "auth.py").write_text(program.replace("DEADLINE = 5.0", "DEADLINE = 1.5"))
    with serve("auth.Members", "/members", str(tmp_path)) as server:
        too_late = 'c[4001,"Too late"]'
        with Socket(server, "/members") as late:
            assert late.read() == too_late
        told = too_late
        while told == too_late:  # if this process stood still
            with Socket(server, "/members") as other:
                other.send("guess")
                told = other.read()
        assert told == 'c[4003,"Unknown token"]'
        assert "Traceback" not in server.output


@pytest_twisted.ensureDeferred
async def test_existing_chat():
    names = runpy.run_path(os.path.join(EXAMPLES, "existing_chat.py"))
    chat, web = names["chat"], names["web"]

    def check(telnet, port):
        poll = f"http://127.0.0.1:{port}/chat/0/poll"
        web = Socket(SimpleNamespace(port=port), "/chat")
        with asked(telnet, "") as (send, answer), web as client:
            assert post(poll + "/xhr") == b"o\n"
            client.send("hello from the web\r\n")
            assert answer.readline() == b"hello from the web\r\n"
            assert client.messages() == ["hello from the web\r\n"]
            send(b"hello from telnet\r\n")
            assert client.messages() == ["hello from telnet\r\n"]
            send(b"\xff\xfe\x80\r\n")  # no text, as telnet's options
            assert client.messages() == ["\ufffd\ufffd\ufffd\r\n"]
            told = json.loads(post(poll + "/xhr")[1:])
            assert told[:2] == ["hello from the web\r\n", "hello from telnet\r\n"]
            assert told[2:] == ["\ufffd\ufffd\ufffd\r\n"]

    ports = [reactor.listenTCP(0, one, interface="127.0.0.1") for one in (chat, web)]
    await deferToThread(check, *(port.getHost().port for port in ports))
    await web.close(patience=0)
    for port in ports:
        await port.stopListening()
    assert chat.people == set()


@pytest_twisted.ensureDeferred
async def test_klein_app():
    app = runpy.run_path(os.path.join(EXAMPLES, "klein_app.py"))["app"]

    def check(url):
        assert get(url + "/hello/world") == b"hello world"
        session = url + "/shout/0/one"
        assert post(session + "/xhr") == b"o\n"
        post(session + "/xhr_send", b'["hello"]')
        assert post(session + "/xhr") == b'a["HELLO"]\n'

    port = await serverFromString(reactor, LISTEN).listen(Site(app.resource()))
    await deferToThread(check, f"http://127.0.0.1:{port.getHost().port}")
    await port.stopListening()


def test_flask_app(monkeypatch):
    monkeypatch.setenv("ENDPOINT", LISTEN)
    command = (TWISTD, "-n", "--pidfile=", "-y", "flask_app.py")
    with running(*command, cwd=EXAMPLES) as server:
        poll = server.url + "/news/0/poll/xhr"
        assert post(poll) == b"o\n"
        with Socket(server, "/news") as client:
            assert post(server.url + "/tell/new%20bread") == b"told"
            assert client.messages() == ["new bread"]
        assert post(poll) == b'a["new bread"]\n'
        # Flask's own words for a path that neither has.
        with pytest.raises(HTTPError, match="404") as wrong:
            get(server.url + "/attic")
        assert b"<title>404 Not Found</title>" in wrong.value.read()
        server.stop()
        assert "Traceback" not in server.output


def test_tac(monkeypatch):
    monkeypatch.setenv("ENDPOINT", LISTEN)
    command = (TWISTD, "-n", "--pidfile=", "-y", os.path.join(EXAMPLES, "sockjs.tac"))
    with running(*command) as server:
        for prefix, answer in (("/echo", "abc"), ("/reverse", "cba")):
            with Socket(server, prefix) as client:
                client.send("abc")
                assert client.messages() == [answer]
        server.stop()
        assert "Traceback" not in server.output


@pytest.mark.parametrize("name", SHORT)
def test_examples_are_short_and_say_how_to_run_them(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        text = file.read()
    _, words, code = text.split('"""', 2)
    assert "Run it with ``" in words
    assert name in words or f" {name[:-3]}." in words
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 25
