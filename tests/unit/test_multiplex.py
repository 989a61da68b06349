"""Multiplexing: what each message of the framing does, and channels as connections."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import integers, lists, sampled_from
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.basic import LineReceiver

from txsockjs import Refused, SettingsError, SockJSConnection, testing
from txsockjs.actors.session import BaseSession
from txsockjs.actors.states import DRAINED, RECEIVED, State
from txsockjs.multiplex import MultiplexConnection, SockJSMultiplexResource
from txsockjs.utils import broadcast
from txsockjs.wire.proto import Message

from ..support.fakes import FakeReceiver, FakeServer, Producer
from ..support.memory import Connection, Lab
from ..support.pages import blocks
from ..support.speed import examples


class Person(SockJSConnection):
    """Notes its callbacks in its server's log, and does as a message says."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.name = type(self).__name__.lower()
        self.log: list[Any] = session.carrier.log
        self.gate: Deferred[None] | None = None
        session.carrier.people.append(self)

    def on_open(self, info: Any) -> Any:
        self.log.append(f"{self.name} open from {info.ip}")

    def on_message(self, message: Any) -> Any:
        self.log.append(f"{self.name} hears {message}")
        if message == "close":
            self.close(3001, "as told")
        elif message == "fail":
            raise RuntimeError("as told")
        elif message == "wait":
            self.gate = Deferred()
            return self.gate
        elif message.startswith("say "):
            self.send(message[4:])
        return None

    def on_event(self, event: Any) -> Any:
        self.log.append(f"{self.name} gets {event}")

    def on_close(self) -> Any:
        self.log.append(f"{self.name} closed {self.close_reason}")


class Ann(Person):
    pass


class Bob(Person):
    pass


class Closed(Person):
    def on_open(self, info: Any) -> bool:
        super().on_open(info)
        return False


class Members(Person):
    def on_open(self, info: Any) -> None:
        super().on_open(info)
        raise Refused(4003, "members only")


class Exchange(MultiplexConnection):
    channels = {"ann": Ann, "bob": Bob, "closed": Closed, "members": Members, "a,b ☃": Ann}

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.log: list[Any] = []
        self.people: list[Any] = []
        session.server.exchange = self


class Line:
    """A client's connection to an `Exchange`."""

    def __init__(self, connection: type[SockJSConnection] = Exchange, **options: Any) -> None:
        self.server = options.pop("server", None) or FakeServer(**options)
        self.session = BaseSession(connection, self.server)
        self.server.sessions.add(self.session)
        self.receiver = FakeReceiver().attach(self.session)
        self.exchange: Any = self.server.exchange
        self.log: list[Any] = self.exchange.log
        self.people: list[Any] = self.exchange.people

    def say(self, *messages: Any) -> None:
        self.session.tell(RECEIVED, list(messages))

    @property
    def heard(self) -> list[Any]:
        """What was delivered since the last time."""
        delivered, self.receiver.delivered = self.receiver.delivered, []
        return [str(message) for message in delivered]

    def settle(self) -> None:
        for person in self.people:
            if person.gate is not None and not person.gate.called:
                person.gate.callback(None)
        self.session.close()
        if self.session.state is not State.CLOSED:
            self.receiver.ready = True
            self.session.tell(DRAINED, self.receiver)
            self.receiver.vanish()
        for _ in range(3):
            self.server.reactor.advance(self.server.settings.disconnect_delay)
        assert len(self.server.sessions) == 0
        assert self.server.leaving == set()
        assert self.server.reactor.getDelayedCalls() == []
        opened = [entry for entry in self.log if " open " in entry]
        closed = [entry for entry in self.log if " closed " in entry]
        assert len(opened) == len(closed)


# -- the framing


def test_messages_go_to_the_channel_that_they_name() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,hello", "msg,bob,say hi")
    assert line.log == [
        "ann open from 192.0.2.1",
        "bob open from 192.0.2.1",
        "ann hears hello",
        "bob hears say hi",
    ]
    assert line.heard == ["msg,bob,hi"]
    line.settle()


@pytest.mark.parametrize("payload", ["a,b,,c,", "", ",", "uns,ann", "☃\n", "x" * 100000])
def test_a_payload_may_be_any_text(payload: str) -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,say " + payload)
    assert line.log[1:] == ["ann hears say " + payload]
    assert line.heard == ["msg,ann," + payload]
    line.settle()


