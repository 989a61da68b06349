"""A request at its edge, frame by frame: what the client gets and what the owner is told."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txsockjs.actors.interfaces import NODE_GONE
from txsockjs.cluster.edge import Edge
from txsockjs.cluster.remote import PIECE, WINDOW
from txsockjs.errors import Overloaded
from txsockjs.http.exchange import Exchange, Head
from txsockjs.wire import relay as wire


class Client(Exchange):
    """An exchange whose client takes what it gets as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []
        self.closes = False

    def start(self, head: Head) -> None:
        self.got.append(head.status)

    def write(self, data: bytes) -> None:
        self.got.append(data)

    def answer(self, head: Head, body: bytes = b"", last: Any = None) -> None:
        self.got += [head.status, body]
        self.end(last)

    def close_connection(self) -> None:
        self.closes = True

    def abort(self) -> None:
        self.got.append("aborted")

    def _complete(self) -> None:
        self.got.append("end")

    is_secure = address = server_address = body_size = take_body = None  # type: ignore[assignment]
    set_peer_timeout = take_over = None  # type: ignore[assignment]


class Speaker:
    def __init__(self, client: Client) -> None:
        self._client = client

    def heartbeat(self, started: bool) -> None:
        self._client.got.append(("h", started))

    def close(self, reason: Any, started: bool) -> None:
        self._client.got.append((reason, started))


class Lab:
    def __init__(self, body: bytes = b"", is_receiver: bool = True) -> None:
        self.client: Any = Client()
        self.frames: list[tuple[int, bytes]] = []
        self.over = 0
        self.results: list[Any] = []
        speaker = Speaker(self.client) if is_receiver else None
        result: Deferred[bool] = Deferred()
        result.addBoth(self.results.append)
        self.edge = Edge(self.client, "owner", 7, speaker, self._post, self._over, result)
        self.edge.begin(b"{}", False, body)

    def _post(self, frame: bytes, urgent: bool = False) -> None:
        kind, stream, payload = wire.split(frame)
        assert stream == 7
        self.frames.append((kind, payload))

    def _over(self, edge: Edge) -> None:
        self.over += 1

    def take(self) -> list[tuple[int, bytes]]:
        frames, self.frames = self.frames, []
        return frames

    def head(self, size: int, body: bytes = b"", flags: int = 0) -> None:
        frame = wire.head(7, 200, (), flags, size, body)
        self.edge.told(*wire.split(frame)[::2])

    def data(self, piece: bytes, size: int) -> None:
        frame = wire.number(wire.DATA, 7, size) + piece
        self.edge.told(*wire.split(frame)[::2])


def told(kind: int, taken: int, in_order: bool = True) -> tuple[int, bytes]:
    return kind, wire.split(wire.told(kind, 7, taken, in_order))[2]


def test_an_answer_that_is_whole_is_told_when_it_was_taken() -> None:
    lab = Lab()
    lab.take()
    lab.head(2, b"o\n")
    assert lab.client.got == [200, b"o\n", "end"]
    assert lab.take() == [told(wire.DONE, 2)]
    assert (lab.results, lab.over) == ([True], 1)


def test_of_one_that_nobody_waits_for_nothing_is_told() -> None:
    lab = Lab()
    lab.take()
    lab.head(0, b"", wire.FINAL | wire.CLOSES)
    assert lab.client.closes
    assert lab.take() == []
    assert lab.results == [True]


def test_a_large_answer_comes_in_pieces_and_leaves_as_one() -> None:
    lab = Lab()
    lab.take()
    body = b"x" * (3 * PIECE)
    lab.head(len(body), body[:PIECE])
    lab.data(body[PIECE : 2 * PIECE], len(body))
    assert lab.client.got == []
    assert [kind for kind, _ in lab.take()] == [wire.CREDIT, wire.CREDIT]
    lab.data(body[2 * PIECE :], len(body))
    assert lab.client.got == [200, body, "end"]
    assert lab.take() == [told(wire.DONE, len(body))]


def test_a_stream_gets_leave_for_what_its_client_took() -> None:
    lab = Lab()
    lab.take()
    lab.head(wire.STREAM)
    lab.data(b"a" * PIECE, PIECE)
    assert [kind for kind, _ in lab.take()] == [wire.CREDIT]
    lab.client.pauseProducing()
    lab.data(b"b" * PIECE, PIECE)
    assert lab.take() == []
    lab.client.resumeProducing()
    assert [kind for kind, _ in lab.take()] == [wire.CREDIT]
    lab.edge.told(wire.END, b"")
    assert lab.client.got == [200, b"a" * PIECE, b"b" * PIECE, "end"]
    assert lab.take() == [told(wire.DONE, 2 * PIECE)]


