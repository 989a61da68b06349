"""The bus of the workers of one machine, over streams in memory and the real directory."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Callable

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from txsockjs.cluster.bus import Owner
from txsockjs.cluster.directory import Directory
from txsockjs.cluster.link import WINDOW
from txsockjs.cluster.local import LocalBus

from ...support.listeners import Heard


class Pipe:
    """One end of a stream, which brings what is written in the next iteration of the reactor."""

    other: Pipe

    def __init__(self, clock: Clock, protocol: Any) -> None:
        self.clock, self.protocol = clock, protocol
        self.is_open = True

    def write(self, data: bytes) -> None:
        self.clock.callLater(0, self.other.bring, data)

    def bring(self, data: bytes) -> None:
        if self.is_open:
            self.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        for end in (self.other, self):
            self.clock.callLater(0, end.end)  # behind what was written

    abortConnection = loseConnection

    def end(self) -> None:
        if self.is_open:
            self.is_open = False
            self.protocol.connectionLost()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def pauseProducing(self) -> None:
        raise AssertionError("so little is no reason to")


class Port:
    """A UNIX socket that somebody listens on."""

    def __init__(self, reactor: Reactor, path: str, factory: Any) -> None:
        self.reactor, self.path, self.factory = reactor, path, factory

    def stopListening(self) -> Deferred[None]:
        del self.reactor.ports[self.path]
        return succeed(None)


class Reactor(Clock):
    """A clock with UNIX sockets; ``directory`` is at the other end of each adopted stream."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[str, Port] = {}
        self.pipes: list[Pipe] = []
        reactor: Any = self
        self.directory = Directory(reactor)
        self.member: Callable[[], Any] = self.directory.member
        self.connected: list[str] = []

    def _join(self, here: Any, there: Any) -> None:
        ends = Pipe(self, here), Pipe(self, there)
        ends[0].other, ends[1].other = ends[1], ends[0]
        self.pipes += ends
        for end in ends:
            end.protocol.makeConnection(end)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        os.fstat(descriptor)  # it is open
        assert family == socket.AF_UNIX
        self._join(factory.buildProtocol(None), self.member())

    def listenUNIX(self, path: str, factory: Any, mode: int) -> Port:
        assert mode == 0o600
        assert path not in self.ports
        self.ports[path] = Port(self, path, factory)
        return self.ports[path]

    def connectUNIX(self, path: str, factory: Any) -> None:
        self.connected.append(path)
        if path in self.ports:
            there = self.ports[path].factory.buildProtocol(None)
            self.callLater(0, self._join, factory.buildProtocol(None), there)


class Lab:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reactor = Reactor()
        self.buses: list[Any] = []
        self.parent_told: list[Any] = []

    def make(self) -> Any:
        """Make a node that is not started, with a listener on ``port``, as ``heard``."""
        descriptor = os.open(os.devnull, os.O_RDONLY)
        bus: Any = LocalBus(
            self.reactor,
            descriptor,
            str(self.folder),
            self.parent_told.append,
            lambda: self.parent_told.append("orphaned"),
        )
        bus.descriptor = descriptor
        bus.heard = Heard()
        bus.listen("port", bus.heard)
        self.buses.append(bus)
        return bus

    def start(self) -> Any:
        bus = self.make()
        bus.start()
        self.turn()
        return bus

    def turn(self, times: int = 12) -> None:
        """Let the reactor run for some iterations, in no time."""
        for _ in range(times):
            self.reactor.advance(0)

    def step(self) -> None:
        """Make the next call that is due, if there is one."""
        if self.reactor.calls:
            call = self.reactor.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)

    def hold_connections(self) -> Callable[[], None]:
        """Have workers connect to each other only when what this returns is called."""
        waiting: list[Any] = []
        connect = self.reactor.connectUNIX
        self.reactor.connectUNIX = lambda *which: waiting.append(which)

        def go_on() -> None:
            self.reactor.connectUNIX = connect
            for which in waiting:
                connect(*which)
            self.turn()

        return go_on

    def kill(self, bus: Any) -> None:
        """End a process: its sockets close, and it notices nothing."""
        bus._stopped = True
        bus._port.stopListening()
        for pipe in self.reactor.pipes:
            if pipe.protocol is bus._control or getattr(pipe.protocol, "_owner", None) is bus:
                pipe.is_open = False
                self.reactor.callLater(0, pipe.other.end)

    def answer(self, asked: Deferred[Any]) -> Any:
        found: list[Any] = []
        asked.addCallback(found.append)
        self.turn()
        (answer,) = found
        return answer


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    lab = Lab(tmp_path)
    yield lab
    for bus in lab.buses:
        bus.stop()
    lab.turn()
    lab.reactor.directory.stop()
    assert lab.reactor.getDelayedCalls() == []
    assert lab.reactor.ports == {}


