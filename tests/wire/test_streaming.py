"""What the three streaming transports have in common (protocol, sections 2, 4 and 7)."""

import pytest

from ..support.receivers import EVENTSOURCE, HTMLFILE, STREAMS, XHR_STREAMING

streams = pytest.mark.parametrize("receiver", STREAMS, ids=lambda receiver: receiver.name)


@streams
def test_the_head_of_a_stream(site, receiver):
    head = site.session().attach(receiver).head
    assert head.headers["content-type"] == receiver.content_type
    assert head.headers["x-accel-buffering"] == "no"
    assert head.chunked
    assert "content-length" not in head.headers


@streams
def test_the_prelude_and_each_frame_are_one_chunk(site, receiver):
    session = site.session()
    peer = site.connect()
    peer.ask(receiver.method, session.url(receiver.suffix))
    assert peer.head().status == 200
    assert receiver.is_prelude(peer.chunk())
    assert peer.chunk() == receiver.wrap("o")
    session.send("x")
    assert peer.chunk() == receiver.wrap('a["x"]')
    session.send("y", "z")
    assert peer.chunk() == receiver.wrap('a["y","z"]')


@streams
def test_a_stream_waits_when_there_is_nothing(site, receiver):
    assert site.session().open(receiver).waits()


@streams
def test_what_queued_comes_first_on_the_next_stream(site, receiver):
    session = site.opened()
    session.send("a")
    session.send("b")
    assert session.attach(receiver).frame() == 'a["a","b"]'


@streams
def test_small_frames_end_the_stream_at_the_limit(site, receiver):
    session = site.session()
    stream = session.open(receiver)
    sent, message = len(receiver.wrap("o")), "x" * 128
    while sent < 4096:
        session.send(message)
        assert stream.frame() == f'a["{message}"]'
        sent += len(receiver.wrap(f'a["{message}"]'))
    assert stream.ended()


def test_the_prelude_does_not_count(site):
    session = site.session()
    stream = session.open(XHR_STREAMING)
    for _ in range(31):
        session.send("x" * 128)
        assert len(stream.piece()) == 134
    assert stream.ended()


@streams
def test_one_large_message_comes_whole_and_ends_the_stream(site, receiver):
    session = site.session()
    stream = session.open(receiver)
    message = "x" * 130_000
    session.send(message)
    assert stream.frame() == f'a["{message}"]'
    assert stream.ended()
    session.send("small")
    assert session.attach(receiver).frame() == 'a["small"]'


@streams
def test_the_connection_lives_on_after_the_limit(site, receiver):
    session = site.session()
    stream = session.open(receiver)
    session.send("x" * 5000)
    stream.frame()
    assert stream.ended()
    again = session.attach(receiver, peer=stream.peer)
    session.send("more")
    assert again.frame() == 'a["more"]'


@streams
def test_nothing_is_lost_or_doubled_across_the_limit(site, receiver):
    session = site.session()
    stream = session.open(receiver)
    expected = [str(number).ljust(300, ".") for number in range(100)]
    for start in range(0, 100, 5):
        assert session.send(*expected[start : start + 5]).status == 204
    assert session.collect(stream, 100) == expected


@streams
def test_the_close_frame_ends_the_stream(site, receiver):
    session = site.session("/close")
    stream = session.attach(receiver)
    assert stream.piece() == receiver.wrap("o")
    assert stream.piece() == receiver.wrap('c[3000,"Go away!"]')
    assert stream.ended()
    again = session.attach(receiver)
    assert again.piece() == receiver.wrap('c[3000,"Go away!"]')
    assert again.ended()


def test_a_tick_comes_without_a_request(site):
    ticking = [site.session("/ticker").open(receiver) for receiver in STREAMS]
    for stream in ticking:
        assert stream.frame() == 'a["tick!"]'


@streams
def test_amplified_messages_come_whole(site, receiver):
    session = site.session("/amplify")
    stream = session.open(receiver)
    for power in (1, 10, 16, 19):
        session.send(str(power))
        assert stream.frame() == 'a["' + "x" * 2**power + '"]'
    assert stream.ended()


def test_each_stream_has_its_own_count(lab):
    session = lab.session("/limited")
    stream = session.open(EVENTSOURCE)
    for _ in range(5):
        session.send("x" * 200)
        assert stream.frame() == 'a["' + "x" * 200 + '"]'
        assert stream.ended()
        stream = session.attach(HTMLFILE if stream.receiver is EVENTSOURCE else EVENTSOURCE)
