"""The demo in memory: its page, its client script, and what its chat, echo and statistics do."""

import json

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs.cli.demo import (
    CLIENT,
    ID_LIMIT,
    LINES_KEPT,
    NAME_LIMIT,
    STATS_INTERVAL,
    TEXT_LIMIT,
    Demo,
    find_client,
)
from txsockjs.cluster.memory import MemoryNetwork
from txsockjs.errors import SettingsError
from txsockjs.server.root import Root
from txsockjs.settings import Settings
from txsockjs.testing import advance, connect

ADDRESS = IPv4Address("TCP", "127.0.0.1", 1)


class Served:
    """A demo on a clock, asked over connections in memory."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.demo = Demo(settings, self.clock)
        root = Root(self.demo.page)
        for router in self.demo.routers:
            root.mount(router.prefix, router.resource())
        self.site = Site(root, reactor=self.clock)

    def ask(self, method, path, body=b""):
        """Send a request and give the transport that its answer is written to."""
        channel = self.site.buildProtocol(ADDRESS)
        transport = StringTransport(hostAddress=ADDRESS, peerAddress=ADDRESS)
        channel.makeConnection(transport)
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        channel.dataReceived(head.encode() + body)
        assert transport.disconnecting, "the answer must be complete"
        channel.connectionLost(Failure(ConnectionDone()))
        return transport

    def get(self, path):
        status, body = answer_of(self.ask("GET", path))
        return status, body.decode()

    def open(self, endpoint, session):
        assert self.poll(endpoint, session) == "o\n"

    def poll(self, endpoint, session):
        return answer_of(self.ask("POST", f"/{endpoint}/0/{session}/xhr"))[1].decode()

    def events(self, endpoint, session):
        """Poll for messages that are JSON objects."""
        frame = self.poll(endpoint, session)
        assert frame[0] == "a"
        return [json.loads(message) for message in json.loads(frame[1:])]

    def send(self, endpoint, session, *messages):
        body = json.dumps(messages).encode()
        status, _ = answer_of(self.ask("POST", f"/{endpoint}/0/{session}/xhr_send", body))
        assert status == 204

    def end(self, endpoint, session):
        """Let a client close its page."""
        self.clock.advance(0)
        router = next(one for one in self.demo.routers if one.prefix == "/" + endpoint)
        router.get_session(session).close()
        self.clock.advance(0)

    def is_pushing(self):
        return any("_push" in repr(call.func) for call in self.clock.getDelayedCalls())


def answer_of(transport):
    head, _, body = transport.value().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Give a function that serves the demo far from any installed client."""
    monkeypatch.chdir(tmp_path)
    served = []

    def serve(**settings):
        served.append(Served(**settings))
        return served[-1]

    yield serve
    for one in served:
        for router in one.demo.routers:
            router.close(patience=0)
        one.clock.advance(0)
        assert one.clock.getDelayedCalls() == []


def test_the_page_is_at_the_root_and_nothing_else_is(serve):
    served = serve()
    status, page = served.get("/")
    assert status == 200
    assert '<html lang="en">' in page
    assert 'by <a href="https://github.com/sockjs/sockjs-client">SockJS</a>' in page
    assert served.get("/index.html")[0] == 404
    assert served.get("/sockjs.min.js")[0] == 404


def test_without_an_installed_client_the_page_takes_the_one_of_the_settings(serve):
    served = serve()
    assert f'<script src="{Settings().sockjs_url}">' in served.get("/")[1]
    served = serve(sockjs_url='https://a.example/"><b>?x&y')
    assert '<script src="https://a.example/&quot;&gt;&lt;b&gt;?x&amp;y">' in served.get("/")[1]


