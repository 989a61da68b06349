"""Rooms over nodes: who hears what, what is told of gaps, and who is there."""

import json

import pytest

from txsockjs import SettingsError, SockJSRouter
from txsockjs.cluster.bus import LEASE
from txsockjs.wire.publication import channel_name

from ...support.rooms import Nodes, Person, Watcher

TEA = channel_name("/chat", ("", "tea"))


def publish(nodes, content, sender=0):
    """Publish as another program would; bytes are no JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    nodes.network.spread("another program", TEA, data)
    nodes.pass_time()


def test_a_message_reaches_the_members_on_all_nodes_once():
    nodes = Nodes(3)
    people = [nodes.enter(n, f"p{n}", "tea") for n in range(3)]
    other = nodes.enter(2, "other", "coffee")
    nodes.pass_time()
    people[0].client.send(json.dumps(["tea", "hello"]))
    nodes[1].room("tea").send("\u2603 \ud800")
    nodes.pass_time()
    for person in people:
        assert sorted(person.client.take()) == ["hello", "\u2603 \ud800"]
    assert other.client.take() == []
    assert [person.gaps for person in people] == [[], [], []]


def test_members_of_the_same_node_hear_at_once_and_the_one_left_out_is_here():
    nodes = Nodes(2)
    ann, bob, cat = nodes.enter(0, "a", "tea"), nodes.enter(0, "b", "tea"), nodes.enter(1, "c")
    cat.join("tea")
    nodes.pass_time()
    ann.room("tea").send("hi", exclude=ann)
    assert (ann.client.take(), bob.client.take(), cat.client.take()) == ([], ["hi"], [])
    nodes.pass_time()
    assert (ann.client.take(), cat.client.take()) == ([], ["hi"])


def test_what_is_said_in_a_turn_is_one_publication_and_in_order():
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    published = []
    publish = nodes[0].bus.publish
    nodes[0].bus.publish = lambda *it: published.append(it) or publish(*it)
    room = nodes[0].room("tea")

    def turn():
        for text in "abc":
            room.send(text)
        room.post({"n": 1})
        room.post([2])
        room.send("d")

    nodes[0].scheduler.turn(turn)
    assert [json.loads(data)["n"] for _, data in published] == [1, 2, 3]
    assert {channel for channel, _ in published} == {TEA}
    nodes.pass_time()
    assert cat.client.take() == ["a", "b", "c", "d"]
    assert cat.events == [{"n": 1}, [2]]


def test_a_room_is_closed_on_all_nodes():
    nodes = Nodes(2)
    ann, cat = nodes.enter(0, "ann", "tea"), nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    ann.room("tea").close(4001, "Closing time")
    nodes.pass_time()
    assert ann.client.close_reason == cat.client.close_reason == (4001, "Closing time")


def test_nodes_without_members_are_not_sent_to():
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat")
    assert nodes[1].bus.subscribed == set()
    cat.join("tea"), nodes.enter(1, "dan", "tea")
    nodes.pass_time()
    assert nodes[1].bus.subscribed == {TEA}
    cat.leave("tea")
    assert nodes[1].bus.subscribed == {TEA}
    nodes[1].people["dan"].close()
    nodes.pass_time()
    assert nodes[1].bus.subscribed == set()
    nodes[0].room("tea").send("unheard")
    nodes.pass_time()
    assert cat.client.take() == []


def test_a_join_is_done_when_the_messages_of_all_come():
    nodes = Nodes(2, delay=1.0)
    cat = nodes.enter(1, "cat")
    nodes.pass_time(5)
    done = []
    cat.join("tea").addCallback(done.append)
    nodes[0].room("tea").send("too early")
    nodes.pass_time(0.5)
    assert done == []
    nodes.pass_time(5)
    assert done == [None]
    nodes[0].room("tea").send("in time")
    nodes.pass_time(5)
    assert cat.client.take() == ["in time"]
    assert cat.gaps == []


@pytest.mark.parametrize("leave", [True, False])
def test_nobody_waits_for_a_join_for_ever(leave):
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat")
    done = []
    cat.join("tea").addCallback(done.append)
    if leave:
        cat.leave("tea")
    else:
        nodes.network.cut(nodes[1].bus)
        cat.join("tea").addCallback(done.append)
    assert done == [None] * (1 if leave else 2)
    nodes.network.heal(nodes[1].bus)
    nodes.pass_time()
    assert cat.gaps == ([] if leave else ["tea"])


def test_a_missing_publication_is_noticed_by_the_next_one_and_told_once():
    nodes = Nodes(3)
    people = [nodes.enter(n, f"p{n}", "tea", "coffee") for n in range(2)]
    nodes.pass_time()
    tea = nodes[2].room("tea")
    tea.send("1")
    nodes.pass_time()
    nodes.network.publication_lost = lambda: True
    tea.send("2")
    nodes.pass_time()
    nodes.network.publication_lost = lambda: False
    assert [person.gaps for person in people] == [[], []]
    tea.send("3")
    tea.send("4")
    nodes.pass_time()
    assert [person.gaps for person in people] == [["tea"], ["tea"]]
    assert people[0].client.take() == ["1", "3", "4"]
    assert nodes[0].bus.counters["gaps"] == 1


def test_a_publisher_is_counted_on_from_wherever_it_is():
    nodes = Nodes(2)
    nodes[0].room("tea").send("before")
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    ann = nodes.enter(0, "ann")
    for text in ("1", "2"):
        nodes[0].room("tea").send(text)
    ann.join("tea")
    nodes.pass_time()
    nodes[0].room("tea").send("3")
    ann.leave("tea")
    nodes[0].room("tea").send("4")
    nodes.pass_time()
    assert cat.client.take() == ["1", "2", "3", "4"]
    assert cat.gaps == []


def test_who_was_away_is_told_of_a_gap_once_and_others_are_not():
    nodes = Nodes(2)
    ann, cat = nodes.enter(0, "ann", "tea"), nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    nodes[0].room("tea").send("1")
    nodes.pass_time()
    nodes.network.cut(nodes[1].bus)
    nodes[0].room("tea").send("missed")
    nodes[1].room("tea").send("waits")
    nodes.pass_time(1)
    nodes.network.heal(nodes[1].bus)
    nodes.pass_time()
    nodes[0].room("tea").send("2")
    nodes.pass_time()
    assert cat.gaps == ["tea"]
    assert cat.client.take() == ["1", "waits", "2"]
    assert ann.client.take() == ["1", "missed", "waits", "2"]
    assert ann.gaps == []


def test_what_a_node_had_to_drop_while_away_is_told_when_it_is_back():
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    nodes[0].room("tea").send("1")
    nodes.pass_time()
    nodes.network.cut(nodes[0].bus)
    nodes[0].room("tea").send("x" * 2000000)
    assert nodes[0].bus.counters["publications_dropped"] == 1
    nodes.network.heal(nodes[0].bus)
    nodes.pass_time()
    assert cat.client.take() == ["1"]
    assert cat.gaps == ["tea"]


def test_a_broker_that_starts_again_is_one_gap_for_each_member():
    nodes = Nodes(3)
    people = [nodes.enter(n, f"p{n}", "tea") for n in range(3)]
    nodes.pass_time()
    nodes.network.forget()
    nodes.pass_time(LEASE)
    assert [person.gaps for person in people] == [["tea"]] * 3
    nodes[0].room("tea").send("again")
    nodes.pass_time()
    assert [person.client.take() for person in people] == [["again"]] * 3


def test_gaps_are_told_over_many_turns():
    nodes = Nodes(1)
    people = [nodes.enter(0, f"p{n}", "tea") for n in range(300)]
    nodes.pass_time()
    nodes.network.forget()
    assert sum(len(person.gaps) for person in people) == 256
    nodes.pass_time()
    assert sum(len(person.gaps) for person in people) == 300


def test_the_number_of_members_and_who_they_are_is_asked_of_all_nodes():
    nodes = Nodes(3)
    nodes.enter(0, "ann", "tea", presence={"name": "Ann"})
    nodes.enter(1, "bob", "tea", presence="Bob \ud800")
    nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    began = nodes.clock.seconds()
    for router in nodes.routers:
        room = router.room("tea")
        assert nodes.answer(room.count(), 0.1) == 3
        members = nodes.answer(room.members(), 0.1)
        assert sorted(map(json.dumps, members)) == sorted(
            map(json.dumps, [{"name": "Ann"}, "Bob \ud800", None])
        )
    assert nodes.clock.seconds() - began < 1
    assert nodes.answer(nodes[2].room("empty").members(), 0.1) == []


def test_a_long_list_of_members_comes_in_pieces():
    nodes = Nodes(2)
    for n in range(40):
        nodes.enter(0, f"p{n}", "tea", presence=f"{n}" + "x" * 4000)
    nodes.pass_time()
    assert len(nodes.answer(nodes[1].room("tea").members())) == 40


def test_a_node_that_is_dead_is_not_waited_for():
    nodes = Nodes(3)
    for n in range(3):
        nodes.enter(n, f"p{n}", "tea", presence=n)
    nodes.pass_time()
    alive = nodes[1].bus.subscribed
    nodes.network.kill(nodes[2].bus)
    room = nodes[0].room("tea")
    # A broker may take a while to notice that a subscriber is gone.
    subscribers = nodes[0].bus.subscribers
    nodes[0].bus.subscribers = lambda channel: subscribers(channel).addCallback(lambda n: n + 1)
    assert alive == {TEA}
    assert nodes.answer(room.members(), 0.99) == [0, 1]
    assert nodes.answer(room.count(), 0.99) == 2


def test_while_the_bus_is_away_the_members_of_this_node_are_told():
    nodes = Nodes(2)
    nodes.enter(0, "ann", "tea", presence="Ann"), nodes.enter(1, "bob", "tea")
    nodes.pass_time()
    asked = nodes[0].room("tea").members()
    nodes.network.cut(nodes[0].bus)
    assert nodes.answer(asked) == ["Ann"]
    assert nodes.answer(nodes[0].room("tea").members(), 0) == ["Ann"]
    assert nodes.answer(nodes[0].room("tea").count(), 0) == 1


def look(nodes, *people):
    """Let people ask who is there, as they would after their join."""
    for person in people:
        person.there = nodes.answer(person.room("tea").members())
        person.seen.clear()


def presence_of(person):
    """Who is there, as far as somebody was told since."""
    there = list(person.there)
    for _, joined, left in person.seen:
        there.extend(joined)
        for each in left:
            there.remove(each)
    return sorted(there)


def test_who_watches_is_told_who_comes_and_goes_on_other_nodes():
    nodes = Nodes(3, Watcher)
    ann = nodes.enter(0, "ann", "tea", presence="Ann")
    nodes.pass_time()
    bob = nodes.enter(1, "bob", "tea", presence="Bob")
    nodes.pass_time()
    nodes.enter(1, "cat", "tea", presence="Cat")
    nodes.pass_time()
    bob.close()
    nodes.pass_time()
    assert ann.seen == [
        ("tea", ["Ann"], []),
        ("tea", ["Bob"], []),
        ("tea", ["Cat"], []),
        ("tea", [], ["Bob"]),
    ]
    dan = nodes.enter(2, "dan")
    before = []
    dan.join("tea", "Dan").addCallback(lambda _: before.append(list(dan.seen)))
    nodes.pass_time()
    assert before == [[("tea", ["Dan"], [])]]
    assert sorted(nodes.answer(dan.room("tea").members())) == ["Ann", "Cat", "Dan"]
    nodes[1].people["cat"].leave("tea")
    nodes.pass_time()
    assert dan.seen[1:] == ann.seen[5:] == [("tea", [], ["Cat"])]


def test_the_members_of_a_node_that_is_lost_left():
    nodes = Nodes(3, Watcher)
    ann = nodes.enter(0, "ann", "tea", presence="Ann")
    for name in ("Bob", "Cat"):
        nodes.enter(1, name, "tea", presence=name)
    nodes.pass_time()
    look(nodes, ann)
    assert presence_of(ann) == ["Ann", "Bob", "Cat"]
    nodes.network.kill(nodes[1].bus)
    nodes.pass_time(10)
    assert presence_of(ann) == ["Ann"]
    assert nodes.answer(ann.room("tea").members()) == ["Ann"]


def test_a_hundred_nodes_that_die_leave_nobody_behind():
    nodes = Nodes(2, Watcher)
    ann, bob = (nodes.enter(n, name, "tea", presence=name) for n, name in enumerate(("Ann", "Bob")))
    nodes.pass_time()
    look(nodes, ann)
    for number in range(2, 102):
        router = nodes.add(Watcher)
        nodes.pass_time()
        nodes.enter(number, "Cat", "tea", presence=f"Cat {number}")
        router.room("tea").send("one of nine lives")
        nodes.pass_time()
        nodes.network.kill(router.bus)
    assert len(presence_of(ann)) > 2
    nodes.pass_time(10)
    assert presence_of(ann) == ["Ann", "Bob"]
    assert sorted(nodes.answer(bob.room("tea").members())) == ["Ann", "Bob"]
    (here,) = nodes[0].rooms.nodes._here.values()
    assert list(here.presence) == [nodes[1].bus.node]
    assert len(here.heard) < 60


def test_a_last_word_that_comes_after_the_end_brings_nobody_back():
    nodes = Nodes(1, Watcher)
    ann = nodes.enter(0, "ann", "tea", presence="Ann")
    nodes.pass_time()
    look(nodes, ann)
    publish(nodes, {"from": "gone", "n": 5, "presence": {"joined": ["a ghost"]}})
    nodes.pass_time(10)
    assert presence_of(ann) == nodes.answer(ann.room("tea").members()) == ["Ann"]


def test_who_missed_something_asks_who_is_there():
    nodes = Nodes(2, Watcher)
    ann = nodes.enter(0, "ann", "tea", presence="Ann")
    bob = nodes.enter(1, "bob", "tea", presence="Bob")
    nodes.pass_time()
    look(nodes, ann)
    nodes.network.publication_lost = lambda: True
    bob.leave("tea")
    nodes.enter(1, "cat", "tea", presence="Cat")
    nodes.pass_time()
    nodes.network.publication_lost = lambda: False
    nodes.enter(1, "dan", "tea", presence="Dan")
    nodes.pass_time()
    assert presence_of(ann) == ["Ann", "Cat", "Dan"]
    assert ann.gaps == ["tea"]


def test_a_node_that_was_away_and_the_others_find_out_who_is_there():
    nodes = Nodes(3, Watcher)
    ann = nodes.enter(0, "ann", "tea", presence="Ann")
    bob = nodes.enter(1, "bob", "tea", presence="Bob")
    eve = nodes.enter(2, "eve", "tea", presence="Eve")
    nodes.pass_time()
    look(nodes, ann, bob)
    nodes.network.cut(nodes[1].bus)
    eve.leave("tea")
    nodes.enter(0, "dan", "tea", presence="Dan")
    nodes.pass_time(LEASE + 3)
    assert presence_of(ann) == ["Ann", "Dan"]
    nodes.network.heal(nodes[1].bus)
    nodes.pass_time(3)
    assert presence_of(ann) == ["Ann", "Bob", "Dan"]
    assert sorted(nodes.answer(bob.room("tea").members())) == ["Ann", "Bob", "Dan"]
    assert presence_of(bob) == ["Ann", "Bob", "Dan"]
    assert bob.gaps == ["tea"]
    assert ann.gaps == []


def test_a_foreign_program_may_speak_without_a_count():
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    publish(nodes, {"send": ["one", "two"]})
    publish(nodes, {"post": [{"a": 1}, 2]})
    publish(nodes, {"presence": {"joined": ["nobody"]}})
    publish(nodes, {"ask": {"id": 1, "what": "count"}})
    assert cat.client.take() == ["one", "two"]
    assert cat.events == [{"a": 1}, 2]
    publish(nodes, {"close": [4002, "Out"]})
    assert cat.client.close_reason == (4002, "Out")
    assert cat.gaps == []


@pytest.mark.parametrize("content", [b"\xff", b"", "send", {"send": "text"}, {"v": 9, "send": []}])
def test_what_is_no_publication_is_dropped_and_counted(content):
    nodes = Nodes(1)
    ann = nodes.enter(0, "ann", "tea")
    nodes.pass_time()
    publish(nodes, content)
    publish(nodes, {"send": ["fine"]})
    assert ann.client.take() == ["fine"]
    assert nodes[0].bus.counters["publications_refused"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        {},
        {"send": ["x"]},
        {"answer": 1},
        {"answer": [], "n": 1},
        {"ask": {"id": 1, "what": "count"}},
        {"ask": {"id": 1, "what": "count", "room": ["", 1]}},
        {"presence": {"room": ["", "tea"]}},
    ],
)
def test_what_is_no_question_and_no_answer_is_dropped_and_counted(content):
    nodes = Nodes(2)
    nodes.enter(0, "ann", "tea")
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    nodes[1].bus.send(nodes[0].bus.node, "rooms/chat", data)
    nodes.pass_time()
    assert nodes[0].bus.counters["messages_refused"] == 1


@pytest.mark.parametrize("value", ["x", {"members": 1}])
def test_an_answer_of_another_shape_is_none(value):
    nodes = Nodes(2)
    nodes.enter(0, "ann", "tea", presence="Ann"), nodes.enter(1, "bob", "tea")
    nodes.pass_time()
    members = nodes[0].room("tea").members()
    answer = {"answer": 1, "n": 1, "members": value}
    nodes[1].bus.send(nodes[0].bus.node, "rooms/chat", json.dumps(answer).encode())
    assert nodes.answer(members) == ["Ann", None]
    assert nodes[0].bus.counters["messages_refused"] == 1


def test_an_answer_that_comes_too_late_is_dropped():
    nodes = Nodes(2, delay=0.4)
    nodes.pass_time(5)
    nodes.enter(0, "ann", "tea", presence="Ann"), nodes.enter(1, "bob", "tea")
    nodes.pass_time(5)
    assert nodes.answer(nodes[0].room("tea").members(), 5) == ["Ann"]
    assert nodes[0].bus.counters["messages_refused"] == 0


def test_two_mounts_on_a_bus_share_no_rooms_and_one_mount_is_there_once():
    nodes = Nodes(2)
    other = SockJSRouter(Person, "/other", reactor=nodes.clock, bus=nodes[1].bus)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    other.room("tea").send("elsewhere")
    nodes.pass_time()
    assert cat.client.take() == []
    with pytest.raises(SettingsError, match="another router is on this bus at /other"):
        SockJSRouter(Person, "/other", reactor=nodes.clock, bus=nodes[1].bus)


def test_counts_of_rooms_without_members_are_forgotten_without_a_gap(monkeypatch):
    monkeypatch.setattr("txsockjs.cluster.outgoing._MOST_COUNTS", 2)
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    for name in ("tea", "tea", "a", "b", "tea", "tea"):
        nodes[0].room(name).send(name)
    nodes.pass_time()
    assert cat.client.take() == ["tea"] * 4
    assert cat.gaps == []


def test_a_large_turn_leaves_in_pieces():
    nodes = Nodes(2)
    cat = nodes.enter(1, "cat", "tea")
    nodes.pass_time()
    sizes = []
    publish = nodes[0].bus.publish
    nodes[0].bus.publish = lambda to, data: sizes.append(len(data)) or publish(to, data)
    room = nodes[0].room("tea")
    nodes[0].scheduler.turn(lambda: [room.send("x" * 1000) for _ in range(200)])
    nodes.pass_time()
    assert len(cat.client.take()) == 200
    assert max(sizes) < 80000
    assert len(sizes) == 4
