"""The JSESSIONID cookie for sticky load balancers (protocol, section 2)."""

import pytest

from ..support.checks import assert_no_cookie
from ..support.receivers import RECEIVERS

PREFIX = "/cookie_needed_echo"


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_every_receiver_sets_the_dummy(site, receiver):
    head = site.session(PREFIX).attach(receiver).head
    assert head.headers["set-cookie"] == "JSESSIONID=dummy; path=/"


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_every_receiver_echoes_what_the_request_brought(site, receiver):
    cookies = {"Cookie": "a=b; JSESSIONID=abcdef.node-1; c=d"}
    head = site.session(PREFIX).attach(receiver, cookies).head
    assert head.headers["set-cookie"] == "JSESSIONID=abcdef.node-1; path=/"


@pytest.mark.parametrize("name", ["xhr_send", "jsonp_send"])
def test_every_sender_sets_it(site, name):
    session = site.opened(PREFIX)
    dummy = site.post(session.url(name), '["a"]')
    assert dummy.headers["set-cookie"] == "JSESSIONID=dummy; path=/"
    echoed = site.post(session.url(name), '["a"]', {"Cookie": "JSESSIONID=n1"})
    assert echoed.headers["set-cookie"] == "JSESSIONID=n1; path=/"


def test_the_websocket_answer_sets_it(site):
    head = site.websocket(PREFIX).head
    assert head.headers["set-cookie"] == "JSESSIONID=dummy; path=/"
    head = site.websocket(PREFIX, {"Cookie": "JSESSIONID=n1"}).head
    assert head.headers["set-cookie"] == "JSESSIONID=n1; path=/"


@pytest.mark.parametrize(
    "cookie", ["", ";", "=", "JSESSIONID", "JSESSIONID=", "a=b;;", '"', "\xff"]
)
def test_a_broken_cookie_breaks_nothing(site, cookie):
    answer = site.post(site.session(PREFIX).url("xhr"), headers={"Cookie": cookie})
    assert answer.body == b"o\n"
    assert answer.headers["set-cookie"].startswith("JSESSIONID=")


INJECTIONS = [
    r'"a\073\040Domain=evil.example"',  # a semicolon, written as the library of cookies does
    r'"a\015\012X-Injected:\0401"',
    r'"a\054\040b=c"',
    '"a\\"b"',
]


@pytest.mark.parametrize("value", INJECTIONS)
def test_an_echoed_cookie_brings_nothing_else_with_it(site, value):
    brought = {"Cookie": f"JSESSIONID={value}"}
    polled = site.post(site.session(PREFIX).url("xhr"), headers=brought)
    upgraded = site.websocket(PREFIX, brought).head
    for answer in (polled, upgraded):
        assert "x-injected" not in answer.headers
        name, path = answer.headers["set-cookie"].split("; ")
        assert name.startswith("JSESSIONID=") and path == "path=/"
        assert "," not in name


@pytest.mark.parametrize(
    "other", ['prefs={"a":1}', "a b=c", "x", "=", 'q="', "u=\xc5\xbe", "d=1,2"]
)
def test_an_odd_cookie_does_not_hide_the_one_that_counts(site, other):
    for cookies in (f"{other}; JSESSIONID=n1", f"JSESSIONID=n1; {other}"):
        answer = site.post(site.session(PREFIX).url("xhr"), headers={"Cookie": cookies})
        assert answer.headers["set-cookie"] == "JSESSIONID=n1; path=/"


def test_a_cookie_name_that_only_ends_alike_is_another(site):
    answer = site.post(site.session(PREFIX).url("xhr"), headers={"Cookie": "XJSESSIONID=x"})
    assert answer.headers["set-cookie"] == "JSESSIONID=dummy; path=/"


def test_the_static_answers_set_none(site):
    brought = {"Cookie": "JSESSIONID=abcdef"}
    for path in ("", "/", "/info", "/iframe.html", "/iframe-1.html"):
        assert_no_cookie(site.get(PREFIX + path, brought))


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)
def test_nothing_sets_it_where_it_is_off(site, receiver):
    session = site.session()
    attached = session.attach(receiver, {"Cookie": "JSESSIONID=abcdef"})
    assert attached.frame() == "o"
    assert_no_cookie(attached.head)
    assert_no_cookie(session.send("a", headers={"Cookie": "JSESSIONID=abcdef"}))


def test_a_function_gives_the_whole_cookie(lab):
    got = lab.post(lab.session("/cookies").url("xhr")).headers["set-cookie"]
    assert got == "LB=node7; path=/; Secure; HttpOnly; SameSite=None"
