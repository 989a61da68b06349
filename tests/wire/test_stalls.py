"""A server that stood still: whoever spoke meanwhile is there, and whoever is gone ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from txsockjs.actors.deadlines import STALL

from ..support.frames import PING, PONG, TEXT, frame
from ..support.labs import Lab
from ..support.receivers import XHR
from ..support.websocket import Frame

# For longer than any time of these mounts, and than what passes for no stall.
BLOCKED = 6 + STALL + 0.5


@contextmanager
def blocked(lab: Lab) -> Iterator[None]:
    """Let an application block the server, from before the block to after it."""
    blocker = lab.websocket("/puppet")
    blocker.say(f'"block:{BLOCKED}"')
    assert blocker.peer.silent(0.5)
    yield
    assert blocker.text() == 'a["on"]'


def test_sessions_whose_next_poll_lies_in_the_socket_outlive_it(own_lab: Lab) -> None:
    sessions = [own_lab.opened("/stopped") for _ in range(20)]
    gone = own_lab.opened("/stopped")
    with blocked(own_lab):
        polls = [session.attach(XHR) for session in sessions]
    assert own_lab.closings(gone) == 1
    for session in sessions:
        assert session.send("x").status == 204
    assert [poll.frame() for poll in polls] == ['a["x"]'] * len(polls)


def test_a_websocket_whose_pong_lies_in_the_socket_outlives_it(own_lab: Lab) -> None:
    socket = own_lab.websocket("/answering")
    while socket.frame() != Frame(PING, b""):
        pass
    with blocked(own_lab):
        socket.send(frame(PONG, b""))
    socket.say('"x"')
    while socket.event() != Frame(TEXT, b'a["x"]'):
        pass
