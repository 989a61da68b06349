"""Clients that come back to another node: they get what they had not got, or begin anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings

from txsockjs.testing import TRANSPORTS

from ....support.resuming import STEPS, Chat, ResumingClient, follow
from ....support.rooms import Nodes
from ....support.speed import examples


class Lab(Nodes):
    """Two nodes of a resumable chat; all its objects and what they heard."""

    def __init__(self, number: int = 2) -> None:
        self.log: list[Any] = []
        self.made: list[Any] = []
        self.infos: list[Any] = []
        lab = self

        class Far(Chat):
            log = lab.log

            def on_open(self, info: Any) -> None:
                super().on_open(info)
                lab.made.append(self)

            def on_resume(self, info: Any) -> None:
                super().on_resume(info)
                lab.infos.append(info)

        super().__init__(number, Far)

    def client(self, n: int = 0, transport: str = "websocket") -> ResumingClient:
        client = ResumingClient(self[n], transport)
        client.come()
        self.pass_time()
        client.read()
        return client

    def come(self, client: ResumingClient, n: int, transport: str = "websocket") -> None:
        client.router = self[n]
        client.come(transport)
        for _ in range(3):  # its question, the answer, and what it says then
            self.pass_time(0.5)
            client.read()

    def streams(self) -> int:
        """How many streams there are between nodes."""
        servers = [router._connection.server_of(router) for router in self.routers]
        return sum(len(server.bridge) for server in servers)

    def end(self) -> None:
        for router in self.routers:
            done: list[Any] = []
            router.close().addCallback(done.append)
            self.pass_time(60)
            assert done == [None]
            assert not router.suspended
        assert self.streams() == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_that_comes_to_another_node_misses_nothing(transport: str) -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    client.send("one")
    client.drop()
    chat.send("a")
    client.send("two")
    lab.pass_time()
    lab.come(client, 1, transport)
    assert client.events == ["started", "continued"]
    assert client.got == ["a"]
    assert lab.log == ["open", "one", "suspend", "resume", "two"]
    client.send("three")
    chat.send("b")
    lab.pass_time(1.5)
    client.read()
    assert client.got == ["a", "b"]
    assert lab.log[-1] == "three"
    assert client.unacked == []
    assert lab.infos[0].transport == transport
    assert lab.infos[0].ip == "192.0.2.1"
    assert lab.infos[0].get_argument("resume") == "1"
    client.drop()
    lab.pass_time(6)
    assert lab.streams() == 0
    lab.come(client, 0)  # and home again
    assert client.events == ["started", "continued", "continued"]
    assert lab.made == [chat]
    lab.end()


def test_the_application_ends_it_and_the_client_hears_why() -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    lab.come(client, 1)
    chat.send("last words")
    chat.close(4001, "Enough")
    lab.pass_time()
    client.read()
    assert client.got == ["last words"]
    assert client.events[-1] == "over 4001 Enough"
    assert client.client is not None
    assert client.client.close_reason == (4001, "Enough")
    lab.pass_time()
    lab.end()


def test_a_client_leaves_from_another_node() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    assert client.client is not None
    client.client.send("x")
    lab.pass_time()
    assert lab.log[-1] == ("close", (1000, "Normal closure"))
    assert client.client.close_reason == (1000, "Normal closure")
    lab.pass_time()
    lab.end()


def test_what_is_no_envelope_is_refused_by_the_owner_and_the_session_waits() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    assert client.client is not None
    client.client.send("hello")
    lab.pass_time()
    assert client.client.close_reason == (1002, "Bad envelope: not a message of the envelope")
    client.client = None
    lab.come(client, 0)
    assert client.events == ["started", "continued", "continued"]
    lab.end()


@pytest.mark.parametrize("how", ["forgotten", "dead", "silent"])
def test_a_client_whose_session_can_not_be_reached_begins_anew(how: str) -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    if how == "forgotten":
        lab.pass_time(62)
    elif how == "dead":
        lab.network.kill(lab[0].bus)
        lab.pass_time(10)
    else:
        lab[0].bus.listeners.pop("resume /chat")
    lab.come(client, 1)
    lab.pass_time(6)
    client.read()
    assert client.events == ["started", "fresh"]
    client.send("hello again")
    lab.pass_time()
    assert lab.log[-1] == "hello again"
    assert lab.streams() == 0


def test_the_end_of_the_owner_ends_the_connection_and_the_client_begins_anew() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    lab.network.kill(lab[0].bus)
    lab.pass_time(10)
    client.read()
    assert client.client is not None
    assert client.client.close_reason == (1001, "Node gone")
    client.client = None
    lab.come(client, 1)
    assert client.events == ["started", "continued", "fresh"]


def test_the_end_of_the_edge_suspends_the_session() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    lab.network.kill(lab[1].bus)
    lab.pass_time(10)
    assert lab.log == ["open", "suspend", "resume", "suspend"]
    client.client = None
    lab.come(client, 0)
    assert client.events == ["started", "continued", "continued"]


def test_whoever_closes_the_connection_at_the_edge_closes_the_session() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    (carrier,) = lab[1].sessions
    carrier.close(4002, "By the operator")
    lab.pass_time()
    assert lab.log[-1] == ("close", (4002, "By the operator"))
    client.client = None
    lab.come(client, 0)
    assert client.events[-1] == "over 4002 By the operator"
    lab.end()


@pytest.mark.parametrize("acknowledges", [True, False])
def test_the_stop_of_the_owner_ends_the_session_once_and_the_client_hears_it(
    acknowledges: bool,
) -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    lab.come(client, 1)
    client.acknowledges = acknowledges
    for _ in range(100):
        chat.send("x" * 1000)
    lab.pass_time()
    client.read()
    done: list[Any] = []
    lab[0].close(1012, "Service restart").addCallback(done.append)
    lab.pass_time(0.1)
    client.read()
    if acknowledges:
        assert done == [None]
        assert len(client.got) == 100
        assert client.events[-1] == "over 1012 Service restart"
        assert client.client is not None
        assert client.client.close_reason == (1012, "Service restart")
    lab.pass_time(60)
    assert [each for each in lab.log if each[0] == "close"] == [
        ("close", (1012, "Service restart"))
    ]
    lab.end()


def test_the_stop_of_the_edge_suspends_the_session() -> None:
    lab = Lab()
    client = lab.client()
    client.drop()
    lab.come(client, 1)
    assert len(lab[0].suspended) == 1  # which counts where its object is
    lab[1].close(1012, "Service restart")
    lab.pass_time()
    assert client.client is not None
    assert client.client.close_reason == (1012, "Service restart")
    assert lab.log == ["open", "suspend", "resume", "suspend"]
    lab.come(client, 0)
    assert client.events == ["started", "continued", "continued"]
    assert not lab[0].suspended
    lab.end()


def test_a_client_that_sends_faster_than_is_handled_waits_at_its_node() -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    lab.come(client, 1)
    gates: list[Any] = []

    def on_message(message: str) -> Any:
        from twisted.internet.defer import Deferred  # noqa: PLC0415

        chat.log.append(message)
        gate: Any = Deferred()
        gates.append(gate)
        return gate

    chat.on_message = on_message
    text = "x" * 10_000
    client.send(*[text] * 400)
    lab.pass_time(5)
    limit = lab[0].settings.mailbox_limit
    assert limit < chat.session.waiting[0] < limit + 200_000
    while gates:
        gates.pop().callback(None)
        lab.pass_time(0.05)
    assert chat.log.count(text) == 400
    lab.pass_time(1.5)
    client.read()
    assert client.unacked == []
    lab.end()


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"{}", b"[]", b"[1]", b'["open",1]', b'["nothing",1]', b'["said","1","x"]'),
        *(b"\xff", b'["close",1,"x","y"]', b'["lost",1,2]', b'[["lost"],1]'),
    ],
)
def test_what_is_no_frame_is_dropped_and_counted(frame: bytes) -> None:
    lab = Lab()
    client = lab.client(1)
    lab[0].bus.send(lab[1].bus.node, "resume /chat", frame)
    lab.pass_time()
    assert lab[1].bus.counters["frames_invalid"] == 1
    client.send("still here")
    lab.pass_time()
    assert lab.log[-1] == "still here"


def test_what_is_large_goes_in_pieces() -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    lab.come(client, 1)
    sizes: list[int] = []
    for router in lab.routers:
        send = router.bus.send

        def count(node: str, port: str, data: bytes, send: Any = send) -> None:
            sizes.append(len(data))
            send(node, port, data)

        router.bus.send = count
    large = "+.\u20ac\ud800" * 500_000
    for text in ("before", large, "after"):
        chat.send(text)
    most = "\0" * 600_000
    client.send(most)
    for _ in range(2):  # the last one follows when the large one was acknowledged
        lab.pass_time(1.5)
        client.read()
    assert client.got == ["before", large, "after"]
    assert lab.log[-1] == most
    assert max(sizes) == 1024 * 1024 + 1
    lab.end()


def test_frames_of_streams_that_are_over_are_answered_or_dropped() -> None:
    lab = Lab()
    lab.client(0), lab.client(1)
    for frame in (
        ["said", 9, "x"],
        ["end", 9, 4000, ""],
        ["lost", 9],
        ["close", 9, 1000, "", "client"],
        ["room", 9, 1],
    ):
        lab[0].bus.send(lab[1].bus.node, "resume /chat", json.dumps(frame).encode())
    for frame in (["absent", 9], ["say", 9, ["x"]]):
        lab[0].bus.send(lab[1].bus.node, "resume /chat", json.dumps(frame).encode())
    lab.pass_time()
    assert lab[1].bus.counters["frames_invalid"] == 0
    lab.end()


@settings(deadline=None, max_examples=examples(60))
@given(STEPS)
# The question for a connection that was given up comes last, and is answered that nothing is there.
@example([("come", 1), ("wait", 1), ("read", 0), ("come", 0)])
def test_whatever_is_lost_wherever_it_comes_each_side_gets_all_once(steps: Any) -> None:
    lab = Lab(3)
    client = lab.client()
    (chat,) = lab.made

    def come(n: int) -> None:
        client.router = lab[n % 3]
        client.come(TRANSPORTS[n])

    follow(steps, client, chat, come, lab.pass_time)
    lab.end()
