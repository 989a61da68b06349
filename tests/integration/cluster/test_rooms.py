"""Rooms over the nodes of each kind of bus: as in memory, with what real buses do to them."""

from __future__ import annotations

import os
import signal
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults
from twisted.internet.task import LoopingCall

from txsockjs import SockJSConnection, SockJSRouter

from ...support.bus_kinds import Kind, Redis
from ...support.fakes import INFO, FakeReceiver
from ...support.running import running
from ...support.waiting import until, wait_until
from ..test_examples import Socket

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")


class Person(SockJSConnection):
    """A member of a room that notes what it is told."""

    def on_open(self, info: Any) -> None:
        self.gaps: list[str] = []
        self.there: set[str] = set()

    def on_gap(self, room: str) -> None:
        self.gaps.append(room)

    def on_presence(self, room: str, joined: list[Any], left: list[Any]) -> None:
        self.there = (self.there - set(left)) | set(joined)

    async def enter(self, name: str) -> None:
        await self.join("tea", name)
        self.there |= set(await self.room("tea").members())


async def nodes(kind: Kind, count: int) -> list[Any]:
    """Start nodes that know of each other, each with a router at /chat."""
    routers: list[Any] = []
    for _ in range(count):
        routers.append(SockJSRouter(Person, "/chat", bus=await kind.make()))
        await routers[-1].bus.start()
    everybody = {router.bus.node for router in routers}
    await until(lambda: all(each.bus.nodes >= everybody for each in routers), "they know of all")
    return routers


async def enter(router: Any, name: str) -> Any:
    """Let somebody in, and into the room; return the connection, ``heard`` being what it got."""
    session = router._make_socket_session(INFO)
    receiver = FakeReceiver().attach(session)
    session.connection.heard = receiver.delivered
    await session.connection.enter(name)
    return session.connection


async def end(routers: list[Any]) -> None:
    await gatherResults([router.close(patience=0) for router in routers])


@pytest_twisted.ensureDeferred
async def test_all_hear_all_in_order_and_know_each_other(kind: Kind) -> None:
    routers = await nodes(kind, 3)
    people = [await enter(router, f"p{n}") for n, router in enumerate(routers)]
    for number in range(200):
        for n, person in enumerate(people):
            person.room("tea").send(f"{n}:{number}")
    await until(lambda: all(len(each.heard) == 600 for each in people), "all heard all")
    for person in people:
        for n in range(3):
            heard = [text for text in person.heard if text.startswith(f"{n}:")]
            assert heard == [f"{n}:{number}" for number in range(200)]
        assert await person.room("tea").count() == 3
        assert set(await person.room("tea").members()) == {"p0", "p1", "p2"}
    people[2].leave("tea")
    await until(lambda: all(len(each.there) == 2 for each in people[:2]), "who left")
    assert sorted(await routers[2].room("tea").members()) == ["p0", "p1"]
    assert [each.gaps for each in people] == [[], [], []]
    await end(routers)


@pytest_twisted.ensureDeferred
async def test_whoever_was_on_a_node_that_was_killed_is_gone(kind: Kind) -> None:
    routers = await nodes(kind, 3)
    people = [await enter(router, f"p{n}") for n, router in enumerate(routers)]
    await until(lambda: len(people[0].there) == 3, "all are there")
    await kind.kill(routers[2].bus)
    await until(lambda: people[0].there == people[1].there == {"p0", "p1"}, "one is gone")
    assert set(await routers[0].room("tea").members()) == {"p0", "p1"}
    people[0].room("tea").send("still here")
    await until(lambda: people[1].heard == ["still here"], "the others go on")
    assert people[0].gaps == people[1].gaps == []
    await end(routers)


