"""Requests that come to another node than the session's are answered as if they had come to it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent

from txsockjs import SockJSConnection
from txsockjs.cluster.bus import LEASE, MEMORY

from ...support.cluster import Cluster, answer, chunks
from ...support.speed import examples

GONE = b'c[1001,"Node gone"]\n'
INTERRUPTED = b'c[1002,"Connection interrupted"]\n'
ANOTHER = b'c[2010,"Another connection still open"]\n'


@pytest.fixture
def cluster() -> Any:
    found = Cluster(2)
    yield found
    found.settle()


def connection(cluster: Cluster, number: int = 0, session_id: str = "abc") -> Any:
    session = cluster.nodes[number].router.get_session(session_id)
    assert session is not None
    return session.connection


# -- the main road


def test_a_session_is_served_over_any_node(cluster: Cluster) -> None:
    assert answer(cluster.poll(0)) == (200, b"o\n")
    assert answer(cluster.say(1, "hello")) == (204, b"")
    assert answer(cluster.poll(1)) == (200, b'a["hello"]\n')
    waiting = cluster.poll(1)
    assert answer(waiting) == (0, b"")
    cluster.say(0, "again")
    assert answer(waiting) == (200, b'a["again"]\n')
    assert cluster.nodes[0].log == ["open", "hello", "again"]
    assert cluster.nodes[1].log == []
    assert len(cluster.nodes[1].router.sessions) == 0


@pytest.mark.parametrize("name", ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"])
def test_answers_are_the_same_byte_by_byte(name: str) -> None:
    received = []
    for number in (0, 1):  # the owner's own, and one over the other node
        cluster = Cluster(2)
        query = "?c=cb" if name in ("htmlfile", "jsonp") else ""
        headers = "Origin: http://a.example"
        first = cluster.ask(number, name, query=query, headers=headers)
        if number:
            # The owner is node 0: it was asked first.
            cluster.settle()
            cluster = Cluster(2)
            first = cluster.ask(0, name, query=query, headers=headers)
        first.vanish() if name not in ("xhr", "jsonp") else None
        if name not in ("xhr", "jsonp"):
            cluster.settle()
            cluster = Cluster(2)
            cluster.poll(0)
        cluster.say(0, "x" * 10, "\u2028\ud83d")
        client = cluster.ask(number, name, query=query, headers=headers)
        cluster.say(0, "more")
        text = client.received.decode("latin-1").split("\r\n")
        received.append([line for line in text if not line.startswith(("Date:", "Expires:"))])
        cluster.settle()
    assert received[0] == received[1]


def test_a_sender_for_nobody_is_404(cluster: Cluster) -> None:
    assert answer(cluster.say(1, "hello"))[0] == 404


def test_what_is_wrong_with_a_request_is_answered_by_the_owner(cluster: Cluster) -> None:
    cluster.poll(0)
    assert answer(cluster.ask(1, "xhr_send", b"nonsense"))[0] == 500
    assert answer(cluster.ask(1, "xhr_send", b""))[0] == 500
    assert answer(cluster.say(1, "fine")) == (204, b"")


def test_a_second_receiver_is_refused_wherever_it_comes(cluster: Cluster) -> None:
    cluster.poll(0)
    first = cluster.poll(1)
    assert answer(cluster.poll(0)) == (200, b'c[2010,"Another connection still open"]\n')
    assert answer(cluster.poll(1)) == (200, b'c[2010,"Another connection still open"]\n')
    cluster.say(0, "x")
    assert answer(first) == (200, b'a["x"]\n')


def test_the_application_sees_the_client_and_not_the_edge() -> None:
    class Telling(SockJSConnection):
        def on_open(self, info: Any) -> None:
            self.send(f"{info.ip} {info.path} {info.get_argument('t')} {info.get_header('x-a')}")

    cluster = Cluster(2, Telling)
    claimed = cluster.nodes[0].router.relay._claims  # type: ignore[union-attr]
    assert "abc" not in claimed
    # The node that the first request comes to is the owner; so let a request be relayed to it.
    cluster.poll(0, query="?t=1", headers="X-A: b")
    assert b"192.0.2.1 /chat/000/abc/xhr 1 b" in cluster.poll(1).received
    cluster.settle()


def test_messages_larger_than_a_piece_and_than_the_window() -> None:
    cluster = Cluster(2, max_body_size=4_000_000)
    cluster.poll(0)
    text = "x" * 700_000
    sent = cluster.say(1, text)
    assert answer(sent) == (204, b"")
    assert answer(cluster.poll(1)) == (200, f'a["{text}"]\n'.encode())
    stream = cluster.ask(1, "xhr_streaming")
    cluster.say(0, text)
    cluster.advance(0.2)
    assert chunks(stream)[1:] == [f'a["{text}"]\n'.encode()]
    cluster.settle()


def test_a_body_that_is_too_large_is_413(cluster: Cluster) -> None:
    cluster.poll(0)
    too_large = b"[" + b" " * cluster.nodes[0].router.settings.max_body_size + b"]"
    assert answer(cluster.ask(1, "xhr_send", too_large))[0] == 413


def test_a_slow_client_of_another_node_is_a_slow_client(cluster: Cluster) -> None:
    cluster.poll(0)
    stream = cluster.ask(1, "xhr_streaming")
    stream.transport.slow = True
    mine = connection(cluster)
    for _ in range(100):
        mine.send("x" * 10_000)
        cluster.advance(0.01)
    # About the window, and what the edge holds, is under way; the rest waits in the session.
    assert mine.session._pending_size > 500_000
    stream.transport.drain()
    for _ in range(50):
        cluster.advance()
        stream.transport.drain()
        if not mine.session._pending:
            break
    # Streams end at their limit; the rest comes with the next ones.
    got = b"".join(chunks(stream)).count(b"x" * 10_000)
    while got < 100:
        more = b"".join(chunks(cluster.ask(1, "xhr_streaming"))).count(b"x" * 10_000)
        assert more
        got += more
    assert got == 100


# -- the end of an answer


def test_a_poll_that_meets_one_whose_end_is_under_way_waits_for_it() -> None:
    cluster = Cluster(2, delay=0.05)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.advance(1)
    connection(cluster).send("one")
    # The client has its answer; that it does is on the way to the owner.
    while answer(waiting) == (0, b""):
        cluster.advance(0.01)
    assert connection(cluster).session.relayed_receiver.is_leaving
    next_one = cluster.poll(0)
    assert answer(next_one) == (0, b"")
    cluster.advance(1)
    assert answer(next_one) == (0, b"")  # it is attached, and nothing is to be said
    connection(cluster).send("two")
    cluster.advance(1)
    assert answer(next_one) == (200, b'a["two"]\n')
    cluster.settle()


def test_it_does_not_wait_for_ever() -> None:
    cluster = Cluster(2, delay=0.05, disconnect_delay=60.0)
    cluster.poll(0)
    cluster.advance(1)
    slow = cluster.poll(1)
    slow.transport.slow = True
    cluster.advance(1)
    connection(cluster).send("x" * 200_000)
    cluster.advance(1)
    assert connection(cluster).session.relayed_receiver.is_leaving
    late = cluster.poll(0)
    assert answer(late) == (0, b"")
    cluster.advance(6)
    assert answer(late) == (200, ANOTHER)
    cluster.settle()


def test_an_end_that_can_not_be_known_ends_the_session() -> None:
    cluster = Cluster(2, delay=0.05, disconnect_delay=60.0)
    cluster.poll(0)
    cluster.advance(1)
    cluster.poll(1)
    cluster.advance(1)
    connection(cluster).send("one")
    cluster.advance(0.02)
    cluster.network.fault = lambda: 0  # nothing comes any more
    cluster.advance(0.1)
    late = cluster.poll(0)
    assert answer(late) == (0, b"")
    cluster.advance(6)
    assert answer(late) == (200, INTERRUPTED)
    cluster.network.fault = lambda: 1
    cluster.settle()


# -- who comes while another receiver is attached over another node


def test_a_poll_comes_before_the_news_that_the_one_before_it_is_gone() -> None:
    cluster = Cluster(2, delay=0.05)
    cluster.poll(0)
    cluster.advance(1)
    gone = cluster.poll(1)
    cluster.advance(1)
    gone.vanish()
    next_one = cluster.poll(0)
    cluster.advance(1)
    assert answer(next_one) == (0, b"")
    connection(cluster).send("one")
    assert answer(next_one) == (200, b'a["one"]\n')
    cluster.settle()


def test_one_that_meets_a_message_on_its_way_to_the_one_before_it() -> None:
    cluster = Cluster(2, delay=0.05)
    cluster.poll(0)
    cluster.advance(1)
    first = cluster.poll(1)
    cluster.advance(1)
    second = cluster.poll(0)
    connection(cluster).send("one")
    cluster.advance(1)
    assert answer(first) == (200, b'a["one"]\n')
    assert answer(second) == (0, b"")
    connection(cluster).send("two")
    assert answer(second) == (200, b'a["two"]\n')
    cluster.settle()


@pytest.mark.parametrize("node", [0, 2])
def test_a_poll_over_a_node_that_died_makes_way_before_its_lease_is_over(node: int) -> None:
    cluster = Cluster(3)
    cluster.poll(0)
    cluster.poll(1)
    cluster.kill(1)
    next_one = cluster.poll(node)
    more = cluster.poll(0)
    cluster.advance(1, 0.1)
    assert answer(next_one) == (0, b"")
    cluster.advance(1.5, 0.1)
    assert answer(more) == (200, ANOTHER)
    connection(cluster).send("one")
    cluster.advance()
    assert answer(next_one) == (200, b'a["one"]\n')
    cluster.advance(LEASE, 0.5)
    cluster.settle()


def test_a_stream_over_a_node_that_died_is_cut_by_who_comes_next() -> None:
    cluster = Cluster(3)
    cluster.poll(0)
    cluster.ask(1, "xhr_streaming")
    cluster.say(0, "one")
    cluster.kill(1)
    next_one = cluster.ask(2, "xhr_streaming")
    cluster.advance(2.5, 0.1)
    assert chunks(next_one)[1:] == [INTERRUPTED]
    assert cluster.nodes[0].router.stats.transports["xhr"].ended["node_gone"] == 1
    cluster.advance(LEASE, 0.5)
    cluster.settle()


def test_one_that_is_silent_and_lives_ends_so_that_its_client_asks_again() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    silent = cluster.poll(1)
    cluster.network.fault = lambda: 0
    next_one = cluster.poll(0)
    cluster.advance(2.5, 0.1)
    cluster.network.fault = lambda: 1
    cluster.advance(1.5, 0.1)
    assert answer(silent) == (200, b"h\n")
    assert answer(next_one) == (0, b"")
    assert answer(cluster.poll(1)) == (200, ANOTHER)
    cluster.say(1, "one")
    assert answer(next_one) == (200, b'a["one"]\n')
    cluster.settle()


def test_while_the_bus_is_away_a_stream_that_was_written_to_keeps_its_place() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    stream = cluster.ask(1, "xhr_streaming")
    cluster.say(0, "one")
    cluster.network.cut(cluster.nodes[0].bus)
    late = cluster.poll(0)
    cluster.advance(2.5, 0.1)
    assert answer(late) == (200, ANOTHER)
    cluster.network.heal(cluster.nodes[0].bus)
    cluster.advance(1, 0.1)
    cluster.say(0, "two")
    assert chunks(stream)[-1] == b'a["two"]\n'
    cluster.settle()


def test_a_client_of_another_node_that_never_reads_is_dropped() -> None:
    cluster = Cluster(2, send_limit=500_000)
    cluster.poll(0)
    stream = cluster.ask(1, "xhr_streaming")
    stream.transport.slow = True
    connection(cluster).send("x" * 200_000)  # more than the limit of a response
    cluster.advance(1)
    assert connection(cluster).session.relayed_receiver.is_leaving
    for _ in range(60):
        connection(cluster).send("x" * 10_000)
        cluster.advance()
        if cluster.nodes[0].log[-1] != "open":
            break
    assert cluster.nodes[0].log[-1][1][0] == 1008
    assert not stream.is_open
    cluster.settle()


@pytest.mark.parametrize("name", ["xhr", "xhr_streaming"])
def test_a_session_that_is_aborted_leaves_nothing_at_either_node(name: str) -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    client = cluster.ask(1, name)
    late = cluster.poll(0)
    connection(cluster).session.abort()
    cluster.advance()
    assert not client.is_open
    assert answer(late)[1] in (b"o\n", ANOTHER)
    assert not cluster.nodes[0].router.relay._serving._remotes  # type: ignore[union-attr]
    cluster.settle()


def test_a_session_that_ends_while_a_receiver_waits_is_claimed_anew() -> None:
    cluster = Cluster(3, delay=0.05)
    cluster.poll(0)
    cluster.advance(1)
    cluster.poll(1)
    cluster.advance(1)
    late, relayed = cluster.poll(0), cluster.poll(2)
    cluster.advance(0.06)
    connection(cluster).session.abort()
    cluster.advance(1)
    assert answer(late) == (200, b"o\n") or answer(relayed) == (200, b"o\n")
    owner = cluster.network.owner("session /chat abc")
    assert owner is not None
    assert owner.node in [node.bus.node for node in cluster.nodes if len(node.router.sessions)]
    assert [len(node.router.sessions) for node in cluster.nodes].count(1) == 1
    cluster.settle()


def test_what_a_client_that_is_gone_did_not_take_waits_for_the_next_poll() -> None:
    cluster = Cluster(2, delay=0.05)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.advance(1)
    connection(cluster).send("one")
    waiting.vanish()
    cluster.advance(1)
    assert connection(cluster).is_closed is False
    poll = cluster.poll(1)
    cluster.advance(1)
    assert answer(poll) == (200, b'a["one"]\n')
    cluster.settle()


def test_a_stream_that_is_cut_ends_the_session(cluster: Cluster) -> None:
    cluster.poll(0)
    stream = cluster.ask(1, "xhr_streaming")
    connection(cluster).send("one")
    cluster.advance()
    assert chunks(stream)[-1] == b'a["one"]\n'
    stream.vanish()
    cluster.advance()
    assert answer(cluster.poll(0)) == (200, INTERRUPTED)


# -- failures


def test_an_owner_that_dies_is_told_of_to_whoever_waits_and_whoever_comes() -> None:
    cluster = Cluster(3)
    cluster.poll(0)
    poll = cluster.poll(1)
    other = cluster.ask(2, "xhr", session_id="other")
    assert answer(other) == (200, b"o\n")
    waiting = cluster.poll(2, session_id="other")
    cluster.kill(0)
    cluster.advance(LEASE + 3, 0.5)
    assert answer(poll) == (200, GONE)
    assert answer(cluster.poll(2)) == (200, GONE)
    assert answer(cluster.say(2, "x"))[0] == 404
    assert answer(waiting) == (0, b"")
    cluster.advance(LEASE + 3 * MEMORY, 0.5)
    assert cluster.network.owner("session /chat abc") is None
    cluster.settle()


def test_a_stream_whose_owner_dies_ends_with_the_reason() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    stream = cluster.ask(1, "xhr_streaming")
    cluster.kill(0)
    cluster.advance(LEASE + 3, 0.5)
    assert chunks(stream)[-1] == GONE
    cluster.settle()


def test_an_edge_that_dies_cuts_what_went_over_it_and_nothing_else() -> None:
    cluster = Cluster(3)
    cluster.poll(0)
    cluster.poll(0, session_id="between")
    cluster.poll(0, session_id="waiting")
    cluster.ask(1, "xhr_streaming")
    cluster.say(0, "one")
    cluster.poll(1, session_id="waiting")
    cluster.kill(1)
    cluster.advance(3)
    assert answer(cluster.poll(2, session_id="between")) == (0, b"")
    cluster.advance(LEASE, 0.5)
    assert answer(cluster.poll(2)) == (200, INTERRUPTED)
    assert answer(cluster.poll(2, session_id="waiting")) == (0, b"")
    assert cluster.nodes[0].router.stats.transports["xhr"].ended["node_gone"] == 1
    cluster.settle()


def test_an_owner_that_was_taken_for_gone_ends_what_its_clients_were_told_is_over() -> None:
    cluster = Cluster(2, disconnect_delay=30.0)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.network.cut(cluster.nodes[0].bus)
    cluster.advance(LEASE + 2, 0.5)
    assert answer(waiting) == (200, GONE)
    cluster.network.heal(cluster.nodes[0].bus)
    cluster.advance(3, 0.1)
    assert answer(cluster.poll(0)) == (200, INTERRUPTED)
    assert cluster.nodes[0].router.stats.transports["xhr"].ended["node_gone"] == 1
    cluster.settle()


def test_clients_of_a_node_that_was_taken_for_gone_ask_again() -> None:
    cluster = Cluster(2, disconnect_delay=30.0)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.network.cut(cluster.nodes[1].bus)
    cluster.advance(LEASE + 2, 0.5)
    connection(cluster).send("one")
    cluster.network.heal(cluster.nodes[1].bus)
    cluster.advance(3, 0.1)
    assert answer(waiting) == (200, b"h\n")
    # The other node may notice later that it was lost, too.
    heard = [answer(cluster.poll(1))[1] for _ in range(2)]
    assert b'a["one"]\n' in heard
    assert set(heard) <= {b'a["one"]\n', b"h\n", b""}
    cluster.settle()


def test_a_node_that_leaves_sends_the_clients_of_others_elsewhere(cluster: Cluster) -> None:
    cluster.poll(0)
    waiting = cluster.poll(1)
    relay = cluster.nodes[1].router.relay
    assert relay is not None
    assert relay.leave().called
    assert answer(waiting) == (200, b"h\n")
    cluster.say(0, "hello")
    assert answer(cluster.poll(0)) == (200, b'a["hello"]\n')


def test_a_node_that_leaves_waits_for_senders() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    cluster.say(1, "first")
    cluster.network.cut(cluster.nodes[1].bus)
    sent = cluster.say(1, "hello")
    relay = cluster.nodes[1].router.relay
    assert relay is not None
    left = relay.leave()
    assert not left.called
    cluster.network.heal(cluster.nodes[1].bus)
    cluster.advance(2, 0.1)
    assert answer(sent) == (204, b"")
    assert left.called
    cluster.settle()


def test_while_the_broker_is_away_for_a_moment_nothing_is_lost() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    for node in cluster.nodes:
        cluster.network.cut(node.bus)
    connection(cluster).send("one")
    sent = cluster.say(1, "two")
    cluster.advance(3, 0.1)
    assert answer(waiting) == (0, b"")
    assert answer(sent) == (0, b"")
    for node in cluster.nodes:
        cluster.network.heal(node.bus)
    cluster.advance(2, 0.1)
    assert answer(waiting) == (200, b'a["one"]\n')
    assert answer(sent) == (204, b"")
    assert answer(cluster.poll(1)) == (200, b'a["two"]\n')
    cluster.settle()


def test_for_longer_clients_are_told_to_ask_again() -> None:
    cluster = Cluster(2, heartbeat_delay=100.0)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.network.cut(cluster.nodes[1].bus)
    sent = cluster.say(1, "two")
    new = cluster.poll(1, session_id="new")
    cluster.advance(6, 0.1)
    assert answer(waiting) == (200, b"h\n")
    assert answer(sent)[0] == 503
    assert answer(new)[0] == 503
    # What its owner says meanwhile is kept, though it does not know yet.
    connection(cluster).send("one")
    cluster.advance(0.5, 0.1)
    cluster.network.heal(cluster.nodes[1].bus)
    cluster.advance(3, 0.1)
    # The 503 did not say that the message was not handled.
    assert answer(cluster.poll(1)) == (200, b'a["one","two"]\n')
    cluster.settle()


@pytest.mark.parametrize("name", ["xhr", "xhr_streaming"])
def test_then_they_may_come_to_the_owner_itself(name: str) -> None:
    cluster = Cluster(2, heartbeat_delay=100.0)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.ask(1, name)
    for node in cluster.nodes:
        cluster.network.cut(node.bus)
    cluster.advance(6, 0.1)
    assert b"h\n" in waiting.received
    assert answer(waiting)[0] == 200
    again = cluster.poll(0)
    assert answer(again) == (0, b"")
    connection(cluster).send("one")
    assert answer(again) == (200, b'a["one"]\n')
    for node in cluster.nodes:
        cluster.network.heal(node.bus)
    cluster.advance(2, 0.1)
    assert answer(cluster.say(1, "two")) == (204, b"")
    assert answer(cluster.poll(1)) == (200, b'a["two"]\n')
    cluster.settle()


def test_an_owner_that_was_away_alone_ends_what_its_edges_still_hold() -> None:
    cluster = Cluster(2, heartbeat_delay=100.0, disconnect_delay=2.0)
    cluster.poll(0)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.network.cut(cluster.nodes[0].bus)
    cluster.advance(3, 0.1)
    assert answer(waiting) == (0, b"")
    cluster.network.heal(cluster.nodes[0].bus)
    cluster.advance(1, 0.1)
    assert answer(waiting) == (200, b"h\n")
    again = cluster.poll(1)
    cluster.say(1, "one")
    assert answer(again) == (200, b'a["one"]\n')
    cluster.settle()


def test_no_session_expires_while_its_client_can_not_come() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    for node in cluster.nodes:
        cluster.network.cut(node.bus)
    cluster.advance(30, 0.5)
    for node in cluster.nodes:
        cluster.network.heal(node.bus)
    cluster.advance(4, 0.5)
    assert answer(cluster.poll(1)) == (0, b"")
    cluster.settle()


def test_a_broker_that_forgot_everything_is_told_again() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    cluster.network.forget()
    cluster.advance(1)
    assert "session /chat abc" in cluster.network.claims
    assert answer(cluster.say(1, "x")) == (204, b"")
    cluster.settle()


def test_a_session_that_another_node_claimed_meanwhile_ends() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    cluster.network.cut(cluster.nodes[0].bus)
    cluster.advance(LEASE + 3 * MEMORY, 1.0)
    assert answer(cluster.poll(1)) == (200, b"o\n")
    cluster.network.heal(cluster.nodes[0].bus)
    cluster.advance(1)
    assert cluster.nodes[0].log[-1] == ("close", (1001, "Node gone"))
    assert cluster.nodes[0].router.stats.transports["xhr"].ended["node_gone"] == 1
    assert answer(cluster.say(1, "mine")) == (204, b"")
    cluster.settle()


# -- finding the owner


def test_two_first_requests_at_once_are_one_session() -> None:
    cluster = Cluster(2, delay=0.02)
    first, second = cluster.connect(0), cluster.connect(1)
    for client in (first, second):
        client.send(b"POST /chat/000/abc/xhr HTTP/1.1\r\nHost: a\r\n\r\n")
    cluster.advance(1)
    bodies = sorted([answer(first)[1], answer(second)[1]])
    assert bodies[1] == b"o\n"
    assert len(cluster.nodes[0].log + cluster.nodes[1].log) == 1
    cluster.settle()


def test_a_claim_is_given_back_with_its_session(cluster: Cluster) -> None:
    cluster.poll(0)
    assert len(cluster.network.claims) == 1
    cluster.advance(10, 0.5)
    assert not cluster.network.claims
    assert answer(cluster.poll(1)) == (200, b"o\n")


def test_an_owner_that_does_not_have_the_session_says_so() -> None:
    cluster = Cluster(2)
    cluster.poll(0)
    cluster.poll(1)  # so that node 1 remembers the owner
    cluster.say(1, "x")
    cluster.advance(1)
    cluster.nodes[0].router.get_session("abc").abort()  # type: ignore[union-attr]
    cluster.advance()
    assert answer(cluster.say(1, "y"))[0] == 404
    assert answer(cluster.poll(1)) == (200, b"o\n")
    assert cluster.nodes[1].log == ["open"]
    cluster.settle()


def test_a_node_without_its_bus_serves_websockets_and_refuses_the_rest_in_time() -> None:
    cluster = Cluster(1, start=False)
    waiting = cluster.poll(0)
    assert answer(waiting) == (0, b"")
    cluster.advance(6, 0.5)
    assert answer(waiting)[0] == 503
    client = cluster.connect(0)
    client.upgrade("/chat/000/abc/websocket")
    assert b"101" in client.received
    cluster.nodes[0].bus.start()
    cluster.settle()


def test_a_node_that_may_have_no_new_session_lets_another_have_it() -> None:
    cluster = Cluster(2)
    cluster.poll(0, session_id="before")
    cluster.nodes[1].router.close()
    assert answer(cluster.poll(1)) == (200, b"o\n")
    assert cluster.nodes[0].router.get_session("abc") is not None
    assert answer(cluster.say(1, "x")) == (204, b"")
    assert answer(cluster.poll(1)) == (200, b'a["x"]\n')
    cluster.nodes[0].router.close()
    assert answer(cluster.poll(1, session_id="new"))[0] == 503
    assert not any(key.endswith("new") for key in cluster.network.claims)
    cluster.settle()


def test_one_that_begins_to_stop_while_it_claims_does_so_too() -> None:
    cluster = Cluster(2, delay=0.05)
    cluster.advance(1)
    waiting = cluster.poll(1)
    cluster.advance(0.05)
    cluster.nodes[1].router.close()
    cluster.advance(1)
    assert answer(waiting) == (200, b"o\n")
    assert cluster.nodes[0].router.get_session("abc") is not None
    cluster.settle()


def test_a_full_node_still_relays() -> None:
    cluster = Cluster(2, max_sessions=1)
    cluster.poll(0)
    cluster.poll(1, session_id="other")
    assert answer(cluster.poll(1, session_id="third"))[0] == 503
    assert answer(cluster.say(1, "x")) == (204, b"")
    assert answer(cluster.poll(1)) == (200, b'a["x"]\n')
    cluster.settle()


def test_a_full_node_that_is_alone_says_in_the_log_why_it_refuses() -> None:
    cluster = Cluster(1, max_sessions=1)
    cluster.poll(0)
    with capturedLogs() as logs:
        assert answer(cluster.poll(0, session_id="other"))[0] == 503
        assert [formatEvent(event) for event in logs] == [
            "<SockJSRouter Echo at /chat> refused 1 new sessions: max_sessions is 1"
        ]
    cluster.settle()


@pytest.mark.parametrize(
    "garbage", [b"", b"\1", b"\2" * 20, b"\1\1" + b"\0" * 8 + b"x", b"\1\1" + b"\0" * 16 + b"{}"]
)
def test_garbage_is_dropped_and_counted(cluster: Cluster, garbage: bytes) -> None:
    bus = cluster.nodes[0].bus
    cluster.nodes[1].bus.send(bus.node, "relay /chat", garbage)
    cluster.advance(1)
    assert bus.counters["frames_invalid"] == 1


# -- everything at once


class Client:
    """A stock client, all of whose requests go to a random node.

    A ``restless`` one leaves a poll now and then, and polls again at once; a poll that was cut
    before anything came it makes again, too.
    """

    def __init__(self, cluster: Cluster, dice: random.Random, name: str, restless: bool) -> None:
        self.cluster, self.dice, self.name = cluster, dice, name
        self.restless = restless
        self.opened = False
        self.heard: list[str] = []
        self.sent = 0
        self.ended: str | None = None
        self._receiver: Any = None
        self._read = 0
        self._sender: Any = None

    def _ask(self, name: str, body: bytes = b"") -> Any:
        node = self.dice.choice(
            [n for n, each in enumerate(self.cluster.nodes) if each not in self.cluster.dead]
        )
        client = self.cluster.connect(node)
        method = f"POST /chat/000/{self.name}/{name} HTTP/1.1\r\nHost: a\r\n"
        client.send(f"{method}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return client

    def step(self) -> None:
        if self.ended is not None:
            return
        if self._receiver is None:
            self._receiver = self._ask(self.dice.choice(("xhr", "xhr", "xhr_streaming")))
            self._read = 0
        lines = b"".join(chunks(self._receiver)).split(b"\n")[:-1]
        for line in lines[self._read :]:
            self._take(line)
        self._read = len(lines)
        status, _ = answer(self._receiver)
        if status:
            if status != 200:
                self.ended = str(status)
            self._receiver = None
        elif self.restless and not self._receiver.received and self.dice.random() < 0.2:
            self._receiver.vanish()
            self._receiver, self._read = self._ask("xhr"), 0
        elif not self._receiver.is_open:
            if self.restless and not self._receiver.received:
                self._receiver = None
            else:
                self.ended = "cut"
        if self._sender is not None:
            status, _ = answer(self._sender)
            if status == 204:
                self.sent += 1
                self._sender = None
            elif status or not self._sender.is_open:
                self.ended = self.ended or f"sender {status}"

    def _take(self, line: bytes) -> None:
        if line.startswith(b"a"):
            self.heard += json.loads(line[1:])
        elif line == b"o":
            assert not self.opened
            self.opened = True
        elif line.startswith(b"c"):
            self.ended = line.decode()

    def say(self) -> None:
        if self.opened and self.ended is None and self._sender is None:
            self._sender = self._ask("xhr_send", json.dumps([f"{self.sent}"]).encode())


@settings(max_examples=examples(40), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.0, 0.1, 0.4]),
    outages=st.booleans(),
    deaths=st.booleans(),
    restless=st.booleans(),
)
def test_whatever_happens_each_client_hears_all_in_order_or_is_told_the_end(
    seed: int, loss: float, outages: bool, deaths: bool, restless: bool
) -> None:
    dice = random.Random(seed)
    # No session's time is over because packets are lost again and again.
    cluster = Cluster(3, delay=dice.choice((0.0, 0.001, 0.02)), disconnect_delay=30.0)
    cluster.network.fault = lambda: (
        0 if dice.random() < loss else 2 if dice.random() < loss / 2 else 1
    )
    clients = [Client(cluster, dice, f"client{number}", restless) for number in range(4)]
    for _ in range(150):
        for client in clients:
            client.step()
            if dice.random() < 0.3:
                client.say()
        if outages and dice.random() < 0.02:
            node = dice.choice(cluster.nodes)
            if node not in cluster.dead:
                cluster.network.cut(node.bus)
                cluster.advance(dice.choice((0.1, 2.0)), 0.1)
                cluster.network.heal(node.bus)
        if deaths and dice.random() < 0.005 and len(cluster.dead) < 2:
            cluster.kill(dice.choice([n for n in range(3) if cluster.nodes[n] not in cluster.dead]))
        cluster.advance(0.05)
    cluster.network.fault = lambda: 1
    for _ in range(60):
        for client in clients:
            client.step()
        cluster.advance(0.25, 0.05)
    for client in clients:
        # An echo of what was sent, once each, in order, with nothing left out.
        assert client.heard == [str(n) for n in range(len(client.heard))]
        if client.ended is None:
            assert len(client.heard) == client.sent
        elif not deaths and not outages:
            # A poll at the owner itself that is left ends its session, and so does an answer of
            # which nothing is heard for five seconds, because packet after packet is lost.
            told = "1002" in client.ended or client.ended == "sender 404"
            assert (restless or loss > 0.1) and told, client.ended
        if not loss and not outages:
            assert "2010" not in (client.ended or "")
    cluster.settle()
