"""Applications written for sockjs-tornado: their bodies are theirs, and they do what they did."""

import ast
import builtins
import json
import os
import runpy
from functools import partial

import pytest
from twisted.internet.task import Clock

from txsockjs.tornado import SockJSRouter
from txsockjs.tornado.migrate import PeriodicCallback

from ..support.memory import Connection, Lab
from ..support.running import ROOT, running
from .test_examples import Socket

FOLDER = os.path.join(ROOT, "examples", "from_tornado")
NAMES = ["auth", "chat", "multiplex", "stats"]
LISTEN = "tcp:0:interface=127.0.0.1"

# What the bodies may take from outside: the names of sockjs-tornado and of Tornado.
IMPORTED = {
    *("SockJSConnection", "BaseSession", "BaseTransportMixin"),
    *("PeriodicCallback", "json"),
}
# And what of a connection, its session, its information and its router.
INHERITED = {
    *("send", "broadcast", "close", "is_closed", "session", "ip", "get_argument", "stats", "dump"),
    *("conn", "server", "send_message", "set_handler", "verify_state"),
}


def path(name):
    return os.path.join(FOLDER, name + ".py")


def body(name):
    """The statements between the imports and the last lines."""
    with open(path(name), encoding="utf-8") as file:
        statements = ast.parse(file.read()).body
    assert isinstance(statements[-1], ast.If)
    assert ast.unparse(statements[-1].test) == "__name__ == '__main__'"
    middle = statements[1:-1]
    while isinstance(middle[0], (ast.Import, ast.ImportFrom)):
        del middle[0]
    return ast.Module(middle, []), statements[-1]


class Client:
    """A client in memory that polls one session."""

    def __init__(self, lab, session, query=""):
        self._lab = lab
        self._base = f"/000/{session}"
        assert self.poll(query) == "o"

    def poll(self, query=""):
        answer = self._lab.xhr(self._base + "/xhr" + query).body.decode()
        return json.loads(answer[1:]) if answer[0] == "a" else answer.strip()

    def say(self, *messages):
        assert self._lab.send(json.dumps(messages).encode(), self._base + "/xhr_send").status == 204


class TornadoLab(Lab):
    """A lab whose router is that of `txsockjs.tornado`."""

    router_class = SockJSRouter


def make_lab(name, connection):
    lab = TornadoLab(runpy.run_path(path(name))[connection])
    return lab, Client(lab, "ann"), Client(lab, "bob")


@pytest.mark.parametrize("name", NAMES)
def test_a_body_uses_nothing_that_sockjs_tornado_has_not(name):
    middle, last_lines = body(name)
    nodes = list(ast.walk(middle))
    assert not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes)
    defined = {node.name for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and is_store(node)}
    stored |= {
        node.id for node in ast.walk(last_lines) if isinstance(node, ast.Name) and is_store(node)
    }
    used = {node.id for node in nodes if isinstance(node, ast.Name) and not is_store(node)}
    assert used - defined - stored - set(dir(builtins)) <= IMPORTED
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    own = defined | stored | {node.attr for node in attributes if is_store(node)}
    plain = {name for kind in (set, dict, str) for name in dir(kind)}
    timer, module = {"start", "stop"}, {"dumps"}
    assert {node.attr for node in attributes} - own - plain <= INHERITED | timer | module


def is_store(node):
    return isinstance(node.ctx, ast.Store)


def test_chat():
    lab, ann, bob = make_lab("chat", "ChatConnection")
    assert ann.poll() == ["Someone joined from 192.0.2.1."]
    bob.say("hello")
    assert ann.poll() == bob.poll() == ["hello"]
    ann.say("/quit")
    assert ann.poll() == 'c[3000,"Go away!"]'
    assert bob.poll() == ["Someone from 192.0.2.1 left."]
    lab.settle()


