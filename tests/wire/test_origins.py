"""Which pages may use a mount: one gate on every transport, and the cookies behind it."""

import json

import pytest

from ..support.labs import fresh
from ..support.receivers import EVENTSOURCE, HTMLFILE, JSONP, RECEIVERS, XHR
from ..support.websocket import upgrade

GOOD = "http://good.example"
ALSO_GOOD = "https://good.example:8443"
BAD = [
    "http://evil.example",
    "https://good.example",
    "http://good.example:81",
    "http://good.example.evil.example",
    "http://evilgood.example",
    "http://sub.good.example",
    "http://good.example@evil.example",
    "http://good",
    "good.example",
    "null",
    "*",
    "http://good.example/",
    "http://good.example, http://evil.example",
    "\xff",
]

receivers = pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)


def ask(lab, receiver, headers):
    session = lab.session("/origins")
    peer = lab.connect()
    peer.ask(receiver.method, session.url(receiver.suffix), headers)
    return session, peer.head()


def upgraded(lab, path, headers):
    peer = lab.connect()
    peer.send(upgrade(path, headers))
    return peer.head().status


@receivers
@pytest.mark.parametrize(
    "origin", [GOOD, ALSO_GOOD, "HTTP://Good.Example", "http://good.example:80"]
)
def test_a_named_origin_is_let_in(lab, receiver, origin):
    session, head = ask(lab, receiver, {"Origin": origin})
    assert head.status == 200
    assert lab.told(session, "open")["origin"] == origin
    if receiver.method == "POST" or receiver is EVENTSOURCE:
        assert head.headers["access-control-allow-origin"] == origin
        assert head.headers["access-control-allow-credentials"] == "true"


@receivers
@pytest.mark.parametrize("origin", BAD)
def test_another_origin_is_refused_before_a_session_is(lab, receiver, origin):
    session, head = ask(lab, receiver, {"Origin": origin})
    assert head.status == 403
    assert head.headers.get("access-control-allow-origin") != origin
    assert lab.journal(session) == []


@pytest.mark.parametrize("origin", BAD)
def test_another_origin_gets_no_websocket(lab, origin):
    session = lab.session("/origins")
    assert upgraded(lab, session.url("websocket"), {"Origin": origin}) == 403
    assert upgraded(lab, f"/origins/websocket?name={session.name}", {"Origin": origin}) == 403
    assert lab.journal(session) == []


@pytest.mark.parametrize("origin", [GOOD, ALSO_GOOD])
def test_a_named_origin_gets_its_websockets(lab, origin):
    assert lab.websocket("/origins", {"Origin": origin}).head.status == 101
    assert lab.raw(f"/origins/websocket?name={fresh()}", {"Origin": origin}).head.status == 101


def test_another_origin_sends_nothing_into_a_session(lab):
    session = lab.session("/origins")
    assert session.poll({"Origin": GOOD}) == b"o\n"
    evil = {"Origin": BAD[0]}
    assert session.send("x", headers=evil).status == 403
    assert lab.post(session.url("jsonp_send"), '["x"]', evil).status == 403
    assert session.send("good", headers={"Origin": GOOD}).status == 204
    assert lab.names(session) == ["open", "message"]


def test_another_origin_reads_nothing_from_a_session(lab):
    session = lab.session("/origins")
    assert session.poll({"Origin": GOOD}) == b"o\n"
    session.send("secret", headers={"Origin": GOOD})
    for receiver in RECEIVERS:
        peer = lab.connect()
        peer.ask(receiver.method, session.url(receiver.suffix), {"Origin": BAD[0]})
        assert peer.head().status == 403
    assert session.poll({"Origin": GOOD}) == b'a["secret"]\n'


@pytest.mark.parametrize("receiver", [JSONP, HTMLFILE], ids=lambda receiver: receiver.name)
def test_a_page_without_an_origin_header_is_known_by_its_referer(lab, receiver):
    assert ask(lab, receiver, {"Referer": GOOD + "/page?x"})[1].status == 200
    assert ask(lab, receiver, {"Referer": "http://evil.example/good.example"})[1].status == 403
    assert ask(lab, receiver, {"Referer": "http://good.example.evil.example/"})[1].status == 403
    assert ask(lab, receiver, {"Referer": "::"})[1].status == 403


@pytest.mark.parametrize("receiver", [JSONP, EVENTSOURCE], ids=lambda receiver: receiver.name)
def test_a_page_that_hides_its_referer_is_betrayed_by_the_browser(lab, receiver):
    assert ask(lab, receiver, {"Sec-Fetch-Site": "cross-site"})[1].status == 403


def test_a_program_that_is_no_page_is_let_in(lab):
    assert ask(lab, XHR, {})[1].status == 200


def test_info_and_preflight_open_nothing_to_another_origin(lab):
    for method, path in (("GET", "/info"), ("OPTIONS", "/info"), ("OPTIONS", "/0/s/xhr")):
        answer = lab.ask(method, "/origins" + path, {"Origin": BAD[0]})
        assert answer.headers.get("access-control-allow-origin") not in (BAD[0], "*")
        assert "access-control-allow-credentials" not in answer.headers
        allowed = lab.ask(method, "/origins" + path, {"Origin": GOOD})
        assert allowed.headers["access-control-allow-origin"] == GOOD


def test_info_keeps_the_origins_to_itself(lab):
    assert json.loads(lab.get("/origins/info", {"Origin": GOOD}).body)["origins"] == ["*:*"]


def test_an_answer_that_depends_on_the_origin_says_so(lab):
    for headers in ({}, {"Origin": GOOD}):
        answer = lab.get("/origins/info", headers)
        assert "origin" in answer.headers.tokens("vary")


COOKIES = {"Cookie": "user=alice; other=1"}


@receivers
def test_cookies_of_a_named_origin_reach_the_application(lab, receiver):
    session, _ = ask(lab, receiver, {"Origin": GOOD, **COOKIES})
    assert lab.told(session, "open")["cookies"] == {"user": "alice", "other": "1"}


@receivers
def test_cookies_never_reach_it_where_all_are_allowed(lab, receiver):
    for headers in (COOKIES, {"Origin": GOOD, **COOKIES}):
        session = lab.session("/puppet")
        assert session.attach(receiver, headers).frame() == "o"
        assert lab.told(session, "open")["cookies"] == {}


def test_cookies_on_websockets_follow_the_same_rule(lab):
    for prefix, cookies in (("/origins", {"user": "alice", "other": "1"}), ("/puppet", {})):
        session, raw = lab.session(prefix), lab.session(prefix)
        session.websocket({"Origin": GOOD, **COOKIES})
        lab.raw(f"{prefix}/websocket?name={raw.name}", {"Origin": GOOD, **COOKIES})
        assert lab.told(session, "open")["cookies"] == cookies
        assert lab.told(raw, "open")["cookies"] == cookies


def test_cookies_without_an_origin_do_not_count(lab):
    session, _ = ask(lab, XHR, COOKIES)
    assert lab.told(session, "open")["cookies"] == {}
