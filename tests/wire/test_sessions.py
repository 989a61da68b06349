"""What a session lives through: second receivers, closing, expiry, lost peers (section 7)."""

import pytest

from ..support.labs import Session, fresh, until
from ..support.peer import request
from ..support.receivers import POLLS, RECEIVERS, STREAMS, XHR, XHR_STREAMING

STILL_OPEN = 'c[2010,"Another connection still open"]'
INTERRUPTED = 'c[1002,"Connection interrupted"]'
GO_AWAY = 'c[3000,"Go away!"]'

receivers = pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
streams = pytest.mark.parametrize("receiver", STREAMS, ids=lambda receiver: receiver.name)
polls = pytest.mark.parametrize("receiver", POLLS, ids=lambda receiver: receiver.name)


# Opening


@receivers
def test_the_first_receiver_opens_the_session(lab, receiver):
    session = lab.session("/puppet")
    attached = session.attach(receiver)
    assert attached.piece() == receiver.wrap("o")
    assert lab.told(session, "open")["transport"] == receiver.name


@receivers
def test_a_session_opens_once(lab, receiver):
    session = lab.opened("/puppet")
    session.send("a")
    attached = session.attach(receiver)
    assert attached.frame() == 'a["a"]'
    assert lab.names(session) == ["open", "message"]


def test_one_id_under_two_mounts_is_two_sessions(site):
    here = site.opened("/echo")
    there = Session(site, "/cookie_needed_echo", here.name)
    assert there.send("x").status == 404
    assert there.poll() == b"o\n"
    here.send("here")
    there.send("there")
    assert here.poll() == b'a["here"]\n'
    assert there.poll() == b'a["there"]\n'


def test_transports_take_turns_in_one_session(site):
    session = site.opened()
    for receiver in RECEIVERS * 2:
        session.send(receiver.name)
        attached = session.attach(receiver)
        assert attached.frame() == f'a["{receiver.name}"]'
        if receiver.streams:
            session.send("x" * 5000)
            attached.frame()
            assert attached.ended()


@receivers
def test_what_on_open_raises_closes_the_session(loud_lab, receiver):
    session = loud_lab.session("/failing")
    attached = session.attach(receiver)
    frame = attached.frame()
    if frame == "o":
        frame = (session.attach(receiver) if attached.over() else attached).frame()
    assert frame == 'c[1011,"Internal error"]'
    assert len(loud_lab.errors()) == 1


@receivers
def test_a_refused_client_gets_a_close_frame_and_no_session(lab, receiver):
    session = lab.session("/refusing")
    attached = session.attach(receiver)
    frame = attached.frame()
    if frame == "o":
        frame = (session.attach(receiver) if attached.over() else attached).frame()
    assert frame.startswith("c[")
    assert session.send("x").status == 404


# A second receiver


@receivers
@pytest.mark.parametrize("first", [XHR, XHR_STREAMING], ids=lambda receiver: receiver.name)
def test_a_second_receiver_is_refused_in_its_own_framing(site, receiver, first):
    session = site.session()
    attached = session.waiting(first)
    second = session.attach(receiver)
    assert second.piece() == receiver.wrap(STILL_OPEN)
    assert second.ended()
    session.send("for the first")
    assert attached.frame() == 'a["for the first"]'


def test_a_refused_receiver_costs_the_session_nothing(lab):
    session = lab.session("/puppet")
    stream = session.open()
    for _ in range(20):
        second = session.attach(XHR)
        assert second.frame() == STILL_OPEN
        second.abort()
    session.send("a")
    assert stream.frame() == 'a["a"]'
    assert lab.names(session) == ["open", "message"]


# The application closes


@receivers
def test_an_attached_receiver_gets_the_close_frame_at_once(lab, receiver):
    session = lab.session("/puppet")
    attached = session.open(receiver)
    lab.tell(session, "close:3456:enough")
    assert attached.piece() == receiver.wrap('c[3456,"enough"]')
    assert attached.ended()
    assert lab.closings(session) == 1


@receivers
def test_the_close_frame_comes_again_and_again(lab, receiver):
    session = lab.opened("/puppet")
    lab.tell(session, "close")
    for _ in range(3):
        attached = session.attach(receiver)
        assert attached.piece() == receiver.wrap(GO_AWAY)
        assert attached.ended()
    assert lab.closings(session) == 1


@streams
def test_what_is_queued_comes_before_the_close_frame(lab, receiver):
    session = lab.opened("/puppet")
    session.send("a", "b", "sayclose:c")
    attached = session.attach(receiver)
    assert attached.frame() == 'a["a","b","c"]'
    assert attached.frame() == 'c[3001,"said"]'
    assert attached.ended()