def test_stats():
    module = runpy.run_path(path("stats"))
    lab = TornadoLab(module["BroadcastConnection"])
    ann, bob = Client(lab, "ann"), Client(lab, "bob")
    reporting = TornadoLab(module["StatsConnection"])
    # The globals of a module that was run: filled as its last lines do, but on this clock.
    names = module["StatsConnection"].report.__globals__
    names["BroadcastRouter"] = lab.router
    names["PeriodicCallback"] = partial(PeriodicCallback, reactor=reporting.clock)
    reader = Client(reporting, "reader")
    assert [json.loads(report)["sessions_active"] for report in reader.poll()] == [2]
    ann.say("hello")
    assert ann.poll() == bob.poll() == ["hello"]
    lab.pass_time(1)
    reporting.pass_time(1)
    (report,) = reader.poll()
    assert json.loads(report) == lab.router.stats.dump()
    assert json.loads(report)["transp_xhr"] == 2
    assert json.loads(report)["packets_sent_ps"] == 2
    reporting.settle()
    lab.settle()


def test_authentication():
    lab, ann, bob = make_lab("auth", "AuthConnection")
    ann.say("who", "auth,1234", "who")
    assert ann.poll() == [{"error": "say who you are"}, ["ann"]]
    bob.say("auth,5678", "say,hello", "who")
    assert ann.poll() == [{"from": "bob", "text": "hello"}]
    assert bob.poll() == [{"from": "bob", "text": "hello"}, ["ann", "bob"]]
    bob.say("auth,0000")
    assert bob.poll() == 'c[4001,"Unknown token"]'
    ann.say("who")
    assert ann.poll() == [["ann"]]
    assert Client(lab, "eve", "?banned=1").poll() == 'c[3000,"Go away!"]'
    lab.settle()


def test_multiplex():
    lab, ann, bob = make_lab("multiplex", "Services")
    ann.say("sub,room", "sub,room", "sub,green")
    assert ann.poll() == ["msg,room,1 here"]
    bob.say("sub,room", "msg,room,a,b", "msg,blue,c", "nonsense", "sub,echo", "msg,echo,1,2")
    assert ann.poll() == ["msg,room,2 here", "msg,room,a,b"]
    assert bob.poll() == ["msg,room,2 here", "msg,room,a,b", "msg,echo,1,2"]
    bob.say("sub,address", "msg,address,late", "sub,address", "msg,echo,on")
    assert bob.poll() == [
        *("msg,address,192.0.2.1", "uns,address", "msg,address,192.0.2.1", "uns,address"),
        "msg,echo,on",
    ]
    bob.say("msg,room,bye", "msg,room,late", "uns,room", "uns,echo", "msg,echo,late")
    assert bob.poll() == ["uns,room"]
    assert ann.poll() == ["msg,room,1 here"]
    bob.say("sub,room")
    assert ann.poll() == bob.poll() == ["msg,room,2 here"]
    lab.router.get_session("ann").close()
    lab.pass_time(1)
    assert bob.poll() == ["msg,room,1 here"]
    lab.settle()


def test_a_router_takes_its_arguments_by_place():
    clock = Clock()
    connection = runpy.run_path(path("chat"))["ChatConnection"]
    router = SockJSRouter(connection, "/chat", {"response_limit": 4096}, clock)
    assert router.prefix == "/chat"
    assert router.settings.response_limit == 4096
    client = Connection(router.resource(), clock).request("GET", "/chat/")
    assert client.body == b"Welcome to SockJS!\n"
    assert clock.getDelayedCalls() == []


def test_chat_runs():
    with running(path("chat"), LISTEN) as server:
        with Socket(server, "/chat") as ann:
            with Socket(server, "/chat") as bob:
                assert ann.messages() == ["Someone joined from 127.0.0.1."]
                bob.send("hello")
                assert ann.messages() == bob.messages() == ["hello"]
            assert ann.messages() == ["Someone from 127.0.0.1 left."]
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_stats_run():
    with running(path("stats"), LISTEN) as server:
        with Socket(server, "/broadcast"), Socket(server, "/statsconn") as reader:
            for _ in range(2):
                (report,) = reader.messages()
                assert json.loads(report)["transp_websocket"] == 1
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_authentication_runs():
    with running(path("auth"), LISTEN) as server:
        with Socket(server, "/auth") as client:
            client.send("auth,1234")
            client.send("who")
            assert client.messages() == [["ann"]]
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_multiplex_runs():
    with running(path("multiplex"), LISTEN) as server:
        with Socket(server, "/multiplex") as client:
            client.send("sub,echo")
            client.send("msg,echo,a,b")
            assert client.messages() == ["msg,echo,a,b"]
        assert server.stop() == 0
        assert "Traceback" not in server.output
