"""Senders in memory: what waits for room, how much of it, and in which order it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txsockjs import SockJSConnection
from txsockjs.actors.waiting import MOST_WAITING
from txsockjs.transports import senders

from ...support.memory import Connection, Lab

BUSY = b"Too many requests wait for this session."


class Slow(SockJSConnection):
    """An application that handles a message when the test says so."""

    log: list[Any]

    def on_message(self, message: Any) -> Deferred[None]:
        self.log.append(message)
        self.gate: Deferred[None] = Deferred()
        return self.gate


class Room:
    """A session whose mailbox is full, with the requests that wait for it."""

    def __init__(self, **settings: Any) -> None:
        self.lab = Lab(Slow, mailbox_limit=100, **settings)
        self.lab.xhr()
        assert self.send(b'["handled"]').status == 204
        self.filling = self.send(b'["' + b"x" * 100 + b'"]')
        self.session: Any = self.lab.router.get_session("abc")
        assert self.mailbox.size == 164

    def send(self, body: bytes, **headers: str) -> Connection:
        return self.lab.send(body, **headers)

    @property
    def mailbox(self) -> Any:
        return self.session._application

    @property
    def waiting(self) -> int:
        """How many wait in front of the mailbox."""
        return len(self.mailbox._waiters or ())

    def refused(self, kind: str) -> float:
        return self.lab.router.stats.dump()[f"refused_{kind}"]

    def handle(self, number: int = 1) -> None:
        """Let the application be done with so many messages."""
        for _ in range(number):
            self.session.connection.gate.callback(None)

    def settle(self) -> None:
        self.lab.settle()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The bodies that were decoded."""
    bodies: list[bytes] = []
    decode = senders.decode_messages

    def note(body: bytes) -> list[str]:
        bodies.append(body)
        return decode(body)

    monkeypatch.setattr(senders, "decode_messages", note)
    return bodies


def test_what_waits_is_decoded_when_its_turn_comes_and_one_at_a_time(decoded: Any) -> None:
    room = Room()
    held = [room.send(b'["%d"]' % number) for number in range(3)]
    assert len(decoded) == 2  # the one that is handled, and the one that is too much
    assert room.filling.received == b""
    room.handle()
    # There is room for one, after which there is not room enough for the next.
    assert decoded[2:] == [b'["0"]']
    assert [sent.status for sent in (room.filling, *held)] == [204, 204, 0, 0]
    room.handle()
    assert decoded[3:] == [b'["1"]']
    room.handle(3)
    assert [sent.status for sent in held] == [204] * 3
    assert room.lab.log == ["handled", "x" * 100, "0", "1", "2"]
    room.settle()


def test_an_application_that_does_not_wait_takes_all_that_waited() -> None:
    room = Room()
    held = [room.send(b'["%d"]' % number) for number in range(5)]
    log: list[Any] = []
    room.mailbox.connection.on_message = log.append  # for what is still to come
    room.handle(2)
    assert [sent.status for sent in held] == [204] * 5
    assert log == ["0", "1", "2", "3", "4"]
    room.settle()


@pytest.mark.parametrize(
    ("body", "status", "words", "kind"),
    [
        (b'["x', 500, b"Broken JSON encoding.", "content"),
        (b"[1]", 500, b"Payload expected.", "content"),
        (b'["' + b"x" * 1001 + b'"]', 413, b"A message is larger than max_message_size.", "size"),
    ],
)
def test_what_is_wrong_with_content_that_waits_is_answered_at_its_turn(
    body: bytes, status: int, words: bytes, kind: str
) -> None:
    room = Room(max_message_size=1000)
    wrong = room.send(body, Origin="http://page.example")
    after = room.send(b'["after"]')
    assert wrong.received == after.received == b""
    room.handle()
    assert (wrong.status, wrong.body) == (status, words)
    assert b"Access-Control-Allow-Origin: http://page.example\r\n" in wrong.received
    assert room.refused(kind) == 1
    assert after.status == 204
    room.handle(2)
    assert room.lab.log == ["handled", "x" * 100, "after"]
    room.settle()