@polls
def test_what_is_queued_comes_before_the_close_frame_in_polls(lab, receiver):
    session = lab.opened("/puppet")
    session.send("a", "b", "sayclose:c")
    assert session.attach(receiver).frame() == 'a["a","b","c"]'
    for _ in range(2):
        assert session.attach(receiver).frame() == 'c[3001,"said"]'


@streams
def test_the_last_words_come_on_an_open_stream(lab, receiver):
    session = lab.session("/puppet")
    stream = session.open(receiver)
    session.send("sayclose:last words")
    assert stream.frame() == 'a["last words"]'
    assert stream.frame() == 'c[3001,"said"]'
    assert stream.ended()


@receivers
def test_a_receiver_of_the_same_instant_never_gets_2010(lab, receiver):
    session = lab.session("/puppet")
    stream = session.open()
    # Queued behind the stream on its connection, the next one starts as the stream ends.
    next_one = session.attach(receiver, peer=stream.peer)
    lab.tell(session, "close")
    assert stream.frame() == GO_AWAY
    assert stream.ended()
    assert next_one.frame() == GO_AWAY


def test_a_closed_session_is_forgotten_when_it_times_out(lab):
    session = lab.opened("/brief")
    session.send("close")
    assert session.poll() == b'c[3000,"Go away!"]\n'
    lab.expire()
    assert lab.names(session) == ["open", "message", "close"]
    assert session.poll() == b"o\n"
    assert lab.names(session).count("open") == 2  # of several nodes, whichever has the new one


# Without a receiver


@receivers
def test_a_session_without_a_receiver_ends(lab, receiver):
    session = lab.session("/brief")
    attached = session.attach(receiver)
    assert attached.frame() == "o"
    if receiver.streams:
        session.send("x" * 200_000)
        attached.frame()
        assert attached.ended()
    lab.expire()
    assert lab.closings(session) == 1


@receivers
@pytest.mark.parametrize("end", ["abort", "close"])
def test_a_connection_that_goes_after_its_response_ends_nothing(lab, receiver, end):
    session = lab.session("/puppet")
    attached = session.attach(receiver)
    assert attached.frame() == "o"
    if receiver.streams:
        session.send("x" * 200_000)
        attached.frame()
    assert attached.ended()
    getattr(attached.peer, end)()
    session.send("still there")
    assert session.poll() == b'a["still there"]\n'
    assert "close" not in lab.names(session)


def test_a_session_with_a_receiver_never_times_out(lab):
    polled, streamed = lab.session("/brief"), lab.session("/brief")
    waiting, stream = polled.waiting(XHR), streamed.open()
    for _ in range(3):
        lab.expire()
    polled.send("still there")
    streamed.send("still there")
    assert waiting.frame() == 'a["still there"]'
    assert stream.frame() == 'a["still there"]'
    assert "close" not in lab.names(polled) + lab.names(streamed)


def test_each_receiver_gives_the_session_a_new_delay(lab):
    session, other = lab.opened("/brief"), lab.opened("/brief")
    lab.pass_time(4)
    session.send("a")
    assert session.poll() == b'a["a"]\n'
    lab.pass_time(3)
    assert lab.closings(other) == 1
    assert "close" not in lab.names(session)
    session.send("b")
    assert session.poll() == b'a["b"]\n'
    lab.expire()
    assert lab.closings(session) == 1


def test_a_session_that_was_never_opened_calls_nobody(lab):
    session = lab.session("/brief")
    assert session.send("x").status == 404
    peer = lab.connect()
    peer.send(request("POST", session.url("xhr"))[:-2])
    peer.abort()
    lab.expire()
    assert lab.journal(session) == []


# Lost peers


@streams
@pytest.mark.parametrize("end", ["abort", "close", "half_close"])
def test_a_stream_that_vanishes_ends_the_session_once(lab, receiver, end):
    session = lab.session("/puppet")
    stream = session.open(receiver)
    getattr(stream.peer, end)()
    assert lab.closings(session) == 1
    assert session.send("x").status == 404


@polls
@pytest.mark.parametrize("end", ["abort", "close", "half_close"])
def test_a_poll_that_vanishes_ends_the_session_once(lab, receiver, end):
    session = lab.session("/puppet")
    waiting = session.waiting(receiver)
    getattr(waiting.peer, end)()
    assert lab.closings(session) == 1
    assert session.send("x").status == 404


@receivers
def test_after_a_lost_peer_the_next_receiver_is_told(lab, receiver):
    session = lab.session("/puppet")
    session.open().abort()
    lab.wait(session, "close")
    attached = session.attach(receiver)
    frame = attached.frame()
    assert frame in (INTERRUPTED, "o")
    if frame == INTERRUPTED:
        assert attached.ended()


