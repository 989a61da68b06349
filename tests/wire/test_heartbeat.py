"""Heartbeats, and sockets that answer no ping (protocol, section 7)."""

import pytest

from ..support.frames import PING, TEXT
from ..support.labs import fresh
from ..support.receivers import POLLS, RECEIVERS, STREAMS, XHR, XHR_STREAMING
from ..support.websocket import Frame, WebSocket

receivers = pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)


def beats(lab, count):
    """Wait until the mount has given a receiver that many heartbeats."""
    stream = lab.session("/beating").open()
    for _ in range(count):
        assert stream.frame() == "h"


def test_silent_streams_get_heartbeats(lab):
    streams = [lab.session("/beating").open(receiver) for receiver in STREAMS]
    for stream in streams * 3:
        assert stream.piece() == stream.receiver.wrap("h")


def test_silent_polls_end_with_a_heartbeat(lab):
    sessions = [lab.session("/beating") for _ in POLLS]
    waiting = [session.open(poll) for session, poll in zip(sessions, POLLS)]
    for _ in range(2):
        for index, poll in enumerate(POLLS):
            assert waiting[index].piece() == poll.wrap("h")
            assert waiting[index].ended()
            waiting[index] = sessions[index].attach(poll, peer=waiting[index].peer)


def test_a_silent_websocket_gets_heartbeats(lab):
    socket = lab.websocket("/beating")
    for _ in range(3):
        assert socket.text() == "h"


def test_a_raw_websocket_gets_none(lab):
    socket = lab.raw(f"/beating/websocket?name={fresh()}")
    beats(lab, 3)
    socket.say("x")
    assert socket.text() == "x", "nothing came before"


def test_none_piles_up_while_nobody_listens(lab):
    session = lab.opened("/beating")
    beats(lab, 4)
    # Each poll finds something, and leaves no time for a heartbeat that is due.
    for message in ("x", "y"):
        session.send(message)
        assert session.poll() == f'a["{message}"]\n'.encode()


def test_heartbeats_go_on_after_a_message(lab):
    session = lab.session("/beating")
    stream = session.open()
    for _ in range(2):
        session.send("x")
        while stream.frame() != 'a["x"]':
            pass
        assert stream.frame() == "h"


def test_heartbeats_go_on_while_the_application_is_stuck(lab):
    session = lab.session("/beating")
    stream = session.open()
    session.send("hold")
    lab.wait(session, "message")
    assert stream.frame() == "h"
    assert stream.frame() == "h"
    lab.tell(session, "release")


def test_no_heartbeat_follows_the_close_frame(lab):
    session = lab.session("/beating")
    stream = session.open()
    session.send("close")
    frame = stream.frame()
    while frame == "h":
        frame = stream.frame()
    assert frame == 'c[3000,"Go away!"]'
    assert stream.ended()


@receivers
def test_a_receiver_that_is_refused_leaves_the_heartbeat_alone(lab, receiver):
    session = lab.session("/beating")
    stream = session.open(XHR_STREAMING)
    second = session.attach(receiver)
    assert second.frame().startswith("c[2010,")
    assert second.ended()
    assert stream.frame() == "h"


def test_a_heartbeat_keeps_a_poll_alive_for_the_next(lab):
    session = lab.session("/beating")
    waiting = session.open(XHR)
    assert waiting.frame() == "h"
    session.send("x")
    assert session.attach(XHR, peer=waiting.peer).frame() == 'a["x"]'


def test_a_websocket_that_answers_no_ping_is_dead(lab):
    session = lab.session("/pinging")
    socket = session.websocket()
    lab.pass_time(60)
    while True:
        try:
            got = socket.frame()
        except EOFError:
            break
        assert got.opcode == PING or got == Frame(TEXT, b"h") or got.opcode == 8
    assert lab.closings(session) == 1


def test_a_raw_websocket_that_answers_no_ping_is_dead(lab):
    session = lab.session("/pinging", fresh("raw"))
    socket = lab.raw(f"/pinging/websocket?name={session.name}")
    lab.pass_time(60)
    assert socket.dropped()
    assert lab.closings(session) == 1


def test_a_websocket_that_answers_its_pings_lives_on(lab):
    session = lab.session("/pinging")
    socket = session.websocket()
    dead = lab.session("/pinging").websocket()
    for number in range(6):
        lab.pass_time(20)
        assert socket.text() == "h"
        # The first echo comes after the ping, the second one after what answers that.
        for message in (f"{number}", f"{number} again"):
            socket.say(f'"{message}"')
            assert socket.text() == f'a["{message}"]'
    dead.peer.rest()  # until its end


def test_a_long_transfer_is_no_silence(lab):
    session = lab.session("/moving")
    # With a small buffer here, most of the message waits in the server.
    socket = WebSocket(lab.connect(receive_buffer=65_536), session.url("websocket"))
    assert socket.text() == "o"
    size, step = 16_000_000, 1_000_000
    socket.say(f'"send:1:{size}"')
    _, left = socket.header()
    while left < size:
        socket.peer.exactly(left)  # a heartbeat, or a ping
        _, left = socket.header()
    for _ in range(10):
        socket.peer.exactly(step)
        lab.pass_time(10)  # all of them are longer than any ping may take
    assert socket.peer.exactly(left - 10 * step).endswith(b'x"]')
    socket.say('"alive"')
    while socket.text() != 'a["alive"]':
        pass