def test_so_many_wait_and_no_more() -> None:
    room = Room()
    held = [room.send(b'["x"]') for _ in range(MOST_WAITING - 1)]  # and the one that fills it
    assert [sent.received for sent in held] == [b""] * len(held)
    over = room.send(b'["over"]', Origin="http://page.example")
    assert (over.status, over.body) == (503, BUSY)
    assert b"Access-Control-Allow-Origin: http://page.example\r\n" in over.received
    assert room.refused("senders") == 1
    held[0].vanish()
    again = room.send(b'["again"]')
    assert again.received == b""
    room.handle(MOST_WAITING + 1)
    assert again.status == 204
    assert room.lab.log[-1] == "again"
    assert "over" not in room.lab.log
    room.settle()


def test_so_many_bytes_wait_and_no_more() -> None:
    room = Room(max_message_size=1000, max_body_size=1000)
    assert room.waiting == 1  # for its answer: it holds nothing any more
    whole = room.send(b'["' + b"x" * 996 + b'"]')
    assert whole.received == b""
    assert room.send(b'["x"]').body == BUSY
    whole.vanish()
    halves = [room.send(b'["' + b"x" * 496 + b'"]') for _ in range(2)]
    assert [sent.received for sent in halves] == [b"", b""]
    assert room.send(b'["x"]').body == BUSY
    assert room.refused("senders") == 2
    room.settle()
    assert [sent.status for sent in halves] == [404, 404]


def test_a_body_that_was_taken_is_not_held_until_the_answer() -> None:
    room = Room()
    assert request_of(room.filling).content.getvalue() == b""
    room.settle()


def test_a_form_that_waits_is_not_parsed() -> None:
    room = Room()
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    form = room.lab.send(b"d=%5B%22x%22%5D", "/000/abc/jsonp_send", **kind)
    assert request_of(form).content.getvalue() == b"d=%5B%22x%22%5D"
    assert not request_of(form).args
    room.handle(2)
    assert form.body == b"ok"
    room.settle()


def request_of(connection: Connection) -> Any:
    return connection.transport.protocol._channel.requests[0]


def test_who_vanishes_while_its_answer_waits_gives_its_place_to_the_next() -> None:
    room = Room()
    held = room.send(b'["held"]')
    room.filling.vanish()
    assert room.waiting == 1
    assert held.received == b""
    room.handle()
    assert held.status == 204
    room.handle(2)
    assert room.lab.log == ["handled", "x" * 100, "held"]
    room.settle()


class Flushing(Slow):
    """Answers before it has handled a message."""

    def on_message(self, message: Any) -> Deferred[None]:
        self.send(message)
        self.session._flush()  # as a turn does that sends much
        return super().on_message(message)


def test_what_comes_while_a_batch_is_handled_is_taken_after_it() -> None:
    lab = Lab(Flushing)
    poll = lab.connect().request("POST", "/000/abc/xhr")
    poll.request("POST", "/000/abc/xhr")
    poll.request("POST", "/000/abc/xhr_send", b'["behind the poll"]')
    lab.send(b'["a","b"]')  # the flush ends the poll: the request behind it is read
    session: Any = lab.router.get_session("abc")
    for _ in range(3):
        session.connection.gate.callback(None)
    assert lab.log == ["a", "b", "behind the poll"]
    assert poll.received.count(b" 204 ") == 1
    lab.settle()


def test_a_session_that_ends_answers_those_who_wait_in_order() -> None:
    room = Room()
    held = [room.send(b'["held"]') for _ in range(3)]
    room.session.close()
    room.lab.clock.advance(0)
    assert [sent.status for sent in held] == [404] * 3
    assert room.filling.status == 204  # its message was taken, and is dropped with the session
    assert room.refused("session") == 3
    assert room.send(b"no JSON").status == 404
    room.settle()