@pytest_twisted.ensureDeferred
async def test_whoever_was_cut_off_is_told_of_a_gap_and_goes_on(kind: Kind) -> None:
    if not kind.can_be_cut:
        pytest.skip("there is no broker to be cut off from")
    routers = await nodes(kind, 2)
    ann, bob = [await enter(router, name) for router, name in zip(routers, ("Ann", "Bob"))]
    await until(lambda: len(ann.there) == 2, "both are there")
    await kind.cut(routers[1].bus)
    await until(lambda: not routers[1].bus.connected, "cut off")
    bob.room("tea").send("said meanwhile")
    ann.room("tea").send("missed")
    assert await bob.room("tea").count() == 2  # as far as it knows
    await kind.heal(routers[1].bus)
    await until(lambda: bob.gaps and ann.heard == ["missed", "said meanwhile"], "back")
    ann.room("tea").send("again")
    await until(lambda: bob.heard == ["said meanwhile", "again"], "goes on")
    assert (ann.gaps, bob.gaps) == ([], ["tea"])
    await until(lambda: ann.there == bob.there == {"Ann", "Bob"}, "both are there")
    await end(routers)


@pytest_twisted.ensureDeferred
async def test_a_broker_that_starts_again_under_load_is_one_gap_for_each_member() -> None:
    kind = Redis()
    try:
        routers = await nodes(kind, 2)
        people = [await enter(router, f"p{n}") for n, router in enumerate(routers * 2)]
        load = LoopingCall(lambda: [router.room("tea").send("load") for router in routers])
        load.start(0.01)
        await until(lambda: all(len(each.heard) > 10 for each in people), "load")
        kind.server.kill()
        await until(lambda: not any(router.bus.connected for router in routers), "away")
        kind.server.start()
        await until(lambda: all(each.gaps for each in people), "told")
        load.stop()
        for n, router in enumerate(routers):
            router.room("tea").send(f"after {n}")
        await until(lambda: all({"after 0", "after 1"} <= set(each.heard) for each in people), "on")
        assert [each.gaps for each in people] == [["tea"]] * 4
        await until(lambda: all(len(each.there) == 4 for each in people), "all are there")
        assert await routers[0].room("tea").count() == 4
        await end(routers)
    finally:
        await kind.end()


APP = """
import os
from txsockjs import SockJSConnection


class App(SockJSConnection):
    def on_open(self, info):
        self.join("all").addCallback(lambda _: self.send(str(os.getpid())))

    def on_message(self, message):
        if message == "count":
            self.room("all").count().addCallback(lambda count: self.send(str(count)))
        else:
            self.room("all").send(message)
"""


def test_a_room_reaches_over_all_workers_and_waits_for_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "some_app.py").write_text(APP)
    options = ["--app", "some_app.App", "--prefix", "/chat", "--workers", "4"]
    command = [TWISTD, "-n", "--pidfile=", "sockjs", "--listen", "tcp:0:interface=127.0.0.1"]
    with running(*command, *options, cwd=str(tmp_path)) as server, ExitStack() as ends:
        people: dict[int, Any] = {}
        everybody = 0
        for _ in range(200):
            person = ends.enter_context(Socket(server, "/chat"))
            everybody += 1
            (pid,) = person.messages()
            if int(pid) in people:
                continue
            people[int(pid)] = person
            if len(people) == 4:
                break
        assert len(people) == 4
        for pid, person in people.items():
            person.send(f"from {pid}")
            for each in people.values():
                assert f"from {pid}" in each.messages()
        wait_until(lambda: _ask(people, min(people)) == everybody, server)
        os.kill(max(people), signal.SIGSTOP)
        try:
            # Those of the one that is stopped are missing, and the others are not kept waiting.
            assert 0 < _ask(people, min(people)) < everybody
        finally:
            os.kill(max(people), signal.SIGCONT)
        wait_until(lambda: _ask(people, min(people)) == everybody, server)


def _ask(people: dict[int, Any], pid: int) -> int:
    people[pid].send("count")
    (count,) = people[pid].messages()
    return int(count)