def test_an_installed_client_is_used_by_the_page_and_the_iframe(serve, tmp_path, monkeypatch):
    script = tmp_path / CLIENT
    script.parent.mkdir(parents=True)
    script.write_text("the client")
    (tmp_path / "a" / "b").mkdir(parents=True)
    for directory in (tmp_path, tmp_path / "a" / "b"):
        monkeypatch.chdir(directory)
        assert find_client() == str(script)
        served = serve()
        assert '<script src="/sockjs.min.js">' in served.get("/")[1]
        assert '<script src="/sockjs.min.js">' in served.get("/echo/iframe.html")[1]
    served = serve(sockjs_url="/other.js")
    assert '<script src="/other.js">' in served.get("/")[1]


def test_settings_hold_for_every_endpoint_and_wrong_ones_are_refused(serve):
    served = serve(heartbeat_delay=7, disabled_transports=["xhr"])
    assert {router.settings.heartbeat_delay for router in served.demo.routers} == {7.0}
    with pytest.raises(SettingsError, match="did you mean heartbeat_delay"):
        serve(heartbeat=7)


def test_the_echo_sends_everything_back(serve):
    served = serve()
    served.open("echo", "one")
    served.send("echo", "one", "a", "%41 </script> \U0001f600")
    assert json.loads(served.poll("echo", "one")[1:]) == ["a", "%41 </script> \U0001f600"]


def test_the_chat_tells_everyone_who_comes_speaks_and_goes(serve):
    served = serve()
    served.open("chat", "ann")
    served.open("chat", "bob")
    served.send("chat", "ann", "joins  Ann\n A. ")
    joined = {"what": "joined", "name": "Ann A.", "node": "", "people": 1}
    assert served.events("chat", "ann") == [joined]
    served.send("chat", "bob", "joins Bob")
    served.send("chat", "bob", "b1 hello")
    heard = [
        {"what": "joined", "name": "Bob", "node": "", "people": 2},
        {"what": "said", "id": "b1", "name": "Bob", "text": "hello"},
    ]
    assert served.events("chat", "ann") == heard
    assert served.events("chat", "bob") == heard
    served.end("chat", "bob")
    assert served.events("chat", "ann") == [
        {"what": "left", "name": "Bob", "node": "", "people": 1}
    ]


def test_who_never_gave_a_name_comes_and_goes_unheard(serve):
    served = serve()
    served.open("chat", "ann")
    served.send("chat", "ann", "joins Ann")
    served.events("chat", "ann")
    served.open("chat", "silent")
    served.end("chat", "silent")
    served.send("chat", "ann", "1 alone?")
    assert [event["what"] for event in served.events("chat", "ann")] == ["said"]


def test_who_is_there_again_hears_the_last_lines_of_the_others(serve):
    served = serve()
    for name in ("ann", "bob"):
        served.open("chat", name)
        served.send("chat", name, f"joins {name}")
    lines = [f"{n} line" for n in range(LINES_KEPT + 1)]
    served.send("chat", "ann", *lines)
    served.events("chat", "ann")
    for word, wanted in (("again", lines[1:]), ("joins", [])):
        served.open("chat", word)
        served.send("chat", word, f"{word} Carl")
        told = served.events("chat", word)
        assert [f"{each['id']} {each['text']}" for each in told if "id" in each] == wanted
    assert {event["what"] for event in served.events("chat", "ann")} == {"joined"}


def test_names_and_texts_have_bounds(serve):
    served = serve()
    served.open("chat", "one")
    served.send("chat", "one", "joins " + "n" * 100)
    served.send("chat", "one", "i" * 100 + " " + "t" * 10000)
    joined, said = served.events("chat", "one")
    assert joined["name"] == "n" * NAME_LIMIT
    assert said["id"] == "i" * ID_LIMIT
    assert said["text"] == "t" * TEXT_LIMIT
    served.open("chat", "two")
    served.send("chat", "two", "joins  ")
    assert served.events("chat", "two")[0]["name"] == "nobody"