def test_a_message_without_a_payload_is_an_empty_one() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann")
    assert line.log[1:] == ["ann hears "]
    line.settle()


def test_a_client_is_told_that_a_channel_does_not_exist() -> None:
    line = Line()
    line.say("sub,carl", "sub,", "sub", "sub,ANN")
    assert line.heard == ["uns,carl", "uns,", "uns,", "uns,ANN"]
    assert line.log == []
    line.settle()


@pytest.mark.parametrize(
    "noise",
    ["", ",", "msg", "msg,ann,lost", "uns,ann", "uns", "nothing,ann,x", "SUB,ann", b"sub,ann", "☃"],
)
def test_what_means_nothing_is_ignored(noise: Any) -> None:
    line = Line()
    line.say(noise, "sub,bob", noise, "msg,bob,say on")
    assert line.log == ["bob open from 192.0.2.1", "bob hears say on"]
    assert line.heard == ["msg,bob,on"]
    line.settle()


def test_a_second_subscription_changes_nothing() -> None:
    line = Line()
    line.say("sub,ann", "sub,ann", "msg,ann,once")
    assert line.log == ["ann open from 192.0.2.1", "ann hears once"]
    assert line.heard == []
    line.settle()


def test_a_client_may_unsubscribe_and_come_back() -> None:
    line = Line()
    line.say("sub,ann", "uns,ann", "uns,ann", "msg,ann,lost", "sub,ann", "msg,ann,found")
    assert line.log == [
        "ann open from 192.0.2.1",
        "ann closed (1000, 'Unsubscribed')",
        "ann open from 192.0.2.1",
        "ann hears found",
    ]
    assert line.people[0].is_closed
    assert not line.people[1].is_closed
    assert line.heard == []
    line.settle()


def test_what_was_said_before_unsubscribing_is_handled_first() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,wait", "msg,ann,last words", "uns,ann")
    assert line.log[1:] == ["ann hears wait"]
    line.people[0].gate.callback(None)
    assert line.log[2:] == ["ann hears last words", "ann closed (1000, 'Unsubscribed')"]
    line.settle()


def test_who_comes_back_waits_until_the_channel_that_was_left_is_done() -> None:
    line = Line(mailbox_limit=1000)
    for _ in range(100):
        line.say("sub,ann", "msg,ann,wait", f"msg,ann,{'x' * 500}", "uns,ann")
    assert len(line.people) == 1
    assert line.session.room() is not None  # so the client is held
    line.say("sub,bob")
    assert len(line.people) == 1
    line.people[0].gate.callback(None)
    assert line.log[2:4] == [f"ann hears {'x' * 500}", "ann closed (1000, 'Unsubscribed')"]
    assert [person.name for person in line.people] == ["ann", "ann"]
    line.settle()


def test_who_comes_back_to_a_channel_that_closed_itself_waits_too() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,wait")
    line.people[0].close()
    line.say("sub,ann")
    assert len(line.people) == 1
    line.people[0].gate.callback(None)
    line.server.reactor.advance(0)
    assert line.log[2:] == ["ann closed (3000, 'Go away!')", "ann open from 192.0.2.1"]
    line.settle()


def test_who_left_a_busy_channel_uses_the_others() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,wait", "uns,ann", "msg,bob,say x")
    assert line.heard == ["msg,bob,x"]
    line.people[0].gate.callback(None)
    line.settle()


def test_the_end_of_the_connection_ends_the_wait_for_a_channel() -> None:
    line = Line()
    line.say("sub,ann")
    line.people[0].on_close = Deferred  # type: ignore[method-assign]
    line.say("uns,ann", "sub,ann")
    line.session.close()
    line.server.reactor.advance(0)
    line.server.reactor.advance(line.server.settings.disconnect_delay)
    assert line.log == ["ann open from 192.0.2.1"]
    assert line.session.connection is None
    line.server.leaving.clear()  # that channel never ends
    line.log.clear()
    line.settle()


def test_a_channel_is_named_as_the_client_escapes_it() -> None:
    line = Line()
    line.say("sub,a%2Cb%20%u2603", "msg,a%2Cb%20%u2603,say x")
    assert line.heard == ["msg,a%2Cb%20%u2603,x"]
    line.settle()