# -- the life of a node


def test_a_node_joins_and_takes_its_stream_over(lab: Lab) -> None:
    bus = lab.make()
    left_over = lab.folder / bus.node  # of a process with this name, which can't be
    left_over.touch()
    started: list[Any] = []
    bus.start().addCallback(started.append)
    assert not left_over.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(bus.descriptor)
    assert (started, bus.connected, bus.reached) == ([], False, False)
    lab.turn()
    assert (started, bus.connected, bus.reached) == ([None], True, True)
    assert bus.nodes == {bus.node}


def test_of_two_nodes_the_first_by_name_connects(lab: Lab) -> None:
    buses = [lab.start() for _ in range(3)]
    names = sorted(bus.node for bus in buses)
    assert all(bus.nodes == set(names) for bus in buses)
    wanted = [str(lab.folder / name) for name in (names[1], names[2], names[2])]
    assert sorted(lab.reactor.connected) == wanted


def test_a_node_that_stops_is_lost_at_once_and_its_claims_are_free(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    assert lab.answer(a.claim("key")) == Owner(a.node, True)
    stopped: list[Any] = []
    a.stop().addCallback(stopped.append)
    assert stopped == [None]
    assert a.stop().called
    lab.turn()
    assert set(b.heard.ended) == {a.node}  # its stream and the directory tell of it
    assert b.nodes == {b.node}
    assert a.heard.ended == []  # it asked for it
    assert lab.answer(b.claim("key")) == Owner(b.node, True)
    assert lab.parent_told == []


def test_one_that_stops_while_it_connects_leaves_no_stream(lab: Lab) -> None:
    connect = lab.hold_connections()
    first, second = sorted([lab.start(), lab.start()], key=lambda bus: bus.node)
    first.send(second.node, "port", b"last")
    first.stop()
    lab.turn()
    assert second.nodes == {second.node}
    connect()
    assert first._streams == second._streams == set()
    assert first._peers == second._peers == {}
    assert second.heard.messages == [(first.node, b"last")]


def test_one_that_was_never_started_stops(lab: Lab) -> None:
    bus = lab.make()
    assert bus.stop().called
    os.close(bus.descriptor)


def test_a_node_that_is_killed_is_lost_and_its_claims_are_remembered(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    lab.answer(a.claim("key"))
    lab.kill(a)
    lab.turn()
    assert set(b.heard.ended) == {a.node}
    assert b.nodes == {b.node}
    assert lab.answer(b.find("key")) == Owner(a.node, False)


def test_a_node_is_not_among_the_living_while_its_end_is_told(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    seen: list[Any] = []
    b.heard.lost = lambda node: seen.append((node, node in b.nodes))
    lab.kill(a)
    lab.turn()
    assert set(seen) == {(a.node, False)}


def test_two_that_live_connect_again_if_their_stream_breaks(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    (peer,) = a._peers.values()
    peer.transport.abortConnection()
    lab.turn()
    assert (a.heard.ended, b.heard.ended) == ([b.node], [a.node])  # messages may be missing
    a.send(b.node, "port", b"x")
    lab.turn()
    assert b.heard.messages == [(a.node, b"x")]


def test_what_the_parent_says_that_is_not_about_the_bus_is_passed_on(lab: Lab) -> None:
    heard: list[Any] = []
    lab.reactor.member = lambda: lab.reactor.directory.member(heard.append)
    bus = lab.start()
    bus.say(do="ready")
    lab.turn()
    assert heard == [{"do": "ready"}]
    bus._control.dataReceived(b"\0\0\0\x0e" + b'{"serve":   2}')
    assert lab.parent_told == [{"serve": 2}]


def test_who_has_no_parent_any_more_is_told(lab: Lab) -> None:
    bus = lab.start()
    bus._control.transport.other.loseConnection()
    lab.turn()
    assert (lab.parent_told, bus.connected) == (["orphaned"], False)


# -- claims


def test_a_key_has_one_owner_until_it_releases_it(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    assert lab.answer(b.find("key")) is None
    assert lab.answer(a.claim("key")) == lab.answer(b.claim("key")) == Owner(a.node, True)
    b.release("key")
    assert lab.answer(b.find("key")) == Owner(a.node, True)
    a.release("key")
    assert lab.answer(b.claim("key")) == Owner(b.node, True)


def test_answers_come_to_those_that_asked(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    lab.answer(b.claim("theirs"))
    found: list[Any] = []
    for key in ("theirs", "nobody's", "mine"):
        ask = a.claim if key == "mine" else a.find
        ask(key).addCallback(lambda owner, key=key: found.append((key, owner)))
    lab.turn()
    assert found == [
        ("theirs", Owner(b.node, True)),
        ("nobody's", None),
        ("mine", Owner(a.node, True)),
    ]


@pytest.mark.parametrize("what", ["claim", "find"])
def test_a_claim_that_is_cancelled_is_not_kept(lab: Lab, what: str) -> None:
    a, b = lab.start(), lab.start()
    if what == "find":
        lab.answer(a.claim("key"))
    asked = getattr(a, what)("key")
    asked.addErrback(lambda _: None)
    asked.cancel()
    lab.turn()
    assert lab.answer(b.find("key")) == (None if what == "claim" else Owner(a.node, True))
    assert not a._questions


# -- messages


def test_messages_come_in_order_also_those_that_were_sent_before_there_is_a_stream(
    lab: Lab,
) -> None:
    a = lab.start()
    connect = lab.hold_connections()
    b = lab.start()
    assert b.node in a.nodes and not a._peers
    sent = [b"%d" % number for number in range(30)]
    for data in sent[:20]:
        a.send(b.node, "port", data)
    lab.turn()
    assert b.heard.messages == []
    connect()
    for data in sent[20:]:
        a.send(b.node, "port", data)
    b.send(a.node, "port", b"back")
    lab.turn()
    assert b.heard.messages == [(a.node, data) for data in sent]
    assert a.heard.messages == [(b.node, b"back")]


def test_what_is_sent_to_a_node_that_is_gone_is_told_and_not_from_inside_the_call(
    lab: Lab,
) -> None:
    a, b = lab.start(), lab.start()
    b.stop()
    lab.turn()
    a.heard.ended.clear()
    a.send(b.node, "port", b"x")
    assert a.heard.ended == []
    lab.turn()
    assert a.heard.ended == [b.node]


def test_what_waits_for_a_node_that_ends_before_it_is_connected_is_dropped(lab: Lab) -> None:
    a = lab.start()
    a._know({**a._nodes, "gone": "/nowhere"})
    a.send("gone", "port", b"x")
    a.publish("room", b"y")
    assert len(a._early["gone"]) == 2
    a._know({a.node: a._path})
    assert a.heard.ended == ["gone"]
    assert not a._early


def test_a_peer_that_says_what_there_is_not_is_ended(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    with capturedLogs() as logs:
        a._peers[b.node].say(9, b"")
        lab.turn()
    assert "there is no kind 9" in str(logs[0]["log_failure"].value)
    assert b.heard.ended == [a.node]


# -- publications


def subscribe(lab: Lab, bus: Any) -> list[bytes]:
    heard: list[bytes] = []
    assert lab.answer(bus.subscribe("room", heard.append)) is None
    return heard


def test_publications_come_to_the_others_that_subscribe(lab: Lab) -> None:
    a, b, c = lab.start(), lab.start(), lab.start()
    own, others = subscribe(lab, a), subscribe(lab, b)
    assert lab.answer(a.subscribers("room")) == lab.answer(c.subscribers("room")) == 2
    a.publish("room", b"1")
    a.publish("another", b"2")
    lab.turn()
    assert (own, others) == ([], [b"1"])
    b.unsubscribe("room")
    b.unsubscribe("room")
    lab.turn()
    assert lab.answer(a.subscribers("room")) == 1
    a.publish("room", b"3")
    lab.turn()
    assert others == [b"1"]


def test_one_that_starts_knows_who_subscribes(lab: Lab) -> None:
    a = lab.start()
    heard = subscribe(lab, a)
    b = lab.start()
    b.publish("room", b"x")
    lab.turn()
    assert heard == [b"x"]


def test_publications_before_it_is_known_which_nodes_there_are_wait_up_to_a_size(
    lab: Lab,
) -> None:
    a = lab.start()
    heard = subscribe(lab, a)
    b = lab.make()
    b.publish("room", b"first")
    b.publish("room", b"x" * WINDOW)
    b.publish("room", b"second")
    assert b.counters == {"publications_dropped": 1}
    b.start()
    lab.turn()
    assert heard == [b"first", b"second"]


def test_a_subscription_holds_once_all_nodes_know_of_it_and_the_dead_need_not(lab: Lab) -> None:
    a, b, c = lab.start(), lab.start(), lab.start()
    done: list[Any] = []
    a.subscribe("room", lambda data: None).addCallback(done.append)
    lab.kill(c)
    assert done == []
    lab.turn()
    assert done == [None]
    assert b._subscribers == {"room": {a.node}}


def test_a_node_that_is_gone_subscribes_to_nothing(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    subscribe(lab, b)
    assert lab.answer(a.subscribers("room")) == 1
    lab.kill(b)
    lab.turn()
    assert lab.answer(a.subscribers("room")) == 0
    a.publish("room", b"x")
    assert not a._early


def test_a_subscription_while_a_node_is_being_connected_is_told_to_it_then(lab: Lab) -> None:
    a = lab.start()
    connect = lab.hold_connections()
    b = lab.start()
    heard: list[bytes] = []
    done: list[Any] = []
    a.subscribe("room", heard.append).addCallback(done.append)
    lab.turn()
    assert done == []
    connect()
    assert done == [None]
    b.publish("room", b"x")
    lab.turn()
    assert heard == [b"x"]


@pytest.mark.parametrize("steps", range(12))
def test_a_subscription_comes_to_a_node_that_connects_before_the_parent_tells_of_it(
    lab: Lab, steps: int
) -> None:
    first, second = sorted([lab.make(), lab.make()], key=lambda bus: bus.node)
    second.start()
    lab.turn()
    know, late = second._know, []
    second._know = late.append
    first.start()
    for _ in range(steps):
        lab.step()
    heard: list[bytes] = []
    second.subscribe("room", heard.append)
    lab.turn()
    first.publish("room", b"x")
    lab.turn()
    assert heard == [b"x"]
    know(late.pop())
    second.unsubscribe("room")
    lab.turn()
    assert lab.answer(first.subscribers("room")) == 0


@pytest.mark.parametrize("more", range(6))
@pytest.mark.parametrize("steps", range(12))
def test_what_is_subscribed_to_only_while_a_node_is_being_connected_is_not_told_to_it_then(
    lab: Lab, steps: int, more: int
) -> None:
    first, second = sorted([lab.make(), lab.make()], key=lambda bus: bus.node)
    second.start()
    lab.turn()
    first.start()
    for _ in range(steps):
        lab.step()
    done = [bus.subscribe(bus.node, lambda _: None) for bus in (first, second)]
    for _ in range(more):
        lab.step()
    for bus in (first, second):
        bus.unsubscribe(bus.node)
    lab.turn()
    assert first._subscribers == second._subscribers == {}
    assert all(each.called for each in done)


def test_a_second_stream_of_a_node_is_refused(lab: Lab) -> None:
    a, b = lab.start(), lab.start()
    peer = a._peers[b.node]
    twin = type(peer)(a)
    twin.node = b.node
    assert not a.greeted(twin, [])
    assert a._peers == {b.node: peer}
    a.ended(twin)
    assert a._peers == {b.node: peer}
