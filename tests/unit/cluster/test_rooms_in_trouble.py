"""Rooms over nodes while publications get lost and nodes are cut off and die.

Whoever stayed hears every message, or is told of a gap after it, and knows who is there.
"""

import json
import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from txsockjs.cluster.bus import LEASE

from ...support.rooms import Nodes, Watcher
from ...support.speed import examples

NODES = 3


class Member(Watcher):
    """Knows who is in the room, as an application would, and notes when it was told of a gap."""

    def on_open(self, info):
        super().on_open(info)
        self.name = info.get_argument("name")
        self.joined_at = None
        self.there = set()

    def enter(self):
        self.join("tea", self.name).addCallback(self.entered)

    def entered(self, _):
        self.joined_at = self.now()
        self.ask()

    def ask(self):
        self.room("tea").members().addCallback(self.found)

    def found(self, members):
        self.there = set(members)

    def on_presence(self, room, joined, left):
        self.there = (self.there - set(left)) | set(joined)

    def on_gap(self, room):
        self.gaps.append(self.now())
        self.ask()

    def now(self):
        """How many texts were sent until now."""
        return len(self.session.server.sent)


class Trouble:
    """Three nodes, one room and its members, and what was sent."""

    def __init__(self):
        self.nodes = Nodes(NODES, Member)
        self.network, self.clock = self.nodes.network, self.nodes.clock
        self.members = {}
        self.sent = []  # (node, text)
        for router in self.nodes.routers:
            router.sent = self.sent
        self.cuts = [0] * NODES
        self.dead = set()
        self.unsent = set()  # texts that a dead node had no chance to send, or to be missed in
        self.tails = [set() for _ in range(NODES)]  # what was lost of each since it was heard last
        self.number = 0
        self.silent = False  # whether something got lost that no bus would lose

    # -- what happens

    def come(self, n):
        if n not in self.dead:
            self.number += 1
            name = f"p{self.number}"
            self.members[name] = self.nodes.enter(n, name)
            self.members[name].enter()

    def go(self, n):
        names = [name for name, person in self.members.items() if self.node_of(person) == n]
        if names:
            self.members.pop(names[0]).client.close()

    def speak(self, n):
        if n not in self.dead:
            self.number += 1
            text = f"{n}:{self.number}"
            self.sent.append((n, text))
            self.tails[n].clear()
            self.nodes[n].room("tea").send(text)

    def cut(self, n):
        if self.nodes[n].bus.connected:
            self.cuts[n] += 1
            self.network.cut(self.nodes[n].bus)

    def heal(self, n):
        if n not in self.dead and not self.nodes[n].bus.connected:
            self.nodes.pass_time(0.02)  # nothing that was under way comes after the return
            self.network.heal(self.nodes[n].bus)

    def kill(self, n):
        if len(self.dead) < NODES - 2 and n not in self.dead:
            self.dead.add(n)
            self.unsent |= self.tails[n]
            waiting = self.nodes[n].bus._publications
            self.unsent |= {
                text for _, data in waiting for text in json.loads(data).get("send", ())
            }
            self.network.kill(self.nodes[n].bus)
            for name, person in list(self.members.items()):
                if self.node_of(person) == n:
                    del self.members[name]

    def lose(self, n):
        """Lose publications for a moment, without a sign."""
        self.silent = True
        self.network.publication_lost = lambda: True
        tail = set(self.tails[n])
        self.speak(n)
        self.tails[n] = tail | {text for node, text in self.sent[-1:] if node == n}
        self.nodes.pass_time(0.05)
        self.network.publication_lost = lambda: False

    def wait(self, n):
        self.nodes.pass_time((0.005, 0.1, 3.0)[n])

    def expire(self, n):
        self.nodes.pass_time(LEASE + 3)

    def node_of(self, person):
        return self.nodes.routers.index(person.session.server)

    # -- how it ends

    def end(self):
        for n in range(NODES):
            self.heal(n)
        self.nodes.pass_time(LEASE + 3)
        for n in range(NODES):
            self.speak(n)
        self.nodes.pass_time(3)
        for person in self.members.values():
            self.check(person)
        for n in set(range(NODES)) - self.dead:
            self.check_nothing_waits(self.nodes[n])

    def check(self, person):
        texts = person.client.messages
        known = self.unsent.union(texts)
        home = self.node_of(person)
        for n in range(NODES):
            heard = [text for text in texts if text.startswith(f"{n}:")]
            assert heard == sorted(set(heard), key=lambda text: int(text[2:])), "order, and once"
            for when, (node, text) in enumerate(self.sent):
                if node != n or text in known:
                    continue
                if person.joined_at is None or when < person.joined_at:
                    continue
                if self.silent and not self.was_heard(heard, when, person):
                    continue
                assert any(at > when for at in person.gaps), f"{text} is missing"
        if not self.silent:
            assert len(person.gaps) <= self.cuts[home], "a gap is told once"
        assert person.there == set(self.members), "who is there"

    def was_heard(self, heard, when, person):
        """Whether a node was heard before, since the last gap: else it has no count to miss one."""
        since = max([at for at in person.gaps if at <= when], default=0)
        return any(text in heard for _, text in self.sent[since:when])

    def check_nothing_waits(self, router):
        assert not router.rooms.nodes._questions
        assert not any(here.waiters for here in router.rooms.nodes._here.values())


STEPS = st.tuples(
    st.sampled_from(
        ["come"] * 3
        + ["go"] * 2
        + ["speak"] * 6
        + ["wait"] * 5
        + ["cut", "heal", "lose"] * 2
        + ["kill", "expire"]
    ),
    st.integers(0, NODES - 1),
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=60))
@example(
    [("come", 0), ("expire", 0), ("come", 1), ("go", 0), ("come", 0), ("come", 1)]
)  # a room that is left and joined again while what was said is under way
def test_whoever_stayed_missed_nothing_or_was_told(steps):
    trouble = Trouble()
    for step, n in steps:
        getattr(trouble, step)(n)
    trouble.end()


def test_a_large_room_under_joins_and_leaves_and_a_thousand_messages():
    dice = random.Random(5)
    trouble = Trouble()
    people = examples(400)
    for n in range(people):
        trouble.come(n % NODES)
    trouble.wait(2)
    for _ in range(1000):
        trouble.speak(dice.randrange(NODES))
        if dice.random() < 0.1:
            trouble.go(dice.randrange(NODES))
            trouble.come(dice.randrange(NODES))
        if dice.random() < 0.01:
            trouble.cut(dice.randrange(NODES))
        if dice.random() < 0.1:
            trouble.heal(dice.randrange(NODES))
            trouble.wait(dice.choice([0, 0, 1]))
    trouble.end()
    assert sum(trouble.cuts) > 3
    assert len(trouble.members) > people * 3 // 4
