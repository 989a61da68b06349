"""Several requests on one connection, sent before their answers came."""

import json

from ..support.frames import TEXT, frame
from ..support.labs import fresh
from ..support.peer import request
from ..support.receivers import RECEIVERS, XHR
from ..support.websocket import upgrade


def pipeline(site, *requests):
    peer = site.connect()
    peer.send(b"".join(requests))
    return peer


def test_static_answers_come_in_order(site):
    paths = ["/echo", "/echo/info", "/echo/iframe.html", "/echo/a", "/echo"] * 5
    peer = pipeline(site, *(request("GET", path) for path in paths))
    for path in paths:
        answer = peer.response()
        assert answer.status == (404 if path.endswith("/a") else 200)
        assert (answer.body == b"Welcome to SockJS!\n") == (path == "/echo")
        assert (b'"entropy"' in answer.body) == path.endswith("info")


def test_a_session_on_one_pipeline(site):
    session = site.session()
    poll = request("POST", session.url("xhr"))
    send = request("POST", session.url("xhr_send"), body='["a"]')
    peer = pipeline(site, poll, send, poll, send, send, poll)
    bodies = [peer.response().body for _ in range(6)]
    assert bodies == [b"o\n", b"", b'a["a"]\n', b"", b"", b'a["a","a"]\n']


def test_a_hundred_polls_on_one_pipeline(site):
    session = site.session()
    peer = site.connect()
    peer.ask("POST", session.url("xhr"))
    assert peer.response().body == b"o\n"
    for number in range(100):
        peer.ask("POST", session.url("xhr_send"), body=json.dumps([str(number)]))
        peer.ask("POST", session.url("xhr"))
    for number in range(100):
        assert peer.response().status == 204
        assert peer.response().body == f'a["{number}"]\n'.encode()


def test_what_waits_behind_a_poll_is_answered_after_it(site):
    session = site.opened()
    peer = pipeline(
        site, request("POST", session.url("xhr")), request("GET", "/echo"), request("GET", "/echo")
    )
    assert peer.silent()
    session.send("a")
    assert peer.response().body == b'a["a"]\n'
    assert peer.response().body == peer.response().body == b"Welcome to SockJS!\n"


def test_a_poll_behind_a_stream_takes_over_where_it_ends(site):
    for receiver in RECEIVERS:
        session = site.session()
        attached = session.attach(receiver)
        assert attached.frame() == "o"
        if receiver.streams:
            behind = session.attach(XHR, peer=attached.peer)
            session.send("x" * 5000)
            attached.frame()
            assert attached.ended()
            session.send("behind")
            assert behind.frame() == 'a["behind"]'


def test_a_sender_that_errs_does_not_spoil_the_next(site):
    session = site.session()
    url = session.url("xhr_send")
    peer = pipeline(
        site,
        request("POST", session.url("xhr")),
        request("POST", url, body=""),
        request("POST", url, body="["),
        request("POST", url, body="{}"),
        request("POST", url, body='["a"]'),
        request("POST", session.url("xhr")),
    )
    assert [peer.response().status for _ in range(6)] == [200, 500, 500, 500, 204, 200]


def test_requests_cut_anywhere(site):
    session = site.opened()
    wire = request("POST", session.url("xhr_send"), body='["a"]') + request("GET", "/echo")
    peer = site.connect()
    for cut in range(1, len(wire), 3):
        peer.send(wire[:cut])
        peer.send(wire[cut:])
        assert peer.response().status == 204
        assert peer.response().status == 200


def test_an_upgrade_at_the_end_of_a_pipeline(site):
    peer = pipeline(
        site,
        request("GET", "/echo"),
        request("GET", "/echo/info"),
        upgrade(f"/echo/000/{fresh()}/websocket"),
        frame(TEXT, '["a"]'),
    )
    assert peer.response().body == b"Welcome to SockJS!\n"
    assert peer.response().status == 200
    assert peer.head().status == 101
    assert peer.exactly(3) == b"\x81\x01o"
    assert peer.exactly(8) == b'\x81\x06a["a"]'


def test_a_pipeline_that_is_cut_leaves_the_session_ended(lab):
    session = lab.session("/puppet")
    poll = request("POST", session.url("xhr"))
    peer = pipeline(lab, poll, poll, poll)
    assert peer.response().body == b"o\n"
    peer.abort()
    assert lab.closings(session) == 1
