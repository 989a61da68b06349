"""Rooms of one process: who hears what, when a room ends, and what is refused."""

import json
import sys

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from txsockjs import SettingsError, SockJSConnection, SockJSRouter
from txsockjs.multiplex import MultiplexConnection
from txsockjs.protocols.connection import connection_class
from txsockjs.testing import connect

TRANSPORTS = ["websocket", "rawwebsocket", "xhr_streaming", "xhr", "eventsource", "jsonp"]


class Person(SockJSConnection):
    """Does what it is told, in words of JSON: ``[method, room, ...]``."""

    def on_open(self, info):
        self.told = []
        self.people[info.get_argument("name")] = self

    def on_message(self, message):
        what, room, *rest = json.loads(message)
        if what in ("join", "leave"):
            getattr(self, what)(room, *rest)
        else:
            getattr(self.room(room), what)(*rest)

    def on_event(self, event):
        self.told.append(event)

    def on_gap(self, room):
        self.told.append(("gap", room))


class Watcher(Person):
    def on_presence(self, room, joined, left):
        self.told.append((room, joined, left))


class House:
    """A router and the people who came."""

    def __init__(self, cls=Person, **settings):
        self.people = {}
        self.connection = type(cls.__name__, (cls,), {"people": self.people})
        self.router = SockJSRouter(self.connection, "/chat", reactor=Clock(), **settings)

    def enter(self, name, *rooms, transport="websocket"):
        client = connect(self.router, transport, query=f"name={name}")
        for room in rooms:
            self.people[name].join(room)
        return client

    def now(self, deferred):
        answers = []
        deferred.addCallback(answers.append)
        return answers[0]


@pytest.fixture
def house():
    house = House()
    yield house
    end(house)


def end(house):
    house.router.close(patience=0)
    house.router.reactor.advance(0)
    assert house.router.rooms.joined == {}
    assert house.router.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_reaches_all_members_and_nobody_else(house, transport):
    ann = house.enter("ann", "tea", transport=transport)
    bob = house.enter("bob", "tea", "coffee")
    cat = house.enter("cat", "coffee")
    house.people["ann"].room("tea").send("hello")
    assert [client.take() for client in (ann, bob, cat)] == [["hello"], ["hello"], []]


def test_whoever_speaks_need_not_be_a_member_and_may_be_left_out(house):
    ann, bob = house.enter("ann", "tea"), house.enter("bob", "tea")
    bob.send(json.dumps(["send", "tea", "hi"]))
    house.people["bob"].room("tea").send("not to me", exclude=house.people["bob"])
    house.router.room("tea").send("from the program")
    house.router.room("nobody is here").send("unheard")
    assert ann.take() == ["hi", "not to me", "from the program"]
    assert bob.take() == ["hi", "from the program"]


