"""HTTP/1.0, with keep-alive and without: what stands behind an old haproxy (sections 3 and 4)."""

import pytest

from ..support.peer import Peer
from ..support.receivers import POLLS, STREAMS, XHR
from ..support.websocket import UPGRADE

OLD = "HTTP/1.0"

streams = pytest.mark.parametrize("receiver", STREAMS, ids=lambda receiver: receiver.name)


def ask(site, method, path, headers=None, body=None) -> Peer:
    peer = site.connect()
    peer.ask(method, path, {"Host": None, **(headers or {})}, body, OLD)
    return peer


def open_stream(site, session, receiver) -> Peer:
    """Ask for a stream, and take what stands before the first frame, byte by byte."""
    peer = ask(site, receiver.method, session.url(receiver.suffix))
    head = peer.head()
    assert head.status == 200
    assert not head.chunked
    assert "content-length" not in head.headers
    wrapped = receiver.wrap("o")
    got = peer.until(wrapped)
    assert receiver.is_prelude(got[: -len(wrapped)])
    return peer


def test_the_greeting_without_keep_alive(site):
    peer = ask(site, "GET", "/echo")
    answer = peer.response()
    assert answer.body == b"Welcome to SockJS!\n"
    assert answer.headers["content-length"] == "19"
    assert "keep-alive" not in answer.headers.tokens("connection")
    assert peer.ended()


def test_the_greeting_with_keep_alive(site):
    peer = ask(site, "GET", "/echo", {"Connection": "Keep-Alive"})
    answer = peer.response()
    assert answer.body == b"Welcome to SockJS!\n"
    assert answer.headers["content-length"] == "19"
    if "keep-alive" in answer.headers.tokens("connection"):
        peer.ask("GET", "/echo", version=OLD)
        assert peer.response().body == b"Welcome to SockJS!\n"
    else:
        assert peer.ended()


def test_the_greeting_with_keep_alive_of_today(site):
    peer = site.connect()
    for connection in ({}, {"Connection": "keep-alive"}, {"Connection": "close"}):
        peer.ask("GET", "/echo", connection)
        assert peer.response().body == b"Welcome to SockJS!\n"
    assert peer.ended()


@pytest.mark.parametrize("path", ["/echo/info", "/echo/iframe.html"])
def test_static_answers(site, path):
    peer = ask(site, "GET", path)
    answer = peer.response()
    assert answer.status == 200 and not answer.chunked
    assert len(answer.body) == int(answer.headers["content-length"])
    assert peer.ended()


@pytest.mark.parametrize("receiver", POLLS, ids=lambda receiver: receiver.name)
def test_polls(site, receiver):
    session = site.session()
    for frame in ("o", 'a["a"]'):
        peer = ask(site, receiver.method, session.url(receiver.suffix))
        answer = peer.response()
        assert not answer.chunked
        assert answer.body == receiver.wrap(frame)
        session.send("a")


def test_a_sender(site):
    session = site.opened()
    peer = ask(site, "POST", session.url("xhr_send"), body='["a"]')
    assert peer.response().status == 204
    assert peer.ended()
    assert session.poll() == b'a["a"]\n'


def test_an_error_of_a_sender(site):
    peer = ask(site, "POST", site.opened().url("xhr_send"), body="[")
    answer = peer.response()
    assert (answer.status, answer.text) == (500, "Broken JSON encoding.")
    assert peer.ended()


@streams
def test_a_stream_is_neither_chunked_nor_counted(site, receiver):
    session = site.session()
    peer = open_stream(site, session, receiver)
    for message in ("x", "y"):
        session.send(message)
        wrapped = receiver.wrap(f'a["{message}"]')
        assert peer.exactly(len(wrapped)) == wrapped


@streams
def test_a_stream_ends_by_closing_at_the_limit(site, receiver):
    session = site.session()
    peer = open_stream(site, session, receiver)
    session.send("x" * 4096)
    assert peer.rest() == receiver.wrap('a["' + "x" * 4096 + '"]')
    session.send("more")
    assert session.poll() == b'a["more"]\n'


@streams
def test_a_stream_ends_by_closing_after_the_close_frame(site, receiver):
    peer = open_stream(site, site.session("/close"), receiver)
    assert peer.rest() == receiver.wrap('c[3000,"Go away!"]')


@streams
def test_a_stream_with_keep_alive_ends_by_closing_too(site, receiver):
    session = site.session("/close")
    peer = ask(site, receiver.method, session.url(receiver.suffix), {"Connection": "keep-alive"})
    head = peer.head()
    assert not head.chunked and "content-length" not in head.headers
    assert peer.rest().endswith(receiver.wrap('c[3000,"Go away!"]'))


def test_a_second_receiver_is_refused(site):
    session = site.session()
    session.waiting(XHR)
    peer = ask(site, "POST", session.url("xhr"))
    assert peer.response().body == b'c[2010,"Another connection still open"]\n'
    assert peer.ended()


def test_a_stream_that_vanishes_ends_the_session(lab):
    session = lab.session("/puppet")
    peer = open_stream(lab, session, STREAMS[0])
    peer.abort()
    assert lab.closings(session) == 1


def test_an_upgrade_of_an_old_client_is_no_crash(site):
    peer = ask(site, "GET", "/echo/websocket", UPGRADE)
    assert peer.head().status in (101, 400, 426, 505)
    assert site.get("/echo").status == 200