# -- the end of a channel


def test_a_channel_closes_itself_and_the_others_live_on() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,say bye", "msg,ann,close", "msg,ann,lost", "msg,bob,x")
    assert line.log[2:] == [
        "ann hears say bye",
        "ann hears close",
        "bob hears x",
        "ann closed (3001, 'as told')",
    ]
    assert line.heard == ["msg,ann,bye", "uns,ann"]
    line.people[0].send("too late")
    line.people[0].close()
    assert line.heard == []
    line.say("sub,ann")
    assert line.log[-1] == "ann open from 192.0.2.1"
    line.settle()


def test_a_channel_that_closes_just_before_the_client_unsubscribes_ends_once() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,close", "uns,ann", "sub,ann", "msg,ann,say again")
    # The client never hears of an end that would be that of its second subscription.
    assert line.heard == ["msg,ann,again"]
    assert line.log.count("ann closed (3001, 'as told')") == 1
    line.settle()


def test_a_subscription_behind_the_end_of_the_same_channel_ends_with_it() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,close", "sub,ann", "msg,ann,lost")
    assert line.heard == ["uns,ann"]
    assert line.log.count("ann open from 192.0.2.1") == 1
    line.settle()


@pytest.mark.parametrize(
    ("name", "reason"), [("closed", (3000, "Go away!")), ("members", (4003, "members only"))]
)
def test_a_channel_may_refuse(name: str, reason: tuple[int, str]) -> None:
    line = Line()
    line.say(f"sub,{name}", f"msg,{name},lost")
    assert line.heard == [f"uns,{name}"]
    assert line.people[0].close_reason == reason
    assert line.log == [f"{name} open from 192.0.2.1", f"{name} closed {reason}"]
    assert not line.session.is_closed
    line.settle()


def test_a_failure_ends_its_own_channel() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,fail", "msg,bob,say still here")
    assert line.heard == ["uns,ann", "msg,bob,still here"]
    assert line.log[-1] == "ann closed (1011, 'Internal error')"
    assert not line.session.is_closed
    line.settle()


@pytest.mark.parametrize("slow", [False, True])
def test_an_aborted_channel_sends_nothing_more_and_harms_no_other(slow: bool) -> None:
    line = Line()
    line.say("sub,ann", "sub,bob")
    ann, bob = line.people
    ann.register_producer(Producer(), True)
    if slow:
        line.receiver.stall()
        ann.send("x" * 70000)
        ann.send("x" * 70000)
    else:
        line.server.scheduler.turn(lambda: (ann.send("lost"), ann.session.abort()))
    ann.session.abort()
    ann.send("lost")
    bob.send("still here")
    line.receiver.drain()
    assert [message for message in line.heard if "x" not in message] == [
        "uns,ann",
        "msg,bob,still here",
    ]
    line.server.reactor.advance(0)
    assert line.log[2:] == ["ann closed (3000, 'Go away!')"]
    assert not line.session.is_closed
    line.settle()


@pytest.mark.parametrize("how", ["vanish", "close"])
def test_the_end_of_the_connection_is_the_end_of_each_channel_once(how: str) -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,say x", "msg,bob,wait", "msg,bob,more")
    if how == "vanish":
        line.receiver.vanish()
        reason = "(1002, 'Connection interrupted')"
    else:
        line.session.close(3009, "enough")
        reason = "(3009, 'enough')"
    line.server.reactor.advance(0)
    assert line.log[4:] == [f"ann closed {reason}"]
    line.people[1].gate.callback(None)
    assert line.log[5:] == ["bob hears more", f"bob closed {reason}"]
    line.settle()


def test_a_callback_that_never_ends_is_cancelled_when_the_connection_is_gone() -> None:
    line = Line(disconnect_delay=5)
    line.say("sub,ann", "msg,ann,wait", "msg,ann,never")
    line.receiver.vanish()
    line.server.reactor.advance(4)
    assert line.log[1:] == ["ann hears wait"]
    line.server.reactor.advance(1)
    assert line.log[2:] == ["ann closed (1002, 'Connection interrupted')"]
    line.settle()


def test_a_refused_connection_carries_nothing() -> None:
    class Nobody(Exchange):
        def on_open(self, info: Any) -> bool:
            return False

    line = Line(Nobody)
    line.say("sub,ann")
    assert line.log == []
    assert line.receiver.heard == ["o", "c3000 Go away!"]
    line.settle()


