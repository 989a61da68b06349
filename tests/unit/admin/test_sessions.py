"""The sessions of a process: filtered, sorted, page by page; and the end of one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.admin.query import MOST, Order, Part, Query
from txsockjs.admin.sessions import Sessions, merged

from ...support.memory import Lab
from .test_query import ROW


def listed(sessions: Sessions, clock: Clock, **arguments: Any) -> dict[str, Any]:
    """Return a page, through JSON."""
    got: list[Any] = []
    Deferred.fromCoroutine(sessions.list(arguments)).addBoth(got.append)
    while not got:
        clock.advance(0)
    return json.loads(json.dumps(got[0]))  # type: ignore[no-any-return]


def lab_of(count: int) -> tuple[Lab, Sessions]:
    lab = Lab(prefix="/chat")
    for number in range(count):
        lab.xhr(f"/chat/{number % 10:03}/s{number:05}/xhr")
    return lab, Sessions([lab.router], lab.clock, wall_clock=lambda: 1000.0)


def ids(page: dict[str, Any]) -> list[str]:
    return [session["id"] for session in page["sessions"]]


def test_a_session_is_told_with_what_it_did() -> None:
    lab = Lab(prefix="/chat")
    socket = lab.connect("192.0.2.7")
    socket.upgrade("/chat/000/abc/websocket", Origin="https://shop.example")
    socket.say(b'["hello", "you"]')
    sessions = Sessions([lab.router], lab.clock, wall_clock=lambda: 1000.0)
    lab.clock.advance(12.5)
    (session,) = listed(sessions, lab.clock)["sessions"]
    (known,) = lab.router.sessions
    assert session == {
        "id": known.session_id,
        "mount": "/chat",
        "transport": "websocket",
        "address": "192.0.2.7",
        "origin": "https://shop.example",
        "opened": 1000.0,
        "age": 12.5,
        "messages_in": 2,
        "messages_out": 2,
        "bytes_in": 8,
        "bytes_out": 8,
        "waiting_in": 0,
        "waiting_out": 0,
    }
    lab.settle()


def test_pages_follow_each_other_and_miss_nobody() -> None:
    lab, sessions = lab_of(25)
    found: list[str] = []
    arguments: dict[str, Any] = {"limit": "10"}
    for size in (10, 10, 5):
        page = listed(sessions, lab.clock, **arguments)
        assert len(page["sessions"]) == size
        found += ids(page)
        arguments["cursor"] = page["cursor"]
        lab.router.get_session(found[-1]).close()  # type: ignore[union-attr]
    assert page["cursor"] is None
    assert found == [f"s{number:05}" for number in range(25)]
    lab.settle()


def test_the_last_page_may_be_full() -> None:
    lab, sessions = lab_of(10)
    page = listed(sessions, lab.clock, limit="10")
    assert (len(page["sessions"]), page["cursor"]) == (10, None)
    lab.settle()


def test_those_with_the_most_come_first() -> None:
    lab, sessions = lab_of(5)
    for number in (3, 1, 3, 3, 1):
        lab.send(b'["x"]', f"/chat/000/s{number:05}/xhr_send")
    page = listed(sessions, lab.clock, sort="messages_in", limit="2")
    assert ids(page) == ["s00003", "s00001"]
    page = listed(sessions, lab.clock, sort="messages_in", cursor=page["cursor"])
    assert ids(page) == ["s00000", "s00002", "s00004"]
    # What is sent to a client that is not there waits.
    assert ids(listed(sessions, lab.clock, sort="waiting", limit="1")) == ["s00003"]
    lab.settle()


def test_a_newcomer_that_floods_comes_before_those_that_sent_more_in_a_long_life() -> None:
    lab = Lab(prefix="/chat")
    for name, messages in (("old", 500), ("older", 900)):
        lab.connect().upgrade(f"/chat/000/{name}/websocket").say(
            json.dumps(["x"] * messages).encode()
        )
    lab.clock.advance(20)
    lab.connect().upgrade("/chat/websocket").say(b"x")
    flood = lab.connect().upgrade("/chat/websocket")
    for _ in range(200):
        flood.say(b"x")
    lab.clock.advance(4)
    sessions = Sessions([lab.router], lab.clock)
    counts = {
        sort: [row["messages_in"] for row in listed(sessions, lab.clock, sort=sort)["sessions"]]
        for sort in ("messages_in", "rate_in")
    }
    assert counts == {"messages_in": [900, 500, 200, 1], "rate_in": [200, 900, 500, 1]}
    page = listed(sessions, lab.clock, sort="rate_in", limit="1")
    page = listed(sessions, lab.clock, sort="rate_in", limit="1", cursor=page["cursor"])
    assert page["sessions"][0]["messages_in"] == 900
    assert listed(sessions, lab.clock, sort="rate_out")["sessions"][0]["messages_out"] == 200
    lab.settle()


def test_the_oldest_come_first() -> None:
    lab, sessions = lab_of(1)
    lab.clock.advance(2)
    lab.xhr("/chat/000/a/xhr")
    page = listed(sessions, lab.clock, sort="age")
    assert [(each["id"], each["age"], each["opened"]) for each in page["sessions"]] == [
        ("s00000", 2.0, 1000.0),
        ("a", 0.0, 1002.0),
    ]
    lab.settle()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"mount": "/chat"}, ["a", "b<i>"]),
        ({"mount": "/"}, []),
        ({"transport": "websocket"}, []),
        ({"transport": "xhr"}, ["a", "b<i>"]),
        ({"address": "192.0.2.0/24"}, ["a"]),
        ({"address": "2001:db8:0:1::/64"}, ["b<i>"]),
        ({"address": "2001:db8:0:1::99"}, ["b<i>"]),
        ({"address": "198.51.100.1"}, []),
        ({"text": "B<I"}, ["b<i>"]),
        ({"text": "shop.EXAMPLE"}, ["a"]),
        ({"text": "nobody"}, []),
        ({"text": "", "mount": "", "cursor": ""}, ["a", "b<i>"]),
    ],
)
def test_filters(arguments: dict[str, str], wanted: list[str]) -> None:
    lab = Lab(prefix="/chat")
    lab.connect("192.0.2.1").request("POST", "/chat/0/a/xhr", Origin="https://shop.example")
    lab.connect("2001:db8:0:1::99").request("POST", "/chat/0/b%3Ci%3E/xhr")
    sessions = Sessions([lab.router], lab.clock)
    assert ids(listed(sessions, lab.clock, **arguments)) == wanted
    lab.settle()


class Turns(Clock):
    """Counts how often somebody waits for the next turn."""

    count = 0

    def callLater(self, when: float, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        return super().callLater(when, *arguments, **options)


def test_many_sessions_take_several_turns() -> None:
    lab, _ = lab_of(1201)
    turns = Turns()
    sessions = Sessions([lab.router], turns)
    page = listed(sessions, turns, limit=str(MOST))
    assert turns.count >= 2
    assert len(page["sessions"]) == MOST
    assert page["cursor"] is not None
    lab.settle()


@pytest.mark.parametrize("sort", ["id", "age"])
def test_a_turn_is_as_long_however_large_the_page_is(
    sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("txsockjs.admin.sessions._STRETCH", 10)
    asked: list[Any] = []
    key = Query.key

    def counted(query: Query, row: Any) -> Any:
        asked.append(row)
        return key(query, row)

    monkeypatch.setattr(Query, "key", counted)
    lab, sessions = lab_of(100)
    page = listed(sessions, lab.clock, limit="60", sort=sort)
    assert ids(page) == [f"s{number:05}" for number in range(60)]
    assert len(asked) <= 101
    lab.settle()


def test_an_answer_is_bounded_in_bytes() -> None:
    lab = Lab()
    for number in range(1000):
        lab.xhr(f"/000/{number:03}{'x' * 120}/xhr", Origin="https://" + "ö" * 500)
    sessions = Sessions([lab.router], lab.clock)
    page = listed(sessions, lab.clock, limit="1000")
    assert len(json.dumps(page)) < 650_000
    assert len(page["sessions"][0]["origin"]) == 200
    assert len(page["sessions"]) < 1000
    found = ids(page)
    while page["cursor"] is not None:
        page = listed(sessions, lab.clock, limit="1000", cursor=page["cursor"])
        found += ids(page)
    assert len(set(found)) == len(found) == 1000
    lab.settle()


def test_sessions_that_are_over_are_not_listed() -> None:
    lab, sessions = lab_of(3)
    lab.router.get_session("s00001").close()  # type: ignore[union-attr]
    assert ids(listed(sessions, lab.clock)) == ["s00000", "s00002"]
    lab.settle()


def test_a_session_is_closed_by_its_id_and_mount() -> None:
    lab = Lab(prefix="/chat")
    socket = lab.upgrade("/chat/000/abc/websocket")
    (session,) = lab.router.sessions
    sessions = Sessions([lab.router], lab.clock)
    order = {"id": session.session_id, "mount": "/chat"}
    assert sessions.close({**order, "mount": "/"}) == {"closed": 0}
    assert sessions.close({**order, "id": "nobody"}) == {"closed": 0}
    assert sessions.close({**order, "code": "4000", "reason": "Enough"}) == {"closed": 1}
    assert b'c[4000,"Enough"]' in socket.received
    assert session.cause == "application"
    assert sessions.close(order) == {"closed": 0}
    lab.settle()


def test_a_client_is_told_that_it_was_an_operator() -> None:
    assert Order.of({"id": "a", "mount": "/"}) == ("a", "/", 3000, "Closed by the operator")


def answer(ids: str, cursor: str | None) -> Any:
    rows = [{**ROW, "id": each} for each in ids]
    return Query.of({}).read({"sessions": rows, "cursor": cursor})


def pages(query: Query, parts: dict[str, Part]) -> dict[str, Any]:
    """Return one page of several, which is made in several turns."""
    turns = Turns()
    got: list[Any] = []
    Deferred.fromCoroutine(merged(query, parts, turns)).addBoth(got.append)
    turns.advance(0)
    assert turns.count == sum(len(part.rows) for part in parts.values())
    return got[0]  # type: ignore[no-any-return]


def test_pages_of_several_processes_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txsockjs.admin.sessions._STRETCH", 1)
    query = Query.of({"limit": "3"})
    first, second = answer("ad", None), answer("bce", "more")
    page = pages(query, {"1": first, "2": second})
    assert [(each["node"], each["id"]) for each in page["sessions"]] == [
        ("1", "a"),
        ("2", "b"),
        ("2", "c"),
    ]
    assert json.loads(page["cursor"]) == ["c", "/"]
    assert pages(Query.of({"limit": "9"}), {"1": first})["cursor"] is None
    # One that had no room for more tells so, whatever the others have.
    assert pages(Query.of({"limit": "9"}), {"2": second})["cursor"] is not None
    assert pages(Query.of({}), {}) == {"sessions": [], "cursor": None}


def test_what_one_process_had_no_room_for_comes_on_the_next_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("txsockjs.admin.sessions._STRETCH", 1)
    query = Query.of({"limit": "9"})
    page = pages(query, {"1": answer("ac", "more"), "2": answer("bdef", None)})
    assert ids(page) == ["a", "b", "c"]
    assert json.loads(page["cursor"]) == ["c", "/"]
    page = pages(query, {"1": answer("de", "more"), "2": answer("bc", "more")})
    assert ids(page) == ["b", "c"]
