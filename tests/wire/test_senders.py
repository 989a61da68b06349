"""xhr_send, the sender of four transports (protocol, section 6)."""

import pytest

from ..support.checks import PLAIN, assert_never_cached, assert_refused
from ..support.peer import request
from ..support.receivers import XHR

PAYLOAD = "Payload expected."
BROKEN = "Broken JSON encoding."

BROKEN_BODIES = [
    '["x',
    '["x"]]',
    '["x"] y',
    '["x",]',
    "[x]",
    "['x']",
    '["x"',
    "x",
    "[",
    "{",
    '["\\x"]',
    '["\\u12"]',
    '["a\nb"]',
    '["\t"]',
    b'["\xff"]',
    b'["\xc3"]',
    b'["\xed\xa0\x80"]',
    b'["\xc0\x80"]',
    '["x"]'.encode("utf-16-le"),
    "\0",
    " ",
]
WRONG_SHAPES = [
    '"x"',
    "{}",
    '{"a":"b"}',
    "[1]",
    "[null]",
    "[true]",
    '[["x"]]',
    '["a",1]',
    '["a",{"b":"c"}]',
    "1",
    "null",
    "true",
    "1.5",
]


def send(site, session, body, headers=None):
    return site.post(session.url("xhr_send"), body, headers)


def test_success_is_204_with_a_type_and_no_body(site):
    answer = site.opened().send("x")
    assert answer.status == 204
    assert answer.headers["content-type"] == PLAIN
    assert answer.headers.get("content-length") in (None, "0")
    assert not answer.chunked
    assert_never_cached(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "T",
        "application/json",
        "application/json;charset=utf-8",
        "application/xml",
        "text/xml",
        "text/xml; charset=UTF-8",
        "text/plain; charset=UTF-8",
        "application/x-www-form-urlencoded",
        "",
        None,
    ],
)
def test_the_content_type_does_not_matter(site, content_type):
    session = site.opened()
    assert send(site, session, '["a"]', {"Content-Type": content_type}).status == 204
    assert session.poll() == b'a["a"]\n'


def test_an_empty_array_is_legal_and_does_nothing(site):
    session = site.opened()
    assert send(site, session, "[]").status == 204
    assert send(site, session, " [ ] \r\n").status == 204
    assert send(site, session, '["a"]').status == 204
    assert session.poll() == b'a["a"]\n'


def test_an_empty_body_is_an_error(site):
    assert_refused(send(site, site.opened(), ""), 500, PAYLOAD)


@pytest.mark.parametrize("body", BROKEN_BODIES)
def test_broken_json_is_an_error_and_the_session_lives_on(site, body):
    session = site.opened()
    assert_refused(send(site, session, body), 500, BROKEN)
    assert session.send("after").status == 204
    assert session.poll() == b'a["after"]\n'


@pytest.mark.parametrize("body", WRONG_SHAPES)
def test_another_shape_is_an_error_whole(site, body):
    session = site.opened()
    assert_refused(send(site, session, body), 500, PAYLOAD)
    assert session.send("after").status == 204
    assert session.poll() == b'a["after"]\n'


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000,
        "[" + "1" * 5000 + "]",
        "1" * 100_000,
        "[-1e999999]",
        "[NaN]",
        "[Infinity]",
        '["a",' + "9" * 400_000 + "]",
    ],
    ids=lambda body: f"{body[:6]}-{len(body)}",
)
def test_hostile_json_is_an_error_and_no_crash(lab, body):
    session = lab.opened("/puppet")
    answer = send(lab, session, body)
    assert answer.status == 500
    assert answer.text in (PAYLOAD, BROKEN)
    assert lab.names(session) == ["open"], "nothing reached the application"


def test_an_error_has_no_page_and_no_traceback(site):
    answer = send(site, site.opened(), "[")
    assert answer.headers["content-type"] == PLAIN
    assert len(answer.body) == len(BROKEN)


def test_an_unknown_session_is_not_found(site):
    session = site.session()
    assert session.send("x").status == 404
    assert session.poll() == b"o\n", "and it was not opened"


def test_a_closed_session_is_not_found(site):
    session = site.opened("/close")
    assert session.send("x").status == 404


def test_nothing_reaches_a_closing_session(lab):
    session = lab.opened("/puppet")
    session.send("close")
    lab.wait(session, "close")
    assert session.send("late").status == 404
    assert lab.names(session) == ["open", "message", "close"]


def test_an_expired_session_is_not_found(lab):
    session = lab.opened("/brief")
    lab.expire()
    lab.wait(session, "close")
    assert session.send("late").status == 404


def test_the_session_of_a_websocket_takes_no_sender(site):
    session = site.session()
    socket = session.websocket()
    assert session.send("x").status == 404
    socket.say('"y"')
    assert socket.text() == 'a["y"]'


def test_a_body_may_come_in_chunks(site):
    session = site.opened()
    head = request(
        "POST",
        session.url("xhr_send"),
        {"Content-Length": None, "Transfer-Encoding": "chunked"},
    )
    peer = site.connect()
    peer.send(head + b'3\r\n["a\r\n' + b'2;x=y\r\n"]\r\n' + b"0\r\n\r\n")
    assert peer.response().status == 204
    assert session.poll() == b'a["a"]\n'


def test_a_body_may_come_slowly(site):
    session = site.opened()
    peer = site.connect()
    peer.dribble(request("POST", session.url("xhr_send"), body='["slow"]'))
    assert peer.response().status == 204
    assert session.poll() == b'a["slow"]\n'


def test_a_slow_body_holds_up_nobody_else(site):
    session = site.opened()
    slow = site.connect()
    wire = request("POST", session.url("xhr_send"), body='["slow"]')
    slow.send(wire[:-2])
    session.send("fast")
    assert session.poll() == b'a["fast"]\n'
    slow.send(wire[-2:])
    assert slow.response().status == 204
    assert session.poll() == b'a["slow"]\n'


def test_half_a_body_is_never_delivered(lab):
    session = lab.opened("/puppet")
    wire = request("POST", session.url("xhr_send"), body='["cut"]')
    for end in (-1, -5):
        peer = lab.connect()
        peer.send(wire[:end])
        peer.abort()
    session.send("whole")
    assert session.poll() == b'a["whole"]\n'
    assert lab.names(session) == ["open", "message"]


def test_a_client_that_asks_first_is_told_to_go_on(site):
    session = site.opened()
    peer = site.connect()
    wire = request("POST", session.url("xhr_send"), {"Expect": "100-continue"}, '["a"]')
    peer.send(wire[: -len('["a"]')])
    assert peer.response().status == 100
    peer.send(b'["a"]')
    assert peer.response().status == 204


def test_a_burst_in_one_request_is_not_refused(site):
    session = site.opened()
    burst = [f"message {number}" for number in range(10_000)]
    assert session.send(*burst).status == 204
    assert session.collect(session.attach(XHR), len(burst)) == burst


def test_the_sender_answers_before_the_echo_is_read(site):
    session = site.opened()
    for number in range(50):
        assert session.send(str(number)).status == 204
    assert session.collect(session.attach(XHR), 50) == [str(number) for number in range(50)]