# -- what connections do


def test_all_that_a_turn_sends_goes_out_in_one_frame() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,say 1", "msg,bob,say 2", "msg,ann,say 3")
    assert line.receiver.heard == ["o", "amsg,ann,1,msg,ann,3,msg,bob,2"]
    line.settle()


def test_a_channel_has_the_info_of_its_connection() -> None:
    line = Line()
    line.say("sub,ann")
    [ann] = line.people
    assert ann.info is line.session.info
    assert ann.session.carrier is line.exchange
    assert repr(ann.session).endswith(
        "channel ann open attached from 192.0.2.1 to Ann, 0 messages to send, 0 bytes to handle>"
    )
    line.settle()


def test_only_text_fits_into_a_channel() -> None:
    line = Line()
    line.say("sub,ann")
    for message in (b"bytes", 5):
        with pytest.raises(TypeError, match="a message must be str on a channel, not"):
            line.people[0].send(message)
    with pytest.raises(ValueError, match="a close code must be"):
        line.people[0].close(1006)
    line.settle()


def test_events_reach_a_channel_in_order_with_its_messages() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,wait", "msg,ann,x")
    line.people[0].post("news")
    line.people[0].gate.callback(None)
    assert line.log[1:] == ["ann hears wait", "ann hears x", "ann gets news"]
    line.settle()


def test_a_broadcast_is_encoded_once_for_each_channel_name() -> None:
    server = FakeServer()
    lines = [Line(server=server) for _ in range(3)]
    for line in lines:
        line.say("sub,ann")
        line.receiver.delivered.clear()
    lines[0].people[0].broadcast([line.people[0] for line in lines], "to, all")
    first, *others = [line.receiver.delivered for line in lines]
    assert first == ["msg,ann,to, all"]
    assert type(first[0]) is Message
    assert all(other[0] is first[0] for other in others)
    for line in lines:
        line.session.close()
        line.receiver.vanish()
    lines[0].settle()


def test_a_connection_can_carry_channels_of_two_routers() -> None:
    one, two = Line(), Line()
    for line in (one, two):
        line.say("sub,ann", "msg,ann,say x")
        assert line.people[0].session.server.scheduler is line.server.scheduler
        line.settle()


def test_one_that_waits_holds_up_no_other() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob", "msg,ann,wait", "msg,ann,later", "msg,bob,say now")
    assert line.log[2:] == ["ann hears wait", "bob hears say now"]
    line.people[0].gate.callback(None)
    assert line.log[4:] == ["ann hears later"]
    line.settle()


def test_the_client_waits_for_a_channel_whose_mailbox_is_full() -> None:
    line = Line(mailbox_limit=1000)
    line.say("sub,ann", "sub,bob", "msg,ann,wait")
    line.say("msg,ann," + "x" * 1000, "msg,bob,behind")
    line.say("msg,bob," + "y" * 1000)
    assert line.log[2:] == ["ann hears wait"]
    # Now it is felt by the transport.
    assert line.session.room() is not None
    line.people[0].gate.callback(None)
    assert [entry[:10] for entry in line.log[3:]] == ["ann hears ", "bob hears ", "bob hears "]
    assert line.session.room() is None
    line.settle()


def test_what_channels_drop_is_counted_with_the_rest() -> None:
    line = Line()
    line.say("sub,ann", "msg,ann,wait", "msg,ann,lost")
    [ann] = line.people
    ann.close()
    ann.send("lost")
    assert line.server.stats.dump()["messages_dropped"] == 2
    assert line.server.stats.dump()["sessions_active"] == 1
    assert line.server.stats.packets_rcv_ps.accumulator == 3
    line.settle()


def test_a_channel_has_no_timer() -> None:
    line = Line()
    before = len(line.server.reactor.getDelayedCalls())
    line.say("sub,ann", "sub,bob")
    assert len(line.server.reactor.getDelayedCalls()) == before
    line.settle()


# -- producers and slow clients


class Pull:
    """A producer that sends a lump whenever it is asked, ``left`` times."""

    def __init__(self, connection: SockJSConnection, left: int = 100) -> None:
        self.connection = connection
        self.left = left

    def resumeProducing(self) -> None:
        if self.left:
            self.left -= 1
            self.connection.send("x" * 10000)
        else:
            self.connection.unregister_producer()

    def stopProducing(self) -> None:
        self.left = 0