def test_no_message_of_a_lost_session_reaches_the_next(lab):
    session = lab.opened("/brief")
    session.send("old", "old too")
    waiting = session.attach(XHR)
    assert waiting.frame() == 'a["old","old too"]'
    session.send("send:10:10")
    lab.expire()
    assert lab.closings(session) == 1
    lab.expire()
    assert session.poll() == b"o\n"
    session.send("new")
    assert session.poll() == b'a["new"]\n'


@receivers
@pytest.mark.parametrize("stage", ["asked", "answered", "talked"])
def test_a_peer_may_go_at_any_stage(lab, receiver, stage):
    session = lab.session("/puppet", fresh("gone"))
    peer = lab.connect()
    peer.ask(receiver.method, session.url(receiver.suffix))
    if stage != "asked":
        peer.head()
    if stage == "talked":
        peer.half_close()
    peer.abort()
    assert lab.get("/puppet").status == 200


def test_a_peer_may_go_while_a_large_frame_is_under_way(lab):
    session = lab.session("/puppet")
    stream = session.open()
    session.send("send:1:3000000")
    stream.peer.exactly(1000)
    stream.abort()
    assert lab.closings(session) == 1


# Supervision


@receivers
def test_an_application_error_ends_that_session_alone(loud_lab, receiver):
    session, other = loud_lab.session("/puppet"), loud_lab.opened("/puppet")
    attached = session.open(receiver)
    session.send("raise:secret")
    assert attached.piece() == receiver.wrap('c[1011,"Internal error"]')
    assert attached.ended()
    assert loud_lab.closings(session) == 1
    other.send("unharmed")
    assert other.poll() == b'a["unharmed"]\n'
    (error,) = loud_lab.errors()
    assert "secret" in error


def test_an_application_error_on_a_websocket(loud_lab):
    session = loud_lab.session("/puppet")
    socket = session.websocket()
    socket.say('["raise:secret","never"]')
    assert socket.text() == 'c[1011,"Internal error"]'
    assert "secret" not in socket.closed().reason
    assert loud_lab.closings(session) == 1
    assert loud_lab.names(session) == ["open", "message", "close"]
    assert len(loud_lab.errors()) == 1


def test_a_stuck_session_delays_no_other(lab):
    stuck, other = lab.opened("/puppet"), lab.opened("/puppet")
    stuck.send("hold")
    stuck.send("waits")
    for number in range(10):
        other.send(str(number))
        assert other.poll() == f'a["{number}"]\n'.encode()
    assert lab.names(stuck) == ["open", "message"]
    lab.tell(stuck, "release")
    assert stuck.poll() == b'a["waits"]\n'
    assert other.name != stuck.name


def test_a_stuck_session_can_still_be_closed(lab):
    session = lab.session("/puppet")
    stream = session.open()
    session.send("hold")
    session.send("never")
    lab.wait(session, "message")
    lab.tell(session, "close:3005:now")
    assert stream.frame() == 'c[3005,"now"]'
    assert stream.ended()
    assert session.send("late").status == 404
    lab.tell(session, "release")
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "message", "close"]


def test_a_stuck_session_hears_of_a_lost_peer(lab):
    session = lab.session("/puppet")
    stream = session.open()
    session.send("hold")
    lab.wait(session, "message")
    stream.abort()
    until(lambda: session.send("waits").status == 404)
    lab.tell(session, "release")
    assert lab.closings(session) == 1


# Order


@receivers
def test_two_thousand_messages_in_bursts_keep_their_order(site, receiver):
    session = site.session()
    attached = session.attach(receiver)
    assert attached.frame() == "o"
    expected = [f"{number} ž %41 </script>" for number in range(2000)]
    for start in range(0, 2000, 100):
        assert session.send(*expected[start : start + 100]).status == 204
    assert session.collect(attached, 2000) == expected


@receivers
def test_a_megabyte_comes_whole(lab, receiver):
    session = lab.opened("/puppet")
    session.send("send:1:1048576", "small")
    attached = session.attach(receiver)
    large, small = session.collect(attached, 2)
    assert large == "0".ljust(1_048_576, "x")
    assert small == "small"


def test_large_then_small_across_the_limit(site):
    session = site.session()
    stream = session.open()
    for size in (10_000, 1, 10_000, 1, 1, 4096):
        session.send("x" * size)
        if stream.over():
            stream = session.attach(peer=stream.peer)
        assert stream.frame() == 'a["' + "x" * size + '"]'
