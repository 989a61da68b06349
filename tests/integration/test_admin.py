"""The admin site of ``twistd sockjs``, with one process and with two workers, byte by byte."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import sysconfig
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.peer import Peer, Response, hold
from ..support.running import Server, ended, running
from ..support.waiting import wait_until
from ..support.websocket import WebSocket, upgrade

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
HERE = "interface=127.0.0.1"
TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
APP = "tests.support.admin_server.Echo"


def asked(
    peer: Peer, method: str, path: str, headers: Any = None, body: str | None = None
) -> Response:
    """Return the answer to a request, which is for 127.0.0.1 unless the headers say otherwise."""
    peer.ask(method, path, headers, body)
    return peer.response(method)


class Site:
    """A running server: the ports of its sessions and of its admin site."""

    def __init__(self, server: Server, workers: str) -> None:
        ports = list(dict.fromkeys(re.findall(r"listening on http://\S+:(\d+)", server.output)))
        # The parent of workers has its own line first.
        ours = ports if workers == "1" else ports[::-1]
        self.server = server
        self.sessions, self.admin = (int(port) for port in ours[:2])
        self.peers: list[Peer] = []

    def connect(self, port: int) -> Peer:
        self.peers.append(Peer(port))
        return self.peers[-1]

    def ask(
        self, path: str, method: str = "GET", headers: Any = None, body: str | None = None
    ) -> Response:
        return asked(self.connect(self.admin), method, path, headers, body)

    def listed(self, **arguments: str) -> list[dict[str, Any]]:
        sessions: list[dict[str, Any]] = self.page(**arguments)["sessions"]
        return sessions

    def page(self, **arguments: str) -> dict[str, Any]:
        """Return a page of sessions once no process is too busy to answer."""

        def answered() -> dict[str, Any] | None:
            answer = self.ask(f"/sessions?{urllib.parse.urlencode(arguments)}")
            assert answer.status == 200, answer
            page: dict[str, Any] = json.loads(answer.body)
            assert page["failed"] == {}
            return page if page["silent"] == [] else None

        found: dict[str, Any] = wait_until(answered, self.server)
        return found

    def close(self, session: dict[str, Any], **headers: str) -> Response:
        order = {name: session[name] for name in ("id", "mount", "node")}
        headers = {"Content-Type": "application/json", **headers}
        return self.ask("/sessions/close", "POST", headers, json.dumps(order))


@pytest.fixture(params=["1", "2"])
def site(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Site]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    options = ["--workers", request.param, "--admin-token", str(tmp_path / "token")]
    with serving(request.param, *options) as found:
        yield found


@contextlib.contextmanager
def serving(workers: str, *options: str) -> Iterator[Site]:
    listen = ["--listen", f"tcp:0:{HERE}", "--admin", f"tcp:0:{HERE}"]
    app = ["--app", APP, "--prefix", "/chat"]
    with running(TWISTD, "-n", "--pidfile=", "sockjs", *app, *listen, *options) as server:
        wait_until(lambda: server.output.count("listening on") >= 1 + int(workers), server)
        if workers != "1":
            wait_until(lambda: len(re.findall(r"worker \d serves", server.output)) == 2, server)
        site = Site(server, workers)
        try:
            yield site
        finally:
            for peer in site.peers:
                peer.close()
    assert "Traceback" not in server.output, server.output


def test_a_session_is_found_and_closed(site: Site) -> None:
    sockets = []
    for number in range(6):
        path = f"/chat/{number:03}/abc/websocket"
        headers = {"Origin": f"https://shop{number}.example"}
        sockets.append(WebSocket(site.connect(site.sessions), path, headers))
        sockets[-1].frame()  # o
    for _ in range(3):
        sockets[4].say('["hello"]')
        sockets[4].frame()
    assert len(site.listed(mount="/chat", transport="websocket")) == 6
    (found, *_) = site.listed(sort="messages_in", limit="1")
    assert (found["origin"], found["messages_in"]) == ("https://shop4.example", 3)
    assert found["messages_out"] == 3
    assert found["bytes_in"] == 15
    assert site.close(found).status == 401
    assert site.close(found, Authorization="Bearer wrong-token-of-the-tests").status == 401
    assert site.close(found, Origin="http://evil.example", **BEARER).status == 403
    answer = site.close(found, **BEARER)
    assert (answer.status, json.loads(answer.body)["closed"]) == (200, 1)
    assert sockets[4].frame().payload == b'c[3000,"Closed by the operator"]'
    assert site.close(found, **BEARER).status == 404
    assert found["id"] not in [each["id"] for each in site.listed()]
    assert len(site.listed(text="SHOP")) == 5
    sockets[0].say('["hello"]')  # the others were left alone
    assert sockets[0].frame().payload == b'a["hello"]'


def test_pages_of_all_workers_are_one(site: Site) -> None:
    wanted = sorted(f"s{number:02}" for number in range(25))
    for name in wanted:
        # A stream: between two polls, the time of a session could be over.
        hold(site.connect(site.sessions), f"/chat/000/{name}")
    found: list[str] = []
    cursor = ""
    while True:
        page = site.page(limit="10", cursor=cursor)
        found += [session["id"] for session in page["sessions"]]
        if page["cursor"] is None:
            break
        cursor = page["cursor"]
    assert found == wanted


@pytest.mark.parametrize("path", ["/", "/sessions", "/metrics", "/page.js"])
def test_a_foreign_host_gets_nothing(site: Site, path: str) -> None:
    for host in ("evil.example", f"evil.example:{site.admin}", "127.0.0.1.evil.example"):
        answer = site.ask(path, headers={"Host": host, **BEARER})
        assert answer.status == 421
        assert answer.body.startswith(b"the Host header names another server")
    assert site.ask("/health", headers={"Host": "probe.example"}).body == b"alive\n"


def test_a_foreign_page_gets_no_websocket(site: Site) -> None:
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 421),
        ({"Origin": f"http://127.0.0.1:{site.sessions}"}, 403),
    ):
        peer = site.connect(site.admin)
        own = {"Host": f"127.0.0.1:{site.admin}"}
        peer.send(upgrade("/feed/websocket", {**own, **headers}))
        assert peer.response().status == status
    origin = f"http://127.0.0.1:{site.admin}"
    own = {"Host": f"127.0.0.1:{site.admin}", "Origin": origin}
    socket = WebSocket(site.connect(site.admin), "/feed/websocket", own)
    past = json.loads(socket.frame().payload)
    assert (past["interval"], past["history"]) == (1.0, [])
    assert past["label"] in ("", "worker")
    now = json.loads(socket.frame().payload)["now"]
    assert now["silent"] == []
    assert now["mounts"] == ["/chat"]


def test_what_is_too_much_is_refused(site: Site) -> None:
    answer = site.ask("/sessions?text=" + "x" * 5000)
    assert (answer.status, len(answer.body) < 200) == (400, True)
    body = json.dumps({"id": "x" * 100_000, "mount": "/chat"})
    headers = {"Content-Type": "application/json", **BEARER}
    assert site.ask("/sessions/close", "POST", headers, body).status == 413
    assert site.ask("/sessions/close", "OPTIONS").status == 405
    head = site.connect(site.admin)
    head.send(b"HEAD /sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.head().status == 200
    assert head.rest() == b""


def test_through_a_proxy_all_takes_the_token(site: Site) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert site.ask("/sessions", headers=forwarded).status == 401
    assert site.ask("/metrics", headers=forwarded).status == 401
    assert site.ask("/sessions", headers={**forwarded, **BEARER}).status == 200
    assert site.ask("/", headers=forwarded).status == 200  # which asks for it
    assert site.ask("/ready", headers=forwarded).status == 200


def test_more_names_may_be_given(tmp_path: pathlib.Path) -> None:
    with serving("1", "--admin-name", "ops.example", "--admin-name", "sockjs-1") as site:
        for host in ("ops.example", "SOCKJS-1:8081", "localhost"):
            assert site.ask("/sessions", headers={"Host": host}).status == 200
        assert site.ask("/sessions", headers={"Host": "ops.example.evil.example"}).status == 421


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot read the admin token: {path}: No such file or directory"),
        ("", "the admin token in {path} is empty"),
        ("short", "{path}: an admin token must have 16 to 1024 characters, not 5"),
        ("a few words", "{path}: an admin token must have 16 to 1024 characters, not 11"),
    ],
)
def test_a_wrong_token_file_ends_the_start(
    tmp_path: pathlib.Path, workers: str, text: str | None, why: str
) -> None:
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    listen = ["--listen", f"tcp:0:{HERE}", "--admin", f"tcp:0:{HERE}", "--workers", workers]
    command = [TWISTD, "-n", "--pidfile=", "sockjs", "--app", APP, *listen]
    done = ended(tmp_path, *command, "--admin-token", str(path))
    assert done.returncode == 1
    assert done.stderr == f"sockjs: {why.format(path=path)}\n"