def test_a_producer_waits_for_a_slow_client() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob")
    ann, bob = line.people
    producer = Producer()
    ann.register_producer(producer, True)
    line.receiver.stall()
    bob.send("x" * 70000)
    bob.send("x")
    assert producer.told == ["pause"]
    ann.send("kept")
    bob.send("passed on")
    line.receiver.drain()
    assert producer.told == ["pause", "resume"]
    assert [message[:12] for message in line.heard][2:] == ["msg,bob,pass", "msg,ann,kept"]
    ann.close()
    line.server.reactor.advance(0)
    assert producer.told == ["pause", "resume", "stop"]
    line.settle()


def test_a_producer_that_comes_while_the_client_is_slow_is_held_at_once() -> None:
    line = Line()
    line.say("sub,ann", "sub,bob")
    ann, bob = line.people
    bob.register_producer(Producer(), True)
    line.receiver.stall()
    bob.send("x" * 70000)
    bob.send("x" * 70000)
    push, pull = Producer(), Pull(ann)
    ann.register_producer(push, True)
    assert push.told == ["pause"]
    ann.unregister_producer()
    ann.register_producer(pull, False)
    assert pull.left == 100
    with pytest.raises(RuntimeError, match="another producer"):
        ann.register_producer(push, True)
    line.receiver.drain()
    assert pull.left == 0
    assert [message[:9] for message in line.heard].count("msg,ann,x") == 100
    line.settle()


def test_a_pull_producer_is_asked_no_more_than_the_client_reads() -> None:
    line = Line()
    line.say("sub,ann")
    [ann] = line.people
    line.receiver.stall()
    pull = Pull(ann)
    ann.register_producer(pull, False)
    assert 80 < pull.left < 100
    line.receiver.drain()
    assert pull.left == 0
    line.settle()


def test_what_is_unregistered_while_the_client_is_slow_is_flushed() -> None:
    line = Line()
    line.say("sub,ann")
    [ann] = line.people
    push = Producer()
    ann.register_producer(push, True)
    line.receiver.stall()
    ann.send("x" * 70000)
    ann.send("x" * 70000)
    ann.send("last")
    ann.unregister_producer()
    ann.close()
    line.receiver.drain()
    assert [message[:12] for message in line.heard][2:] == ["msg,ann,last", "uns,ann"]
    line.settle()


def test_a_producer_at_a_closed_channel_is_stopped() -> None:
    line = Line()
    line.say("sub,ann")
    [ann] = line.people
    ann.close()
    push = Producer()
    ann.register_producer(push, True)
    ann.unregister_producer()
    assert push.told == ["stop"]
    assert line.heard == ["uns,ann"]
    line.settle()


@pytest.mark.parametrize("producing", [False, True])
def test_a_client_that_does_not_read_loses_the_whole_connection(producing: bool) -> None:
    line = Line(send_limit=200000)
    line.say("sub,ann", "sub,bob")
    ann, bob = line.people
    if producing:
        ann.register_producer(Producer(), True)
    line.receiver.stall()
    for _ in range(100):
        ann.send("x" * 10000)
    line.server.reactor.advance(0)
    assert line.receiver.aborted
    assert line.session.close_reason == (1008, "Slow consumer")
    assert line.server.stats.slow_consumers == 1
    assert sorted(line.log[2:]) == [
        "ann closed (1008, 'Slow consumer')",
        "bob closed (1008, 'Slow consumer')",
    ]
    assert bob.is_closed
    line.settle()


# -- classes and resources


def test_a_class_has_its_own_channels_and_inherits_them() -> None:
    class More(Exchange):
        channels = {"bob": Bob}

    class Same(More):
        pass

    for connection in (More, Same, MultiplexConnection.get(bob=Bob)):
        line = Line(type("Noting", (connection, Exchange), {"channels": connection.channels}))
        line.say("sub,ann", "sub,bob")
        assert line.heard == ["uns,ann"]
        assert line.log == ["bob open from 192.0.2.1"]
        line.settle()


