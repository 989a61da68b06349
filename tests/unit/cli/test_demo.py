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
    NAME_LIMIT,
    STATS_INTERVAL,
    TEXT_LIMIT,
    Chat,
    Demo,
    find_client,
)
from txsockjs.errors import SettingsError
from txsockjs.server.root import Root
from txsockjs.settings import Settings

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
    served.send("chat", "ann", " Ann\n A. ")
    joined = {"what": "joined", "name": "Ann A.", "text": "", "people": 1}
    assert served.events("chat", "ann") == [joined]
    served.send("chat", "bob", "Bob", "hello")
    heard = [
        {"what": "joined", "name": "Bob", "text": "", "people": 2},
        {"what": "said", "name": "Bob", "text": "hello", "people": 2},
    ]
    assert served.events("chat", "ann") == heard
    assert served.events("chat", "bob") == heard
    served.end("chat", "bob")
    assert served.events("chat", "ann") == [
        {"what": "left", "name": "Bob", "text": "", "people": 1}
    ]


def test_who_never_gave_a_name_comes_and_goes_unheard(serve):
    served = serve()
    served.open("chat", "ann")
    served.send("chat", "ann", "Ann")
    served.events("chat", "ann")
    served.open("chat", "silent")
    served.end("chat", "silent")
    served.send("chat", "ann", "alone?")
    assert [event["what"] for event in served.events("chat", "ann")] == ["said"]


def test_names_and_texts_have_bounds(serve):
    served = serve()
    served.open("chat", "one")
    served.send("chat", "one", "n" * 100, "t" * 10000)
    joined, said = served.events("chat", "one")
    assert joined["name"] == "n" * NAME_LIMIT
    assert said["text"] == "t" * TEXT_LIMIT
    served.open("chat", "two")
    served.send("chat", "two", " ")
    assert served.events("chat", "two")[0]["name"] == "nobody"


def test_binary_messages_have_no_place_in_the_chat():
    class Session:
        def close(self, code, reason):
            self.closed = code, reason

    session = Session()
    Chat(session).on_message(b"\0")
    assert session.closed == (3001, "Text messages only")


def test_two_demos_are_two_rooms(serve):
    first, second = serve(), serve()
    for served in (first, second):
        served.open("chat", "one")
        served.send("chat", "one", "Ann")
    assert [event["people"] for event in second.events("chat", "one")] == [1]


def test_statistics_are_pushed_at_once_and_then_every_second(serve):
    served = serve()
    served.open("stats", "one")
    (told,) = served.events("stats", "one")
    assert sorted(told) == ["/chat", "/echo", "/stats"]
    assert told["/stats"]["sessions_active"] == 1
    assert told["/echo"]["sessions_active"] == 0
    served.open("echo", "one")
    served.clock.advance(STATS_INTERVAL)
    (told,) = served.events("stats", "one")
    assert told["/echo"]["sessions_active"] == 1
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
