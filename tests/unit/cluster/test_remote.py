"""A request that came to another node: what its answer is as frames, and what its edge tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.protocol import Protocol

from txsockjs.cluster import remote as module
from txsockjs.cluster.remote import PIECE, WINDOW, RemoteExchange, describe
from txsockjs.errors import UpgradeRequired
from txsockjs.http.exchange import Head
from txsockjs.wire import relay as wire

from ...support.exchanges import request

STREAM = 7
HEADERS = ((b"Content-Type", b"text/plain"),)
HEAD = Head(200, HEADERS)
DESCRIBED = wire.Described(
    name="xhr_send",
    session_id="abc",
    method=b"POST",
    path="/chat/000/abc/xhr_send",
    query=b"a=1",
    headers={"host": "a"},
    is_http_1_0=True,
    is_secure=True,
    peer=("192.0.2.1", 4711),
    server=("2001:db8::1", 443),
)


class Lab:
    """An exchange with what it said to its edge, and what it told whoever answers."""

    def __init__(self, size: int = 0) -> None:
        self.frames: list[bytes] = []
        self.urgent: list[bytes] = []
        self.told: list[Any] = []
        self.exchange = RemoteExchange(STREAM, DESCRIBED, size, self._post, self.note("over"))
        self.exchange.watch(lost=self.note("lost"), drained=self.note("drained"))
        self.exchange.when_ended(self.note("ended"))

    def _post(self, frame: bytes, urgent: bool = False) -> None:
        (self.urgent if urgent else self.frames).append(frame)

    def note(self, what: str) -> Callable[..., None]:
        return lambda *arguments: self.told.append((what, *arguments) if arguments else what)

    def said(self) -> list[tuple[int, Any]]:
        """Take what was said: the kind of each frame and what is in it."""
        found: list[tuple[int, Any]] = []
        for frame in self.frames:
            kind, stream, payload = wire.split(frame)
            assert stream == STREAM
            if kind == wire.HEAD:
                found.append((kind, wire.read_head(payload)))
            elif kind == wire.DATA:
                found.append((kind, wire.read_number(payload)))
            else:
                found.append((kind, payload))
        self.frames.clear()
        return found


@pytest.fixture
def lab() -> Lab:
    return Lab()


# -- the request


def test_it_is_the_request_that_its_edge_described(lab: Lab) -> None:
    exchange = lab.exchange
    assert (exchange.name, exchange.session_id) == ("xhr_send", "abc")
    assert (exchange.method, exchange.path, exchange.query) == (
        b"POST",
        "/chat/000/abc/xhr_send",
        b"a=1",
    )
    assert exchange.headers == {"host": "a"}
    assert exchange.is_http_1_0 and exchange.is_secure and exchange.is_relayed
    assert exchange.address == IPv4Address("TCP", "192.0.2.1", 4711)
    assert exchange.peer == "192.0.2.1"
    assert exchange.server_address == IPv6Address("TCP", "2001:db8::1", 443)


@pytest.mark.parametrize("pieces", [[b""], [b"abcdef"], [b"ab", b"cd", b"ef"], [b"ab", b"cdef"]])
def test_a_body_is_whole_once_all_its_pieces_came(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    exchange = Lab(len(body)).exchange
    more = [exchange.add(piece) for piece in pieces]
    assert more == [True] * (len(pieces) - 1) + [False]
    assert exchange.body_size() == len(body)
    assert exchange.take_body() == body
    assert exchange.take_body() == b""  # nothing of it is kept


def test_a_websocket_is_not_served_at_another_node(lab: Lab) -> None:
    with pytest.raises(UpgradeRequired):
        lab.exchange.take_over(Protocol(), 10)


# -- an answer at once


def test_a_short_answer_is_one_frame_of_which_nothing_more_is_heard(lab: Lab) -> None:
    lab.exchange.answer(HEAD, b"body")
    assert lab.said() == [(wire.HEAD, (200, HEADERS, wire.FINAL, 4, b"body"))]
    assert lab.exchange.ended
    assert lab.told == ["over", "ended"]
    lab.exchange.answer(HEAD, b"again")
    lab.exchange.write(b"more")
    lab.exchange.end()
    assert lab.said() == []


def test_an_answer_whose_end_is_waited_for_ends_when_the_client_took_it(lab: Lab) -> None:
    lab.exchange.answer(HEAD, b"body", lab.note("last"))
    assert lab.said() == [(wire.HEAD, (200, HEADERS, 0, 4, b"body"))]
    assert (lab.exchange.leaving, lab.exchange.ended, lab.told) == (True, False, [])
    lab.exchange.done()
    assert (lab.exchange.leaving, lab.exchange.ended) == (False, True)
    assert lab.told == ["last", "ended"]
    lab.exchange.done()
    assert lab.told == ["last", "ended"]


def test_a_long_answer_leaves_in_pieces_and_tells_its_length_first(lab: Lab) -> None:
    body = bytes(range(256)) * (2 * PIECE // 256) + b"rest"
    lab.exchange.answer(HEAD, body)
    (head, *pieces) = lab.said()
    assert head == (wire.HEAD, (200, HEADERS, 0, len(body), body[:PIECE]))
    assert [kind for kind, _ in pieces] == [wire.DATA] * 2
    assert b"".join([body[:PIECE], *(piece for _, (_, piece) in pieces)]) == body
    assert max(len(piece) for _, (_, piece) in pieces) == PIECE
    assert lab.exchange.written == len(body)
    assert not lab.exchange.ended


def test_the_connection_may_end_with_the_answer(lab: Lab) -> None:
    lab.exchange.close_connection()
    lab.exchange.answer(HEAD)
    assert lab.said() == [(wire.HEAD, (200, HEADERS, wire.CLOSES | wire.FINAL, 0, b""))]


# -- an answer in parts


def test_the_head_leaves_with_the_first_part_and_each_part_is_a_chunk(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    assert lab.said() == []
    lab.exchange.write(b"")
    assert lab.said() == []
    lab.exchange.write(b"one")
    lab.exchange.write(b"two")
    assert lab.said() == [
        (wire.HEAD, (200, HEADERS, 0, wire.STREAM, b"")),
        (wire.DATA, (3, b"one")),
        (wire.DATA, (3, b"two")),
    ]
    lab.exchange.end(lab.note("last"))
    lab.exchange.write(b"late")
    lab.exchange.end()
    assert lab.said() == [(wire.END, b"")]
    assert lab.told == []
    lab.exchange.done()
    assert lab.told == ["last", "ended"]


def test_an_answer_without_parts_still_has_its_head(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.end()
    assert [kind for kind, _ in lab.said()] == [wire.HEAD, wire.END]


def test_a_long_part_is_one_chunk_in_pieces(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.write(b"x" * (PIECE + 1))
    _, *pieces = lab.said()
    # The size of the chunk stands with each of them.
    assert pieces == [(wire.DATA, (PIECE + 1, b"x" * PIECE)), (wire.DATA, (PIECE + 1, b"x"))]


def test_it_is_not_ready_while_a_window_is_under_way(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.write(b"x" * (WINDOW - 1))
    assert lab.exchange.ready
    lab.exchange.write(b"x")
    assert not lab.exchange.ready
    lab.exchange.credited(WINDOW // 2)
    assert (lab.exchange.ready, lab.told) == (False, [])
    lab.exchange.credited(1)
    assert (lab.exchange.ready, lab.told) == (True, ["drained"])
    lab.exchange.credited(1)
    assert lab.told == ["drained"]


def test_one_that_ends_is_not_asked_for_more(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.write(b"x" * WINDOW)
    lab.exchange.end()
    lab.exchange.credited(WINDOW)
    assert lab.told == []


# -- other ends


def test_an_aborted_one_tells_its_edge_at_once_and_calls_nobody_but_who_waits_for_an_end(
    lab: Lab,
) -> None:
    lab.exchange.when_told(lab.note("untaken"), lab.note("let go"), lab.note("there"))
    lab.exchange.abort()
    lab.exchange.abort()
    assert lab.urgent == [wire.frame(wire.ABORT, STREAM)]
    assert lab.told == ["over", "ended"]
    lab.exchange.untaken(0, False)
    assert lab.told == ["over", "ended"]


def test_a_client_that_is_gone_is_lost(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.untaken(0, False)
    assert lab.told == ["lost", "ended"]
    assert lab.exchange.ended
    lab.exchange.write(b"late")
    assert lab.said() == []


def test_who_asks_hears_how_much_was_taken_instead_of_the_loss(lab: Lab) -> None:
    lab.exchange.when_told(lab.note("untaken"), lab.note("let go"), lab.note("there"))
    lab.exchange.start(HEAD)
    lab.exchange.write(b"12345")
    lab.exchange.untaken(3, True)
    assert lab.told == [("untaken", 3, True), "ended"]


def test_the_edge_is_asked_for_its_client_once_until_it_answers(lab: Lab) -> None:
    lab.exchange.when_told(lab.note("untaken"), lab.note("let go"), lab.note("there"))
    lab.exchange.ask()
    lab.exchange.ask()
    assert lab.urgent == [wire.frame(wire.ASK, STREAM)]
    assert lab.exchange.is_silent
    lab.exchange.is_there()
    assert (lab.exchange.is_silent, lab.told) == (False, ["there"])
    lab.exchange.ask()
    assert len(lab.urgent) == 2


def test_a_connection_that_is_elsewhere_is_not_paused_or_watched_here(lab: Lab) -> None:
    lab.exchange.start(HEAD)
    lab.exchange.write(b"x" * WINDOW)
    lab.exchange.set_peer_timeout(10)
    lab.exchange.resumeProducing()
    assert (lab.exchange.ready, lab.told, lab.urgent) == (False, [], [])


# -- what an edge tells of a request


class Request:
    """A request with a head, over a connection that keeps what was told of it."""

    def __init__(self, head: bytes = b"") -> None:
        found = request(host="a")
        self.__dict__.update(found.__dict__)
        self.method = b"POST"
        self.is_http_1_0 = False
        self.head = head
        self.description = b""

    def keep_description(self, description: bytes) -> None:
        self.description = description


@pytest.fixture
def _no_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_descriptions", {})


def read(description: bytes) -> wire.Described:
    described, *_ = wire.read_request(
        wire.split(wire.request(1, description, False, 0, b""))[2],
    )
    return described


@pytest.mark.usefixtures("_no_descriptions")
def test_what_is_described_is_what_is_read() -> None:
    exchange: Any = Request()
    assert read(describe(exchange, "xhr", "abc")) == wire.Described(
        name="xhr",
        session_id="abc",
        method=b"POST",
        path="/echo/000/abc/xhr",
        query=b"",
        headers={"host": "a"},
        is_http_1_0=False,
        is_secure=False,
        peer=("192.0.2.1", 4711),
        server=("192.0.2.80", 8080),
    )


@pytest.mark.usefixtures("_no_descriptions")
def test_a_unix_socket_is_described_as_no_host() -> None:
    exchange: Any = Request()
    exchange.address = exchange.server_address = UNIXAddress(b"/run/x")
    described = read(describe(exchange, "xhr", "abc"))
    assert described.peer == described.server == ("", 0)


@pytest.mark.usefixtures("_no_descriptions")
def test_equal_heads_of_one_connection_are_described_once() -> None:
    first: Any = Request(b"head")
    made = describe(first, "xhr", "abc")
    assert first.description == made
    assert describe(first, "xhr", "abc") is made
    second: Any = Request(b"head")
    assert describe(second, "xhr", "abc") is made
    other: Any = Request(b"head")
    other.address = IPv4Address("TCP", "192.0.2.2", 1)
    assert read(describe(other, "xhr", "abc")).peer == ("192.0.2.2", 1)


@pytest.mark.usefixtures("_no_descriptions")
def test_descriptions_are_kept_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_DESCRIPTIONS", 3)
    for number in range(10):
        exchange: Any = Request(b"head %d" % number)
        describe(exchange, "xhr", "abc")
        assert len(module._descriptions) <= 3
    exchange = Request()  # of which the head is not known
    before = dict(module._descriptions)
    describe(exchange, "xhr", "abc")
    assert module._descriptions == before