@pytest.mark.parametrize(
    ("name", "connection", "problem"),
    [
        ("", Ann, "a channel's name must be a str that is not empty, not ''"),
        (b"ann", Ann, "a channel's name must be a str that is not empty, not b'ann'"),
        ("ann", Ann, "a channel can be added once, ann is there twice"),
        ("carl", int, "channel carl must be served by a subclass of SockJSConnection, not <class"),
    ],
)
def test_a_channel_that_makes_no_sense_is_refused(name: Any, connection: Any, problem: str) -> None:
    resource = SockJSMultiplexResource(reactor=FakeServer().reactor)
    resource.addConnection("ann", Ann)
    with pytest.raises(SettingsError, match=problem):
        resource.addConnection(name, connection)


def test_a_setting_of_a_resource_is_checked() -> None:
    with pytest.raises(SettingsError, match="heartbeat_delay must be"):
        SockJSMultiplexResource(heartbeat_delay=-1)


class Echo(SockJSConnection):
    def on_message(self, message: Any) -> None:
        self.send(message)


def test_a_resource_serves_what_was_added_to_it() -> None:
    lab = Lab()
    resource = SockJSMultiplexResource(reactor=lab.clock, heartbeat_delay=60)
    resource.addConnection("echo", Echo)
    assert resource.router.settings.heartbeat_delay == 60
    page = Connection(resource, lab.clock).request("GET", "/")
    assert page.body == b"Welcome to SockJS!\n"
    socket = Connection(resource, lab.clock).upgrade("/0/one/websocket")
    socket.take()
    socket.say(b'["sub,echo","msg,echo,\xe2\x98\x83"]')
    assert socket.take() == b'\x81\x11a["msg,echo,\xe2\x98\x83"]'
    raw = Connection(resource, lab.clock).upgrade("/websocket")
    raw.take()
    for message in (b"sub,echo", b"msg,echo,x"):
        raw.say(message)
    assert raw.take() == b"\x81\x0amsg,echo,x"
    gone: list[object] = []
    resource.router.close().addCallback(gone.append)
    socket.vanish()
    raw.vanish()
    lab.pass_time(10)
    assert gone == [None]
    lab.settle()


def test_two_resources_share_no_channels() -> None:
    clock = FakeServer().reactor
    one, two = (SockJSMultiplexResource(reactor=clock) for _ in range(2))
    one.addConnection("echo", Echo)
    two.addConnection("echo", Ann)
    socket = Connection(one, clock).upgrade("/0/one/websocket")
    socket.say(b'["sub,echo","msg,echo,x"]')
    assert socket.take().endswith(b'a["msg,echo,x"]')
    socket.vanish()


def test_a_router_that_closes_waits_for_its_channels() -> None:
    lab = Lab(Exchange)
    socket = lab.upgrade()
    socket.say(b'["sub,ann","msg,ann,wait"]')
    exchange = next(iter(lab.router.sessions)).connection
    [ann] = exchange.people
    gone: list[object] = []
    lab.router.close().addCallback(gone.append)
    socket.vanish()
    lab.pass_time(1)
    assert gone == []
    ann.gate.callback(None)
    assert gone == [None]
    assert exchange.log[-1] == "ann closed (3000, 'Go away!')"
    lab.settle()


def test_the_code_of_the_documentation_does_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    server_code, resource_code = blocks("multiplexing", "python")
    names: dict[str, Any] = {}
    exec(server_code, names)

    class Noting(names["Services"]):  # type: ignore[misc]
        def __init__(self, session: Any) -> None:
            super().__init__(session)
            session.server.exchange = self
            self.log: list[Any] = []
            self.people: list[Any] = []

    line = Line(Noting)
    line.say("sub,echo", "sub,news", "msg,echo,hello, world", "msg,news,extra")
    assert line.heard == ["msg,echo,hello, world", "msg,news,extra"]
    line.settle()

    make = functools.partial(SockJSMultiplexResource, reactor=MemoryReactorClock())
    monkeypatch.setattr("txsockjs.multiplex.SockJSMultiplexResource", make)
    exec(resource_code, names)
    router = names["services"].router
    page = Connection(names["root"], router.reactor).request("GET", "/multiplex")
    assert page.body == b"Welcome to SockJS!\n"
    client = testing.connect(router)
    client.send("sub,shout", "sub,news", "msg,shout,hello\r\n", "msg,news,extra")
    assert sorted(client.messages) == ["msg,news,extra", "msg,shout,HELLO\r\n"]
    testing.settle(router)


