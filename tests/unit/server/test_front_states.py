"""The states of a front, walked as it prints them: what comes in each, how an answer ends."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from txsockjs.server.front import Front, State

from ...support.memory import Echo
from ...support.sites import GREETING, POLL, SEND, SiteLab, request

OPTIONS = request("OPTIONS", "/chat/000/abc/xhr")
MANY = 65  # one more than are served in a turn


class Walk(SiteLab):
    """A site with a connection in a state; ``seen`` is what ``during`` saw in a callback."""

    def __init__(self) -> None:
        walk = self

        class Base(Echo):
            def on_message(self, message: Any) -> None:
                super().on_message(message)
                walk.in_callback()

        self.in_callback: Any = lambda: None
        super().__init__(base=Base)
        self.client = self.connect()
        self.front: Any = self.client.transport.protocol
        assert isinstance(self.front, Front)

    def bring_to(self, state: State) -> None:
        if state is State.ANSWERING:
            self.client.send(POLL + POLL)
        elif state is State.YIELDED:
            self.client.send(OPTIONS * MANY)
        elif state is State.OVER:
            self.client.vanish()
        elif state is State.HANDED_OVER:
            self.client.send(GREETING)
        assert self.front._state is state

    def answer_the_poll(self) -> None:
        session: Any = self.router.get_session("abc")
        session.send("x")

    def come(self, data: bytes) -> tuple[int, int]:
        """Let data come; return how many answers that made, and how many bytes are held."""
        before = self.count()
        self.front.dataReceived(data)
        return self.count() - before, len(self.front._held)

    def count(self) -> int:
        return self.client.received.count(b"HTTP/1.1 ")


SERVED, HELD, DROPPED = (1, 0), (0, len(OPTIONS)), (0, 0)

BYTES: dict[State, tuple[str, tuple[int, int]]] = {
    State.READING: ("are served", SERVED),
    State.SERVING: ("are held", HELD),
    State.ANSWERING: ("are held", HELD),
    State.YIELDED: ("are held", (0, 2 * len(OPTIONS))),  # with the one that had no time
    State.OVER: ("are dropped", DROPPED),
    State.HANDED_OVER: ("are the successor's", SERVED),
}


@pytest.mark.parametrize("state", [state for state in State if state is not State.SERVING])
def test_bytes_come_in_every_state(state: State) -> None:
    walk = Walk()
    walk.bring_to(state)
    # Whoever can't tell the transport of its successor passes bytes on; it is asked here.
    assert walk.come(OPTIONS) == BYTES[state][1]
    walk.settle()


def test_bytes_that_come_while_a_request_is_served_wait_for_its_end() -> None:
    walk = Walk()
    walk.client.send(POLL)
    seen: list[Any] = []
    walk.in_callback = lambda: seen.append((walk.front._state, walk.come(OPTIONS)))
    other = walk.count()
    walk.client.send(SEND)
    assert seen == [(State.SERVING, HELD)]
    assert walk.count() - other == 2
    assert (walk.front._state, len(walk.front._held)) == (State.READING, 0)
    walk.settle()


def test_an_answer_that_ends_with_nothing_held_leaves_it_reading() -> None:
    walk = Walk()
    walk.bring_to(State.ANSWERING)
    walk.answer_the_poll()
    assert walk.count() == 2
    assert walk.front._state is State.READING
    walk.settle()


def test_an_answer_that_ends_before_what_is_held_leaves_it_yielded_and_that_is_served_next() -> (
    None
):
    walk = Walk()
    walk.bring_to(State.ANSWERING)
    walk.client.send(OPTIONS)
    walk.answer_the_poll()
    assert (walk.front._state, walk.count()) == (State.YIELDED, 2)
    walk.turn()
    assert (walk.front._state, walk.count()) == (State.READING, 3)
    walk.settle()


def test_an_answer_that_closes_the_connection_leaves_it_over() -> None:
    walk = Walk()
    walk.client.send(POLL)
    walk.bring_to(State.READING)
    page = walk.router.pages["xhr_send"]
    serve = page.serve

    def closing(given: Any, *arguments: Any) -> None:
        given.close_connection()
        serve(given, *arguments)

    object.__setattr__(page, "serve", closing)
    walk.client.send(SEND + OPTIONS)
    assert walk.front._state is State.OVER
    assert walk.count() == 2
    walk.settle()


def test_the_next_turn_serves_what_was_held_and_the_end_cancels_it() -> None:
    walk = Walk()
    walk.bring_to(State.YIELDED)
    walk.turn()
    assert (walk.front._state, walk.count()) == (State.READING, MANY)
    walk.bring_to(State.YIELDED)
    walk.client.vanish()
    assert walk.front._state is State.OVER
    walk.turn()
    assert walk.count() == MANY + MANY - 1
    walk.settle()


def test_the_module_prints_what_is_walked() -> None:
    rows = re.findall(r"^([A-Z_]+) +(are [a-z']+(?: [a-z']+)?)", inspect.getdoc(State) or "", re.M)
    assert dict(rows) == {state.name: words for state, (words, _) in BYTES.items()}