def calls(do):
    """How many functions are called."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count


def test_speaking_to_a_room_costs_no_more_than_a_broadcast(house):
    clients = [house.enter(f"p{n}", "tea") for n in range(100)]
    room = house.router.room("tea")
    everybody = list(house.people.values())
    broadcast = calls(lambda: house.router.broadcast(everybody, "broadcast"))
    assert calls(lambda: room.send("room")) <= broadcast + 5
    assert all(client.take() == ["broadcast", "room"] for client in clients)


def test_what_is_said_in_a_turn_is_one_frame(house):
    client = house.enter("ann", "tea", transport="xhr")
    house.router.scheduler.turn(lambda: [house.router.room("tea").send(text) for text in "abc"])
    assert client.take() == ["a", "b", "c"]


def test_whoever_leaves_or_ends_hears_nothing_more(house):
    ann, bob = house.enter("ann", "tea"), house.enter("bob", "tea")
    assert house.people["ann"].rooms == ("tea",)
    house.people["ann"].leave("tea")
    house.people["ann"].leave("tea")
    assert house.people["ann"].rooms == ()
    house.router.room("tea").send("bye")
    assert (ann.take(), bob.take()) == ([], ["bye"])
    connection = house.people["bob"]
    bob.close()
    bob.advance(1)
    assert house.router.rooms.joined == {}
    assert connection.rooms == ()
    connection.join("tea")
    assert house.now(house.router.room("tea").count()) == 0


def test_a_session_that_closes_is_no_member_from_then_on(house):
    client = house.enter("ann", "tea")

    def leave():
        house.people["ann"].close()
        house.router.room("tea").send("after the end")

    house.router.scheduler.turn(leave)
    assert client.take() == []
    assert client.close_reason == (3000, "Go away!")


def test_on_close_may_still_speak(house):
    ann = house.enter("ann", "tea")
    house.enter("bob", "tea")
    house.people["bob"].on_close = lambda: house.router.room("tea").send("bob left")
    house.people["bob"].close()
    house.router.reactor.advance(0)
    assert ann.take() == ["bob left"]


def test_joining_twice_is_being_there_once(house):
    ann = house.enter("ann", "tea", "tea")
    house.router.room("tea").send("once")
    assert ann.take() == ["once"]
    assert house.now(house.router.room("tea").count()) == 1


def test_events_reach_the_members_as_json_has_them(house):
    house.enter("ann", "tea"), house.enter("bob", "tea"), house.enter("cat")
    house.router.room("tea").post({"at": (1, 2.5), "who": None})
    event = {"at": [1, 2.5], "who": None}
    assert house.people["ann"].told == house.people["bob"].told == [event]
    assert house.people["cat"].told == []


def test_a_room_can_be_closed(house):
    ann, bob = house.enter("ann", "tea"), house.enter("bob")
    house.router.room("tea").send("last orders")
    house.router.room("tea").close(4001, "Closing time")
    assert ann.take() == ["last orders"]
    assert ann.close_reason == (4001, "Closing time")
    assert bob.is_open


def test_members_and_their_number_can_be_asked_for(house):
    house.enter("ann", "tea"), house.enter("bob")
    house.people["bob"].join("tea", {"name": "Bob"})
    room = house.router.room("tea")
    assert house.now(room.members()) == [None, {"name": "Bob"}]
    assert house.now(room.count()) == 2
    house.people["bob"].join("tea", "Robert")
    assert house.now(room.members()) == [None, "Robert"]
    assert house.now(house.router.room("empty").members()) == []


def test_who_wants_to_know_is_told_once_in_a_turn_who_came_and_went():
    house = House(Watcher)
    house.enter("ann", "tea")
    ann = house.people["ann"].told
    assert ann == [("tea", [None], [])]
    house.enter("bob"), house.enter("cat")
    bob, cat = house.people["bob"], house.people["cat"]

    def come_and_go():
        bob.join("tea", "Bob")
        cat.join("tea", "Cat")
        bob.join("tea", "Bobby")
        cat.leave("tea")

    house.router.scheduler.turn(come_and_go)
    assert ann[1:] == bob.told == [("tea", ["Bobby"], [])]
    assert cat.told == []
    bob.join("tea", "Bobby")
    bob.join("tea", "Rob")
    assert ann[2:] == [("tea", ["Rob"], ["Bobby"])]
    bob.close()
    house.router.reactor.advance(0)
    assert ann[3:] == [("tea", [], ["Rob"])]
    end(house)


def test_a_gap_ends_sessions_that_ask_for_it_and_is_told_to_others(house):
    house.enter("ann", "tea")
    bob = house.enter("bob", "tea")
    house.people["bob"].close_on_gap = True
    house.router.rooms.gap(("", "tea"))
    house.router.rooms.gap(("", "empty"))
    assert house.people["ann"].told == [("gap", "tea")]
    assert bob.close_reason == (1013, "Messages were missed")


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        (None, TypeError, "name of a room must be str, not None"),
        (b"tea", TypeError, "must be str, not b'tea'"),
        ("", ValueError, "1 to 200 bytes, not 0"),
        ("\u2603" * 67, ValueError, "1 to 200 bytes, not 201"),
        ("\ud800", ValueError, "text that UTF-8 has"),
    ],
)
def test_wrong_names_are_refused(house, name, error, words):
    house.enter("ann")
    for use in (house.people["ann"].join, house.people["ann"].leave, house.router.room):
        with pytest.raises(error, match=words):
            use(name)
    house.router.room("x" * 200)


@pytest.mark.parametrize(
    ("presence", "error", "words"),
    [
        ({1, 2}, TypeError, "a presence must be JSON"),
        (float("nan"), ValueError, "a presence must be JSON"),
        ("\u2603" * 1365, ValueError, "at most 4096 bytes, not 4097"),
    ],
)
def test_wrong_presences_are_refused(house, presence, error, words):
    house.enter("ann")
    with pytest.raises(error, match=words):
        house.people["ann"].join("tea", presence)
    assert house.people["ann"].rooms == ()


def test_what_can_not_be_said_is_refused(house):
    house.enter("ann", "tea")
    room = house.router.room("tea")
    with pytest.raises(TypeError, match="a message must be str in a room, not b'x'"):
        room.send(b"x")
    with pytest.raises(TypeError, match="an event must be JSON"):
        room.post(object())
    with pytest.raises(ValueError, match="a close code"):
        room.close(1006)
    assert repr(room) == "<Room 'tea'>"
    assert house.people["ann"].told == []


@pytest.mark.parametrize(
    "callbacks", [{"on_gap": lambda self: None}, {"on_presence": lambda self, room: None}]
)
def test_callbacks_that_can_not_be_called_are_refused(callbacks):
    with pytest.raises(SettingsError, match=r"must take \(self, room"):
        SockJSRouter(type("Wrong", (SockJSConnection,), callbacks), reactor=Clock())


def test_an_application_may_have_something_of_its_own_under_our_names():
    class Tornado(SockJSConnection):
        def on_open(self, info):
            self.rooms = ["mine"]
            self.send(self.rooms[0])

    assert connect(SockJSRouter(Tornado, reactor=Clock())).take() == ["mine"]


def test_two_mounts_and_two_channels_share_no_rooms():
    class Joiner(SockJSConnection):
        def on_open(self, info):
            self.join("tea")

        def on_message(self, message):
            self.room("tea").send(message)

    class Services(MultiplexConnection):
        channels = {"a b": Joiner, "c": Joiner}

        def on_open(self, info):
            self.join("tea")

    clock = Clock()
    router = SockJSRouter(Services, "/services", reactor=clock)
    client = connect(router)
    other = connect(SockJSRouter(Joiner, "/other", reactor=clock))
    client.send("sub,a%20b", "sub,c", "msg,c,hi")
    assert client.take() == ["msg,c,hi"]
    router.room("tea").send("to the connection")
    router.room("tea", channel="a b").send("to a channel")
    assert client.take() == ["to the connection", "msg,a%20b,to a channel"]
    assert other.take() == []
    client.send("uns,c")
    assert len(router.rooms.joined) == 2
    client.close()
    client.advance(1)
    assert router.rooms.joined == {}


def test_wrapped_protocols_have_rooms_through_their_transport():
    protocols = []

    class Told(Protocol):
        def connectionMade(self):
            protocols.append(self)
            self.told = []
            self.transport.join("tea", "somebody")

        def dataReceived(self, data):
            self.transport.room("tea").send(data.decode())

        def on_event(self, event):
            self.told.append(event)

        def on_gap(self, room):
            self.told.append(room)

    router = SockJSRouter(connection_class(Factory.forProtocol(Told)), reactor=Clock())
    ann, bob = connect(router), connect(router)
    ann.send("hi")
    assert ann.take() == bob.take() == ["hi"]
    router.room("tea").post(1)
    router.rooms.gap(("", "tea"))
    assert protocols[0].told == protocols[1].told == [1, "tea"]
    assert protocols[1].transport.rooms == ("tea",)
    protocols[1].transport.leave("tea")
    ann.send("alone")
    assert (ann.take(), bob.take()) == (["alone"], [])
