"""Ordinary factories over SockJS on real sockets: one, several, and as a resource in a tree."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineReceiver
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data
from zope.interface.verify import verifyObject

from txsockjs import Settings, SettingsError
from txsockjs.factory import SHUTDOWN_PATIENCE, SockJSFactory, SockJSMultiFactory, SockJSResource

from ..support.frames import frame
from ..support.raw import asked, get, post, read_frame, read_head, upgrade


class Lines(LineReceiver):
    """Answers each line with the server's name, the peer's and the line."""

    def lineReceived(self, line):
        self.factory.peers.append(self.transport.getPeer())
        self.factory.hosts.append(self.transport.getHost())
        self.sendLine(self.factory.name + line)

    def connectionLost(self, reason):
        self.factory.ends += 1


class LinesFactory(Factory):
    protocol = Lines

    def __init__(self, name="lines"):
        self.name = name.encode() + b": "
        self.peers, self.hosts = [], []
        self.started = self.stopped = self.ends = 0

    def startFactory(self):
        self.started += 1

    def stopFactory(self):
        self.stopped += 1


@contextmanager
def websocket(port, path):
    """A session over a websocket; the block gets a function that sends a line and reads one."""
    with asked(port, upgrade(f"{path}/0/ws/websocket")) as (send, answer):
        assert read_head(answer).startswith(b"HTTP/1.1 101 ")
        assert read_frame(answer) == (1, b"o")

        def converse(line):
            send(frame(1, json.dumps([line + "\r\n"]).encode()))
            opcode, payload = read_frame(answer)
            assert (opcode, payload[:1]) == (1, b"a")
            return json.loads(payload[1:])

        yield converse
        send(frame(8, b"\x03\xe8"))
        assert answer.read()[:1] == b"\x88"


def converse_by_polls(url):
    session = url + "/0/poll"
    assert post(session + "/xhr") == b"o\n"
    post(session + "/xhr_send", b'["one\\r\\n"]')
    answer = post(session + "/xhr")
    assert answer[:1] == b"a"
    return json.loads(answer[1:])


@asynccontextmanager
async def listening(factory, *served):
    """Listen with a factory; the block gets the port's number."""
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        for one in served or (factory,):
            await one.close(patience=0)
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_factory_is_served_at_the_root():
    lines = LinesFactory()
    factory = SockJSFactory(lines, heartbeat_delay=7)
    assert verifyObject(IProtocolFactory, factory)
    assert factory.wrappedFactory is lines
    assert factory.router.settings.heartbeat_delay == 7

    def check(port):
        assert get(f"http://127.0.0.1:{port}/") == b"Welcome to SockJS!\n"
        assert converse_by_polls(f"http://127.0.0.1:{port}") == ["lines: one\r\n"]
        with websocket(port, "") as converse:
            assert converse("two") == ["lines: two\r\n"]
        return port

    async with listening(factory) as port:
        assert (lines.started, lines.stopped) == (1, 0)
        await deferToThread(check, port)
    assert (lines.started, lines.stopped, lines.ends) == (1, 1, 2)
    assert lines.hosts == [IPv4Address("TCP", "127.0.0.1", port)] * 2
    for peer in lines.peers:
        assert peer.host == "127.0.0.1" and peer.port not in (0, port)


@pytest_twisted.ensureDeferred
async def test_several_factories_have_prefixes_and_settings_of_their_own():
    one, two, late = LinesFactory("one"), LinesFactory("two"), LinesFactory("late")
    factory = SockJSMultiFactory()
    router = factory.addFactory(one, "one", disabled_transports="websocket")
    factory.addFactory(two, "/two/deep", Settings(max_body_size=6 * 1024 * 1024))
    assert factory.max_body_size == 6 * 1024 * 1024
    assert router.settings.max_body_size == 4 * 1024 * 1024

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert b'"websocket":false' in get(url + "/one/info")
        assert b'"websocket":true' in get(url + "/two/deep/info")
        assert converse_by_polls(url + "/one") == ["one: one\r\n"]
        with websocket(port, "/two/deep") as converse:
            assert converse("x") == ["two: x\r\n"]
        assert converse_by_polls(url + "/late") == ["late: one\r\n"]

    async with listening(factory) as port:
        factory.addFactory(late, "/late")
        await deferToThread(check, port)
    assert [made.started for made in (one, two, late)] == [1, 1, 1]
    assert [made.stopped for made in (one, two, late)] == [1, 1, 1]
    assert [made.ends for made in (one, two, late)] == [1, 1, 1]


@pytest_twisted.ensureDeferred
async def test_a_resource_stands_beside_others_in_a_tree():
    lines = LinesFactory()
    resource = SockJSResource(lines, {"heartbeat_delay": 7}, response_limit=100)
    assert resource.router.settings == Settings(heartbeat_delay=7, response_limit=100)
    root = Resource()
    root.putChild(b"page", Data(b"a page", "text/plain"))
    root.putChild(b"lines", resource)

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert get(url + "/page") == b"a page"
        assert get(url + "/lines") == get(url + "/lines/") == b"Welcome to SockJS!\n"
        assert converse_by_polls(url + "/lines") == ["lines: one\r\n"]
        with websocket(port, "/lines") as converse:
            assert converse("two") == ["lines: two\r\n"]

    async with listening(Site(root), resource) as port:
        await deferToThread(check, port)
    assert (lines.started, lines.stopped, lines.ends) == (1, 1, 2)


def test_a_resource_starts_its_factory_when_the_reactor_runs():
    clock, lines = MemoryReactorClock(), LinesFactory()
    hooks = []
    clock.callWhenRunning = lambda *call: hooks.append(partial(*call))
    resource = SockJSResource(lines, reactor=clock)
    assert lines.started == 0
    hooks[0]()
    resource.close()
    assert (lines.started, lines.stopped) == (1, 1)
    resource.close()
    hooks[0]()
    assert (lines.started, lines.stopped) == (1, 1)
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_sessions_end_before_the_reactor_does():
    clock, lines = MemoryReactorClock(), LinesFactory()
    factory = SockJSFactory(lines, reactor=clock)
    factory.startFactory()
    (stop,) = clock.triggers["before"]["shutdown"]
    ended = []
    stop[0](*stop[1], **stop[2]).addCallback(ended.append)
    assert factory.router.closing
    clock.advance(SHUTDOWN_PATIENCE)
    assert ended == [[None]]
    await factory.close()
    factory.stopFactory()


def test_wrong_settings_prefixes_and_factories_are_refused_by_name():
    with pytest.raises(SettingsError, match="unknown setting 'heartbeat', did you mean"):
        SockJSFactory(LinesFactory(), heartbeat=7)
    with pytest.raises(SettingsError, match="a prefix must be / or a path such as /chat"):
        SockJSFactory(LinesFactory(), prefix="//")
    with pytest.raises(SettingsError, match="a prefix must be / or a path such as /chat, not <"):
        SockJSMultiFactory().addFactory("/lines", LinesFactory())
    with pytest.raises(SettingsError, match="settings must be a Settings or a mapping, not 7"):
        SockJSResource(LinesFactory(), 7)
    with pytest.raises(TypeError, match="factory must have a buildProtocol"):
        SockJSResource(Lines)
    several = SockJSMultiFactory()
    several.addFactory(LinesFactory(), "a")
    with pytest.raises(SettingsError, match="a prefix can be mounted once, /a is there twice"):
        several.addFactory(LinesFactory(), "/a")
