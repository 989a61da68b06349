"""An admin site in memory: its pages, whom it answers, and how a session is closed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.web.resource import Resource

from txsockjs import SettingsError, SockJSConnection, SockJSRouter
from txsockjs.admin import AdminResource
from txsockjs.admin.asking import Answers, Here
from txsockjs.admin.health import Readiness
from txsockjs.cluster.memory import MemoryNetwork
from txsockjs.site import SockJSSite
from txsockjs.testing import Connection

from ...support.memory import Lab

TOKEN = "a-token-of-the-tests"
BEARER = f"Bearer {TOKEN}"
PAGES = ["/", "/page.css", "/page.js", "/charts.js", "/link.js", "/icon.svg", "/sessions"]


class Place:
    """A router, and an admin site of it that is asked from this machine."""

    def __init__(self, below: bytes = b"", **options: Any) -> None:
        self.lab = Lab(prefix="/chat")
        self.admin = AdminResource([self.lab.router], names=["server.example"], **options)
        self.root: Resource = self.admin
        if below:
            self.root = Resource()
            self.root.putChild(below, self.admin)

    def connect(self, at: str = "127.0.0.1") -> Connection:
        connection = Connection(self.root, self.lab.clock)
        connection.transport.hostAddr = IPv4Address("TCP", at, 8081)
        return connection

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Connection:
        answer = self.connect().request(method, path, body, **headers)
        self.lab.clock.advance(0)
        return answer

    def sessions(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.ask("GET", f"/sessions{query}")
        assert answer.status == 200
        sessions: list[dict[str, Any]] = json.loads(answer.body)["sessions"]
        return sessions

    def close(self, session_id: str, **headers: str) -> Connection:
        order = json.dumps({"id": session_id, "mount": "/chat"}).encode()
        headers = {"Content_Type": "application/json", **headers}
        return self.ask("POST", "/sessions/close", order, **headers)

    def settle(self) -> None:
        self.admin.close()
        self.lab.settle()


def header(answer: Connection, name: str) -> str:
    found = re.search(rf"(?im)^{name}: (.*?)\r$", answer.received.decode("latin-1"))
    return found[1] if found else ""


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_never_cached_framed_or_sniffed(path: str) -> None:
    place = Place()
    answer = place.ask("GET", path)
    assert answer.status == 200
    assert header(answer, "Cache-Control") == "no-store"
    assert header(answer, "X-Frame-Options") == "DENY"
    assert header(answer, "X-Content-Type-Options") == "nosniff"
    assert header(answer, "Access-Control-Allow-Origin") == ""
    head = place.ask("HEAD", path)
    assert head.status == 200
    assert head.body == b""
    assert header(head, "Content-Length") == header(answer, "Content-Length")
    place.settle()


def test_the_page_runs_no_other_script_and_none_of_its_own_text() -> None:
    place = Place()
    answer = place.ask("GET", "/")
    policy = header(answer, "Content-Security-Policy")
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "connect-src 'self' ws://server.example wss://server.example;" in policy
    assert "unsafe" not in policy
    page = answer.body.decode()
    assert not re.search(r"\son\w+=|style=|https?:|<script(?! type=\"module\" src=)", page)
    for path in ("/page.js", "/charts.js", "/link.js"):
        script = place.ask("GET", path).body.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|https?://", script
        )
    place.settle()


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("POST", "/", 405, "GET, HEAD"),
        ("OPTIONS", "/sessions", 405, "GET, HEAD"),
        ("DELETE", "/sessions", 405, "GET, HEAD"),
        ("POST", "/ready", 405, "GET, HEAD"),
        ("GET", "/sessions/close", 405, "POST"),
        ("OPTIONS", "/sessions/close", 405, "POST"),
        ("GET", "/nothing", 404, ""),
        ("GET", "/ready/more", 404, ""),
        ("GET", "/page.css/..%2f..%2fresource.py", 404, ""),
        ("GET", "/..%2fresource.py", 404, ""),
        ("GET", "/%ff", 404, ""),
    ],
)
def test_all_else_is_refused(method: str, path: str, status: int, allowed: str) -> None:
    place = Place()
    answer = place.ask(method, path)
    assert (answer.status, header(answer, "Allow")) == (status, allowed)
    place.settle()


def test_probes_are_answered_by_any_name() -> None:
    place = Place(readiness=lambda: Readiness(False, "draining"))
    for path, status, line in (("/health", 200, b"alive\n"), ("/ready", 503, b"draining\n")):
        connection = place.connect("192.0.2.1")
        connection.send(f"GET {path} HTTP/1.1\r\nHost: whatever\r\n\r\n".encode())
        assert (connection.status, connection.body) == (status, line)
    place.settle()


@pytest.mark.parametrize(
    "host", ["Host: evil.example:8081", "Host: localhost\r\nHost: evil.example", "Other: header"]
)
@pytest.mark.parametrize("path", [*PAGES, "/feed/websocket", "/feed/000/abc/xhr"])
def test_a_foreign_host_is_told_nothing(host: str, path: str) -> None:
    place = Place(token=TOKEN)
    connection = place.connect()
    method = "POST" if path.endswith("xhr") else "GET"
    lines = [f"{method} {path} HTTP/1.1", host, f"Authorization: {BEARER}", "Content-Length: 0"]
    connection.send("\r\n".join([*lines, "", ""]).encode())
    # Without a Host header, twisted.web refuses a request itself.
    assert connection.status == 421 or ("Host" not in host and connection.status == 400)
    assert b"Host header" in connection.body or connection.status == 400
    place.settle()


def test_sessions_are_listed_and_filtered() -> None:
    place = Place()
    place.lab.xhr("/chat/000/a%3Cb%3E/xhr")
    place.lab.xhr("/chat/000/other/xhr")
    (found,) = place.sessions("?text=%3CB%3E")
    assert (found["id"], found["node"], found["mount"]) == ("a<b>", "here", "/chat")
    answer = place.ask("GET", "/sessions")
    assert header(answer, "Content-Type") == "application/json"
    assert json.loads(answer.body)["silent"] == []
    place.settle()


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("?limit=5000", 400, "limit must be a number from 1 to 1000, not '5000'"),
        ("?text=" + "x" * 5000, 400, "text must have at most 200 characters"),
        ("?" + "&".join(["a=1"] * 100), 400, "there may be 20 arguments"),
        ("?node=nobody", 503, "there is no 'nobody'"),
        ("?%3Cscript%3E=1", 400, "unknown argument '<script>'"),
    ],
)
def test_a_wrong_question_gets_a_line(query: str, status: int, words: str) -> None:
    place = Place()
    answer = place.ask("GET", f"/sessions{query}")
    assert answer.status == status
    assert words in answer.body.decode()
    assert len(answer.body) < 500
    assert header(answer, "Content-Type").startswith("text/plain")
    place.settle()


def test_a_session_is_closed_once() -> None:
    place = Place()
    socket = place.lab.upgrade("/chat/000/abc/websocket")
    (found,) = place.sessions()
    answer = place.close(found["id"], Origin="http://server.example")
    assert (answer.status, json.loads(answer.body)["closed"]) == (200, 1)
    assert b'c[3000,"Closed by the operator"]' in socket.received
    answer = place.close(found["id"])
    assert (answer.status, json.loads(answer.body)["closed"]) == (404, 0)
    place.settle()


def test_a_form_closes_too() -> None:
    place = Place()
    place.lab.xhr("/chat/000/abc/xhr")
    kind = "application/x-www-form-urlencoded"
    body = b"id=abc&mount=/chat&code=4000&reason=Enough"
    assert place.ask("POST", "/sessions/close", body, Content_Type=kind).status == 200
    late = place.lab.xhr("/chat/000/abc/xhr")
    assert late.body == b'c[4000,"Enough"]\n'
    place.settle()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"X_Forwarded_For": "192.0.2.1"}, 403),
    ],
)
def test_who_may_not_close_does_not(headers: dict[str, str], status: int) -> None:
    place = Place()
    place.lab.xhr("/chat/000/abc/xhr")
    assert place.close("abc", **headers).status == status
    assert len(place.sessions()) == 1
    place.settle()


def test_closing_takes_the_token_and_reading_here_does_not() -> None:
    place = Place(token=TOKEN)
    place.lab.xhr("/chat/000/abc/xhr")
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = place.close("abc", **given)
        assert (answer.status, header(answer, "WWW-Authenticate")) == (401, "Bearer")
        assert TOKEN.encode() not in answer.received
    assert len(place.sessions()) == 1
    assert place.close("abc", Authorization=BEARER).status == 200
    place.settle()


@pytest.mark.parametrize(
    ("token", "given", "page", "sessions"),
    [
        (None, {}, 403, 403),
        (None, {"Authorization": BEARER}, 403, 403),
        (TOKEN, {}, 200, 401),
        (TOKEN, {"Authorization": BEARER}, 200, 200),
    ],
)
def test_from_elsewhere_it_takes_a_token(
    token: str | None, given: dict[str, str], page: int, sessions: int
) -> None:
    place = Place(token=token)
    for path, wanted in (("/", page), ("/sessions", sessions)):
        answer = place.connect("192.0.2.1").request("GET", path, **given)
        place.lab.clock.advance(0)
        assert answer.status == wanted
        assert answer.body.startswith(b"from elsewhere than this") == (wanted == 403)
    place.settle()


def test_it_may_be_at_any_path() -> None:
    place = Place(below=b"ops")
    answer = place.ask("GET", "/ops")
    assert (answer.status, header(answer, "Location")) == (301, "ops/")
    assert place.ask("GET", "/ops/").status == 200
    assert place.ask("GET", "/ops/sessions").status == 200
    socket = place.connect().upgrade("/ops/feed/websocket", Origin="http://server.example")
    assert socket.status == 101
    socket.vanish()
    place.settle()


def test_a_site_that_serves_fast_still_asks_the_guard() -> None:
    place = Place()
    site = SockJSSite(place.admin, [place.lab.router], reactor=place.lab.clock)
    connection = Connection(site, place.lab.clock)
    connection.transport.hostAddr = IPv4Address("TCP", "127.0.0.1", 8081)
    connection.send(
        b"POST /feed/000/abc/xhr HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
    )
    assert connection.status == 421
    connection.vanish()
    site.stopFactory()
    place.settle()


def test_who_leaves_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txsockjs.admin.sessions._STRETCH", 1)
    place = Place()
    for number in range(3):
        place.lab.xhr(f"/chat/000/s{number}/xhr")
    with capturedLogs() as logs:
        connection = place.connect().request("GET", "/sessions")
        connection.vanish()
        place.lab.clock.advance(0)
    assert connection.received == b""
    assert not [event for event in logs if "log_failure" in event]
    place.settle()


def test_a_page_that_fails_says_so_and_is_logged() -> None:
    def broken() -> Readiness:
        raise RuntimeError("as told")

    place = Place(readiness=broken)
    with capturedLogs() as logs:
        answer = place.ask("GET", "/ready")
    assert (answer.status, answer.body) == (500, b"failed; the log tells why\n")
    assert len([event for event in logs if "log_failure" in event]) == 1
    place.settle()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Origin": "http://evil.example", "Sec_Fetch_Mode": "cors"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, 200),
    ],
)
def test_another_page_may_lead_here_and_not_read(headers: dict[str, str], status: int) -> None:
    place = Place()
    assert place.ask("GET", "/sessions", **headers).status == status
    place.settle()


def test_there_must_be_something_to_tell_of() -> None:
    with pytest.raises(SettingsError, match="at least one router, or of an asker"):
        AdminResource()


def test_who_answers_may_be_given() -> None:
    lab = Lab()
    asker = Here(lab.clock, Answers(), "far")
    admin = AdminResource(asker=asker, reactor=lab.clock, names=["server.example"])
    connection = Connection(admin, lab.clock)
    connection.transport.hostAddr = IPv4Address("TCP", "127.0.0.1", 8081)
    connection.request("GET", "/sessions")
    assert json.loads(connection.body)["failed"] == {"far": "nobody answers 'sessions' here"}
    admin.close()
    lab.settle()


def test_the_sessions_of_all_nodes_are_told_and_one_anywhere_is_closed() -> None:
    clock = Clock()
    network = MemoryNetwork(clock)
    routers = [
        SockJSRouter(SockJSConnection, "/chat", reactor=clock, bus=network.bus()) for _ in range(2)
    ]
    admins = [AdminResource([router], names=["server.example"]) for router in routers]
    buses: list[Any] = [router.bus for router in routers]
    for bus in buses:
        bus.start()
    clock.pump([0.5] * 6)
    Connection(routers[1].resource(), clock).upgrade("/chat/000/abc/websocket")

    def ask(method: str, path: str, body: bytes = b"") -> Any:
        connection = Connection(admins[0], clock)
        connection.transport.hostAddr = IPv4Address("TCP", "127.0.0.1", 8081)
        connection.request(method, path, body, Content_Type="application/json")
        clock.pump([0.05] * 40)
        return json.loads(connection.body)

    (found,) = ask("GET", "/sessions")["sessions"]
    assert found["node"] == buses[1].node
    assert ask("GET", f"/sessions?node={buses[0].node}")["sessions"] == []
    order = json.dumps({name: found[name] for name in ("id", "mount", "node")}).encode()
    assert ask("POST", "/sessions/close", order)["closed"] == 1
    assert [session for session in routers[1].sessions if not session.is_closed] == []
    for admin in admins:
        admin.close()