def test_binary_messages_have_no_place_in_the_chat(serve):
    client = connect(serve().demo.routers[0], "rawwebsocket")
    client.send(b"\0")
    assert client.close_reason == (3001, "Text messages only")


def two_nodes(clock):
    network = MemoryNetwork(clock)
    nodes = [Demo({}, clock), Demo({}, clock)]
    for demo in nodes:
        bus = network.bus()
        for router in demo.routers:
            router.join_bus(bus)
        bus.start()
    advance(clock, 0.1)
    return network, nodes


def test_who_is_there_again_hears_the_last_lines_said_on_other_nodes():
    clock = Clock()
    _, nodes = two_nodes(clock)
    ann, bob = (connect(demo.routers[0], query=f"n={n}") for n, demo in enumerate(nodes))
    ann.send("joins Ann", "a1 hello")
    advance(clock, 1)
    bob.send("again Bob")
    advance(clock, 1)
    told = [json.loads(each) for each in bob.messages]
    assert [each["text"] for each in told if each["what"] == "said"] == ["hello"]


def test_the_chat_goes_over_nodes_and_tells_which_they_are():
    clock = Clock()
    network, nodes = two_nodes(clock)
    ann, bob = (connect(demo.routers[0], query=f"n={n}") for n, demo in enumerate(nodes))
    for client, name in ((ann, "Ann"), (bob, "Bob")):
        client.send(f"joins {name}")
        client.advance(1)
    bob.send("b1 hello")
    advance(clock, 0.1)
    names = [router.bus.node[:6] for router in (nodes[0].routers[0], nodes[1].routers[0])]
    bobs = [
        {"what": "joined", "name": "Bob", "node": names[1], "people": 2},
        {"what": "said", "id": "b1", "name": "Bob", "text": "hello"},
    ]
    anns = {"what": "joined", "name": "Ann", "node": names[0], "people": 1}
    assert list(map(json.loads, ann.messages)) == [anns, *bobs]
    assert list(map(json.loads, bob.messages)) == bobs
    watcher = connect(nodes[1].routers[2])
    told = json.loads(watcher.messages[0])
    assert (told["node"], told["nodes"]) == (names[1], 2)
    watcher.close()
    network.cut(nodes[0].routers[0].bus)
    network.heal(nodes[0].routers[0].bus)
    advance(clock, 1)
    assert json.loads(ann.messages[-1]) == {"what": "gap", "name": "", "node": "", "people": 2}
    bob.drop()
    advance(clock, 30)
    left = {"what": "left", "name": "Bob", "node": names[1], "people": 1}
    assert json.loads(ann.messages[-1]) == left


def test_two_demos_are_two_rooms(serve):
    first, second = serve(), serve()
    for served in (first, second):
        served.open("chat", "one")
        served.send("chat", "one", "joins Ann")
    assert [event["people"] for event in second.events("chat", "one")] == [1]


def test_statistics_are_pushed_at_once_and_then_every_second(serve):
    served = serve()
    served.open("stats", "one")
    (told,) = served.events("stats", "one")
    assert (told["node"], told["nodes"]) == ("", 0)
    assert sorted(told["stats"]) == ["/chat", "/echo", "/stats"]
    assert told["stats"]["/stats"]["sessions_active"] == 1
    assert told["stats"]["/echo"]["sessions_active"] == 0
    served.open("echo", "one")
    served.clock.advance(STATS_INTERVAL)
    (told,) = served.events("stats", "one")
    assert told["stats"]["/echo"]["sessions_active"] == 1
    served.open("stats", "two")
    assert len(served.events("stats", "two")) == 1


def test_nothing_is_pushed_when_nobody_looks(serve):
    served = serve()
    served.open("stats", "one")
    assert served.is_pushing()
    served.open("stats", "two")
    served.end("stats", "one")
    assert served.is_pushing()
    served.end("stats", "two")
    assert not served.is_pushing()
    served.open("stats", "three")
    assert served.is_pushing()
