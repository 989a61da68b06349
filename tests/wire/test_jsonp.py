"""jsonp-polling (protocol, sections 4 and 6)."""

from urllib.parse import quote

import pytest

from ..support.checks import PLAIN, assert_never_cached, assert_refused
from ..support.receivers import JAVASCRIPT, JSONP
from .test_htmlfile import BAD_CALLBACKS, INVALID, REQUIRED

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def poll(site, session, query="?c=callback"):
    return site.get(session.url("jsonp" + query))


def test_the_first_poll_gets_the_open_frame(site):
    answer = poll(site, site.session())
    assert answer.status == 200
    assert answer.headers["content-type"] == JAVASCRIPT
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.body == b'/**/callback("o");\r\n'
    assert_never_cached(answer)


def test_the_message_is_a_string_in_a_call(site):
    session = site.opened()
    session.send('a"b\\')
    assert poll(site, session).body == b'/**/callback("a[\\"a\\\\\\"b\\\\\\\\\\"]");\r\n'


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?c=abc", "abc"),
        ("?callback=abc", "abc"),
        ("?c=_jp.a-1", "_jp.a-1"),
        ("?c=%5Fjp", "_jp"),
        ("?t=1&c=" + "x" * 32, "x" * 32),
    ],
)
def test_the_callback_is_called(site, query, name):
    assert poll(site, site.session(), query).body == f'/**/{name}("o");\r\n'.encode()


@pytest.mark.parametrize("query", ["", "?", "?c=", "?c", "?callback=", "?x=callback"])
def test_a_missing_callback_is_an_error(site, query):
    session = site.session()
    assert_refused(poll(site, session, query), 500, REQUIRED)
    assert session.send("a").status == 404, "no session is created"


@pytest.mark.parametrize("callback", [*BAD_CALLBACKS, "x" * 33, "x" * 5000])
def test_a_bad_callback_is_refused_never_cleaned(site, callback):
    session = site.session()
    answer = poll(site, session, "?c=" + callback)
    assert_refused(answer, 500, INVALID)
    assert session.send("a").status == 404, "no session is created"


def test_an_error_of_jsonp_is_no_script(site):
    for query in ("", "?c=a(b"):
        content_type = poll(site, site.session(), query).headers["content-type"]
        assert "javascript" not in content_type and "html" not in content_type


def test_a_poll_that_waits_gets_the_message(site):
    session = site.session()
    waiting = session.open(JSONP)
    assert waiting.waits()
    assert send(site, session, "d=" + quote('["x"]'), FORM).status == 200
    assert waiting.piece() == b'/**/callback("a[\\"x\\"]");\r\n'


def test_the_close_frame_comes_again_and_again(site):
    session = site.session("/close")
    assert poll(site, session).body == b'/**/callback("o");\r\n'
    for _ in range(2):
        assert poll(site, session).body == b'/**/callback("c[3000,\\"Go away!\\"]");\r\n'


def test_line_separators_cannot_end_the_string(site):
    session = site.opened()
    session.send("\u2028\u2029")
    assert poll(site, session).body == b'/**/callback("a[\\"\\\\u2028\\\\u2029\\"]");\r\n'


def send(site, session, body, headers):
    return site.post(session.url("jsonp_send"), body, headers)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("d=%5B%22x%22%5D", FORM),
        ('d=["x"]', FORM),
        ("a=1&d=%5B%22x%22%5D&b=2", FORM),
        ("d=%5B%22x%22%5D", {"Content-Type": FORM["Content-Type"] + "; charset=UTF-8"}),
        ("d=%5B%22x%22%5D", {"Content-Type": "Application/X-WWW-Form-URLEncoded;charset=utf-8"}),
        ('["x"]', {"Content-Type": "text/plain"}),
        ('["x"]', {"Content-Type": "text/plain; charset=UTF-8"}),
        ('["x"]', {"Content-Type": "T"}),
        ('["x"]', {"Content-Type": "application/json"}),
        ('["x"]', {"Content-Type": ""}),
        ('["x"]', {}),
    ],
)
def test_messages_come_raw_or_in_a_form(site, body, headers):
    session = site.opened()
    answer = send(site, session, body, headers)
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["content-type"] == PLAIN
    assert_never_cached(answer)
    assert session.poll() == b'a["x"]\n'


def test_a_form_decodes_plus_and_percent(site):
    session = site.opened()
    send(site, session, "d=" + quote('["a+b"]', safe="") + "&e=", FORM)
    send(site, session, 'd=["a+b%25%C5%BE"]', FORM)
    assert session.poll() == 'a["a+b","a b%ž"]\n'.encode()


def test_an_empty_array_does_nothing(site):
    session = site.opened()
    assert send(site, session, "d=[]", FORM).body == b"ok"
    send(site, session, 'd=["x"]', FORM)
    assert session.poll() == b'a["x"]\n'


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        ("", {}, "Payload expected."),
        ("", FORM, "Payload expected."),
        ("d=", FORM, "Payload expected."),
        ("d", FORM, "Payload expected."),
        ("e=%5B%22x%22%5D", FORM, "Payload expected."),
        ('["x', {}, "Broken JSON encoding."),
        ('d=["x', FORM, "Broken JSON encoding."),
        ('"x"', {}, "Payload expected."),
        ('d="x"', FORM, "Payload expected."),
        ("d={}", FORM, "Payload expected."),
        ("d=[1]", FORM, "Payload expected."),
        ('d=["a",null]', FORM, "Payload expected."),
    ],
)
def test_bad_messages_are_refused_whole(site, body, headers, words):
    session = site.opened()
    assert_refused(send(site, session, body, headers), 500, words)
    assert send(site, session, '["after"]', {}).status == 200
    assert session.poll() == b'a["after"]\n', "nothing of the refused was delivered"


def test_a_form_that_is_no_utf_8_is_refused(site):
    session = site.opened()
    for field in ("%FF", "%5B%22%FF%22%5D", "\xff"):
        assert send(site, session, f"d={field}".encode("latin-1"), FORM).status == 500
    assert send(site, session, '["after"]', {}).status == 200
    assert session.poll() == b'a["after"]\n'


def test_an_unknown_session_is_not_found(site):
    session = site.session()
    assert send(site, session, '["x"]', {}).status == 404
    assert send(site, session, "d=%5B%22x%22%5D", FORM).status == 404
    assert session.poll() == b"o\n"


def test_a_closed_session_is_not_found(site):
    session = site.opened("/close")
    assert send(site, session, '["x"]', {}).status == 404
