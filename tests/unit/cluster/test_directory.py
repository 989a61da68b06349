"""What the parent of workers knows of them."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from txsockjs.cluster.bus import MEMORY
from txsockjs.cluster.directory import Directory, Member


class Worker:
    """The stream of one worker to a directory."""

    def __init__(self, directory: Directory, node: str) -> None:
        self.told: list[dict[str, Any]] = []
        self.node = node
        self.member: Member = directory.member(self.told.append)
        self.transport = StringTransport()
        self.member.makeConnection(self.transport)
        self.say(do="join", node=node, path=f"/run/{node}")

    def say(self, **table: Any) -> None:
        data = json.dumps(table).encode()
        self.member.dataReceived(struct.pack("!I", len(data)) + data)

    def heard(self) -> list[Any]:
        self.member.flush()
        data, found = self.transport.value(), []
        self.transport.clear()
        while data:
            (size,) = struct.unpack_from("!I", data)
            found.append(json.loads(data[4 : 4 + size]))
            data = data[4 + size :]
        return found

    def ask(self, what: str, key: str) -> Any:
        self.heard()
        self.say(do=what, number=7, key=key)
        (answer,) = self.heard()
        assert answer["answer"] == 7
        return answer["owner"]

    def end(self) -> None:
        self.member.connectionLost()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(clock: Clock) -> Directory:
    return Directory(clock)  # type: ignore[arg-type]


def test_everybody_hears_who_lives(directory: Directory) -> None:
    a = Worker(directory, "a")
    assert a.heard() == [{"nodes": {"a": "/run/a"}}]
    b = Worker(directory, "b")
    both = [{"nodes": {"a": "/run/a", "b": "/run/b"}}]
    assert a.heard() == b.heard() == both
    a.end()
    assert b.heard() == [{"nodes": {"b": "/run/b"}}]


def test_a_key_has_one_owner(directory: Directory) -> None:
    a, b = Worker(directory, "a"), Worker(directory, "b")
    assert a.ask("find", "key") is None
    assert a.ask("claim", "key") == ["a", True]
    assert b.ask("claim", "key") == ["a", True]
    b.say(do="release", key="key")
    assert b.ask("find", "key") == ["a", True]
    a.say(do="release", key="key")
    assert b.ask("claim", "key") == ["b", True]


def test_the_claims_of_the_dead_are_remembered_for_a_while(
    directory: Directory, clock: Clock
) -> None:
    a, b = Worker(directory, "a"), Worker(directory, "b")
    a.ask("claim", "key")
    a.end()
    assert b.ask("claim", "key") == ["a", False]
    clock.advance(MEMORY)
    assert b.ask("claim", "key") == ["b", True]
    assert not clock.getDelayedCalls()


def test_who_leaves_in_order_leaves_nothing(directory: Directory, clock: Clock) -> None:
    a, b = Worker(directory, "a"), Worker(directory, "b")
    a.ask("claim", "key")
    a.say(do="leave")
    assert b.ask("claim", "key") == ["b", True]
    a.end()
    assert not clock.getDelayedCalls()


def test_what_is_none_of_its_business_is_passed_on(directory: Directory) -> None:
    a = Worker(directory, "a")
    a.say(do="ready")
    assert a.told == [{"do": "ready"}]


def test_a_stream_that_brings_nonsense_is_ended(directory: Directory) -> None:
    a = Worker(directory, "a")
    a.member.dataReceived(struct.pack("!I", 3) + b"[1]")
    assert a.transport.disconnected


def test_it_leaves_no_timer_behind(directory: Directory, clock: Clock) -> None:
    Worker(directory, "a").end()
    assert clock.getDelayedCalls()
    directory.stop()
    assert not clock.getDelayedCalls()