@pytest.mark.parametrize("slow", [False, True])
def test_of_a_client_that_leaves_is_told_what_it_may_have(slow: bool) -> None:
    lab = Lab()
    lab.take()
    lab.head(wire.STREAM)
    lab.data(b"abc", 3)
    if slow:
        lab.client.pauseProducing()
        lab.data(b"defg", 4)
    lab.client.lost()
    assert lab.take() == [told(wire.LOST, 7 if slow else 3, False)]
    assert (lab.results, lab.over) == ([True], 1)


def test_a_client_that_leaves_before_the_answer_took_nothing() -> None:
    lab = Lab()
    lab.take()
    lab.client.lost()
    assert lab.take() == [told(wire.LOST, 0, False)]


def test_a_body_is_sent_as_there_is_leave_for_it() -> None:
    body = b"x" * (2 * WINDOW)
    lab = Lab(body, is_receiver=False)
    sent = [len(payload) for kind, payload in lab.take() if kind == wire.BODY]
    assert sum(sent) == WINDOW - PIECE  # the first piece came with the request
    lab.edge.told(wire.TAKEN, wire.split(wire.number(wire.TAKEN, 7, WINDOW))[2])
    sent = [len(payload) for kind, payload in lab.take() if kind == wire.BODY]
    assert sum(sent) == WINDOW


def test_a_receiver_that_is_given_up_asks_again() -> None:
    lab = Lab()
    lab.take()
    lab.edge.give_up()
    assert lab.client.got == [("h", False)]
    assert lab.take() == [told(wire.LOST, 0)]
    assert lab.results == [True]


def test_one_whose_client_is_slow_is_told_of_when_it_took_all() -> None:
    lab = Lab()
    lab.take()
    lab.head(wire.STREAM)
    lab.client.pauseProducing()
    lab.data(b"abc", 3)
    lab.edge.give_up()
    assert lab.take() == []
    lab.data(b"too late", 8)
    lab.client.resumeProducing()
    assert lab.client.got == [200, b"abc", "end"]
    assert lab.take() == [told(wire.LOST, 3)]


def test_a_sender_that_is_given_up_gets_503() -> None:
    lab = Lab(b"[]", is_receiver=False)
    lab.edge.give_up()
    (failure,) = lab.results
    assert failure.check(Overloaded)


def test_a_receiver_whose_owner_is_gone_hears_why() -> None:
    lab = Lab()
    lab.head(wire.STREAM)
    lab.data(b"abc", 3)
    lab.edge.owner_lost(lives=False)
    assert lab.client.got == [200, b"abc", (NODE_GONE, True)]


def test_one_whose_owner_lives_asks_again() -> None:
    lab = Lab()
    lab.edge.owner_lost(lives=True)
    assert lab.client.got == [("h", False)]
    assert lab.results == [True]


def test_what_the_owner_drops_is_dropped_and_what_it_has_not_is_looked_for_elsewhere() -> None:
    lab = Lab()
    lab.edge.told(wire.ABORT, b"")
    assert lab.client.got == ["aborted"]
    lab = Lab()
    lab.edge.told(wire.ABSENT, b"")
    assert lab.results == [False]
    assert lab.client.got == []


def test_a_frame_of_no_kind_is_refused() -> None:
    with pytest.raises(wire.BadFrame):
        Lab().edge.told(99, b"")


def test_who_asks_for_the_client_is_answered_until_the_end() -> None:
    lab = Lab()
    lab.take()
    lab.edge.told(wire.ASK, b"")
    lab.client.pauseProducing()
    lab.head(2, b"o\n")
    lab.edge.told(wire.ASK, b"")
    assert lab.take() == [(wire.HERE, b""), (wire.HERE, b"")]
    lab.client.resumeProducing()
    assert lab.take() == [told(wire.DONE, 2)]


def test_an_answer_that_has_ended_is_dropped_if_its_client_does_not_read_it() -> None:
    lab = Lab()
    lab.client.pauseProducing()
    lab.head(wire.STREAM)
    lab.data(b"abc", 3)
    lab.edge.told(wire.END, b"")
    lab.edge.told(wire.ABORT, b"")
    assert lab.client.got == [200, b"abc", "aborted"]
    assert (lab.results, lab.over) == ([True], 1)


def test_an_end_without_a_word_is_one() -> None:
    lab = Lab()
    lab.take()
    lab.edge.told(wire.ABORT, b"")
    assert (lab.client.got, lab.results, lab.over, lab.take()) == (["aborted"], [True], 1, [])