# -- protocols that know nothing of SockJS


class Lines(LineReceiver):
    """Answers each line, or ends in one of the ways that protocols have."""

    def connectionMade(self) -> None:
        self.factory.lines.append(self)
        self.sendLine(b"hello " + self.transport.getPeer().host.encode())

    def lineReceived(self, line: bytes) -> None:
        if line == b"lose":
            self.sendLine(b"bye")
            self.transport.loseConnection()
        elif line == b"abort":
            self.transport.write(b"never")
            self.transport.abortConnection()
        elif line == b"binary":
            self.transport.write(b"\xff")
        else:
            self.sendLine(line.upper())

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.ends.append(reason.type)


def make_lines() -> Any:
    factory: Any = Factory.forProtocol(Lines)
    factory.lines, factory.ends, factory.noisy = [], [], False
    return factory


def make_resource(factory: Any) -> Any:
    resource = SockJSMultiplexResource(reactor=MemoryReactorClock())
    resource.addFactory("lines", factory)
    resource.addConnection("echo", Echo)
    resource.router.reactor.run()
    return resource


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_a_factory_is_served_unchanged(transport: str) -> None:
    factory = make_lines()
    resource = make_resource(factory)
    assert factory.numPorts == 1
    client = testing.connect(resource.router, transport)
    client.send("sub,lines", "sub,echo", "msg,lines,a,b\r\nc", "msg,echo,x", "msg,lines,d\r\n")
    assert sorted(client.take()) == [
        "msg,echo,x",
        "msg,lines,A,B\r\n",
        "msg,lines,CD\r\n",
        "msg,lines,hello 192.0.2.1\r\n",
    ]
    client.send("msg,lines,lose\r\n", "msg,echo,still here")
    assert sorted(client.take()) == ["msg,echo,still here", "msg,lines,bye\r\n", "uns,lines"]
    client.drop()
    client.advance(1)
    assert factory.ends == [ConnectionDone]
    testing.settle(resource.router)
    resource.close()
    assert factory.numPorts == 0


@pytest.mark.parametrize("transport", ["websocket", "rawwebsocket"])
@pytest.mark.parametrize("line", ["abort", "binary"])
def test_a_protocol_that_fails_ends_its_channel_alone(line: str, transport: str) -> None:
    factory = make_lines()
    resource = make_resource(factory)
    client = testing.connect(resource.router, transport)
    client.send("sub,lines", "sub,echo")
    client.take()
    client.send(f"msg,lines,{line}\r\n", "msg,echo,still here")
    assert sorted(client.take()) == ["msg,echo,still here", "uns,lines"]
    client.advance(1)
    assert factory.ends == [ConnectionLost]
    testing.settle(resource.router)


def test_a_lost_connection_is_lost_to_each_protocol_once() -> None:
    factory = make_lines()
    resource = make_resource(factory)
    clients = [testing.connect(resource.router) for _ in range(2)]
    for client in clients:
        client.send("sub,lines")
    clients[0].drop()
    clients[1].send("uns,lines")
    clients[1].advance(1)
    assert factory.ends == [ConnectionLost, ConnectionDone]
    testing.settle(resource.router)
    assert len(factory.ends) == 2


def test_protocols_on_channels_can_be_broadcast_to() -> None:
    factory = make_lines()
    resource = make_resource(factory)
    clients = [testing.connect(resource.router, "xhr") for _ in range(3)]
    for client in clients:
        client.send("sub,lines")
        client.take()
    broadcast(b"to, all", [protocol.transport for protocol in factory.lines])
    assert [client.take() for client in clients] == [["msg,lines,to, all"]] * 3
    testing.settle(resource.router)


def test_a_factory_of_a_closed_resource_is_not_started() -> None:
    factory = make_lines()
    resource = SockJSMultiplexResource(reactor=MemoryReactorClock())
    resource.addFactory("lines", factory)
    resource.close()
    resource.router.reactor.run()
    assert factory.numPorts == 0


def test_the_options_of_txsockjs_1_are_understood() -> None:
    with pytest.warns(DeprecationWarning, match="heartbeat"):
        resource = SockJSMultiplexResource({"heartbeat": 7}, reactor=MemoryReactorClock())
    assert resource.router.settings.heartbeat_delay == 7
    with pytest.raises(SettingsError, match="fallback_encoding must be"):
        SockJSMultiplexResource(fallback_encoding="klingon")
    with pytest.raises(TypeError, match="factory must have a buildProtocol"):
        resource.addFactory("lines", Lines)


def test_bytes_may_be_read_in_another_encoding() -> None:
    resource = SockJSMultiplexResource(reactor=MemoryReactorClock(), fallback_encoding="latin-1")
    resource.addFactory("lines", make_lines())
    client = testing.connect(resource.router)
    client.send("sub,lines")
    client.take()
    client.send("msg,lines,binary\r\n")
    assert client.take() == ["msg,lines,\xff"]
    testing.settle(resource.router)


# -- any order


class Traffic(RuleBasedStateMachine):
    """One connection, its channels and its client, doing anything in any order."""

    line: Line
    NAMES = ("ann", "bob", "carl")

    @initialize(immediate=sampled_from([True, False]))
    def open(self, immediate: bool) -> None:
        self.line = Line(immediate_flush=immediate)
        self.said: dict[Any, list[str]] = {}
        self.sent = 0
        self.gone = False

    @property
    def open_people(self) -> list[Any]:
        return [person for person in self.line.people if not person.is_closed]

    @rule(
        batch=lists(
            sampled_from(["sub,", "uns,", "msg,"]).flatmap(
                lambda kind: sampled_from([kind + name for name in Traffic.NAMES])
            ),
            min_size=1,
            max_size=5,
        ),
        words=lists(sampled_from(["a,b", "close", "wait", "fail", "say x,y"]), min_size=5),
    )
    def the_client_says(self, batch: list[str], words: list[str]) -> None:
        messages = [
            f"{order},{word}" if order.startswith("msg") else order
            for order, word in zip(batch, words)
        ]
        self.line.say(*messages)

    @precondition(lambda self: self.line.people)
    @rule(number=integers(0, 20))
    def a_channel_sends(self, number: int) -> None:
        people = self.line.people
        people[number % len(people)].send("pushed")

    @precondition(lambda self: self.line.people)
    @rule(number=integers(0, 20))
    def a_channel_closes(self, number: int) -> None:
        people = self.line.people
        people[number % len(people)].close()

    @precondition(lambda self: self.line.people)
    @rule(number=integers(0, 20))
    def a_callback_is_done(self, number: int) -> None:
        people = self.line.people
        gate = people[number % len(people)].gate
        if gate is not None and not gate.called:
            gate.callback(None)

    @rule()
    def the_client_reads_nothing(self) -> None:
        self.line.receiver.stall()

    @rule(seconds=integers(0, 8))
    def time_goes_by(self, seconds: int) -> None:
        self.line.server.reactor.advance(seconds)

    @precondition(lambda self: not self.gone)
    @rule()
    def the_client_reads_again(self) -> None:
        if not any(frame.startswith("c") for frame in self.line.receiver.heard):
            self.line.receiver.drain()

    @rule()
    def the_client_vanishes(self) -> None:
        self.gone = True
        self.line.receiver.vanish()

    @rule()
    def the_application_closes_it_all(self) -> None:
        self.line.session.close()

    @invariant()
    def there_is_one_open_channel_to_a_name(self) -> None:
        names = [person.name for person in self.open_people]
        assert len(names) == len(set(names))

    @invariant()
    def callbacks_come_in_their_order(self) -> None:
        for name in ("ann", "bob"):
            calls = [entry.split()[1] for entry in self.line.log if entry.startswith(name)]
            assert calls.count("closed") <= calls.count("open")
            assert calls[:1] in ([], ["open"])

    @invariant()
    def the_client_hears_of_channels_it_asked_for(self) -> None:
        for message in self.line.receiver.delivered:
            kind, _, rest = str(message).partition(",")
            assert kind in ("msg", "uns")
            assert rest.partition(",")[0] in self.NAMES
            assert kind == "uns" or rest.partition(",")[2] in ("x,y", "pushed")

    def teardown(self) -> None:
        if hasattr(self, "line"):
            for person in self.line.people:
                # The messages behind may say it again.
                while person.gate is not None and not person.gate.called:
                    person.gate.callback(None)
            self.line.settle()


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=examples(200), stateful_step_count=30, deadline=None)
