"""Every transport through proxies that are set up as the documentation shows."""

from __future__ import annotations

import http.client
import json
import secrets
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..support.playing import Results, play
from ..support.proxies import PROXIES, haproxy_by_cookie
from ..support.running import Server, running

# Only for what hangs.
PATIENCE = 30

STREAMS = {
    "xhr_streaming": ("POST", "xhr_streaming", "o\n", "a[{}]\n"),
    "eventsource": ("GET", "eventsource", "data: o\r\n", "data: a[{}]\r\n"),
    "htmlfile": ("GET", "htmlfile?c=callback", 'p("o");', 'p("a[{}]");'),
}


class Peer:
    """One HTTP connection to a proxy, from an address that is not the proxy's own."""

    ADDRESS = "127.0.0.2"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=PATIENCE, source_address=(self.ADDRESS, 0)
        )

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        """Send a request; gives the response, whose body is not read yet."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body=body, headers=names)
        return self.connection.getresponse()

    def poll(self, base: str, **headers: str) -> str:
        response = self.ask("POST", f"{base}/xhr", **headers)
        body = response.read().decode()
        assert response.status == 200, (response.status, body)
        return body

    def send(self, base: str, *messages: Any) -> None:
        """Send orders as messages, and strings as they are."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in messages]
        response = self.ask("POST", f"{base}/xhr_send", json.dumps(texts))
        body = response.read()
        assert response.status == 204, (response.status, body)

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def peers() -> Iterator[Any]:
    """Make connections that are closed when the test is over."""
    made: list[Peer] = []

    def connect(url: str) -> Peer:
        made.append(Peer(url))
        return made[-1]

    yield connect
    for peer in made:
        peer.close()


def fresh(endpoint: str) -> str:
    """Give the path of a session that is not there yet."""
    return f"{endpoint}/000/{secrets.token_hex(8)}"


def read_until(response: http.client.HTTPResponse, wanted: str) -> str:
    """Read from a response that goes on, until this arrived."""
    text = ""
    while wanted not in text:
        piece = response.read1(65536)
        assert piece, f"the response ended without {wanted!r}: {text[-200:]!r}"
        text += piece.decode()
    return text


def answer(frame: str) -> Any:
    """Give the one message, a JSON object, of a frame with messages."""
    assert frame.startswith("a"), frame
    (message,) = json.loads(frame[1:])
    return json.loads(message)


def test_ordinary_answers_pass(proxy: str, peers: Any) -> None:
    response = peers(proxy).ask("GET", "/echo/")
    assert response.read() == b"Welcome to SockJS!\n"
    response = peers(proxy).ask("GET", "/echo/info", Origin="http://page.example")
    assert json.loads(response.read())["websocket"] is True
    assert response.getheader("Access-Control-Allow-Origin") == "http://page.example"


@pytest.mark.parametrize("stream", STREAMS)
def test_frames_of_a_stream_arrive_while_it_goes_on(proxy: str, peers: Any, stream: str) -> None:
    method, path, opened, framed = STREAMS[stream]
    base = fresh("/echo")
    response = peers(proxy).ask(method, f"{base}/{path}")
    assert response.status == 200
    read_until(response, opened)
    sender = peers(proxy)
    for number in range(3):
        sender.send(base, f"message {number}")
        message = json.dumps(f"message {number}")
        if stream == "htmlfile":
            message = json.dumps(message)[1:-1]
        read_until(response, framed.format(message))
    assert not response.isclosed()


def test_polls_share_one_connection_on_both_sides(
    proxy: str, peers: Any, servers: list[Server]
) -> None:
    counter = peers(servers[0].url)

    def made() -> int:
        count: int = json.loads(counter.ask("GET", "/connections").read())
        return count

    peer = peers(proxy)
    base = fresh("/echo")
    assert peer.poll(base) == "o\n"
    before, socket = made(), peer.connection.sock
    for number in range(20):
        peer.send(base, f"message {number}")
        assert peer.poll(base) == f'a["message {number}"]\n'
        assert peer.connection.sock is socket
    assert made() - before <= 1


def test_a_waiting_poll_is_answered_when_there_is_something(proxy: str, peers: Any) -> None:
    base = fresh("/echo")
    poller, sender = peers(proxy), peers(proxy)
    assert poller.poll(base) == "o\n"
    poller.connection.request("POST", f"{base}/xhr")
    sender.send(base, "at last")
    assert poller.connection.getresponse().read() == b'a["at last"]\n'


SPOOFS = {
    "nothing": {},
    "a forwarded address": {"X_Forwarded_For": "6.6.6.6"},
    "a forwarded proxy": {"X_Forwarded_For": "6.6.6.6, 127.0.0.1"},
    "the other header": {"Forwarded": "for=6.6.6.6"},
    "both headers": {"X_Forwarded_For": "6.6.6.6", "Forwarded": "for=6.6.6.6"},
    "a real address": {"X_Real_IP": "6.6.6.6"},
}


@pytest.mark.parametrize("spoof", SPOOFS)
def test_the_client_has_the_address_that_the_proxy_saw(proxy: str, peers: Any, spoof: str) -> None:
    peer = peers(proxy)
    base = fresh("/orders")
    assert peer.poll(base, **SPOOFS[spoof]) == "o\n"
    peer.send(base, {"do": "info"})
    told = answer(peer.poll(base))
    assert (told["ip"], told["transport"]) == (Peer.ADDRESS, "xhr")


def test_without_a_trusted_proxy_nobody_is_believed(servers: list[Server], peers: Any) -> None:
    # Straight to the server, from an address that is no trusted proxy's.
    peer = peers(servers[0].url)
    base = fresh("/orders")
    assert peer.poll(base, X_Forwarded_For="6.6.6.6") == "o\n"
    peer.send(base, {"do": "info"})
    assert answer(peer.poll(base))["ip"] == Peer.ADDRESS


def attached_stream(peers: Any, proxy: str, base: str) -> Peer:
    """Give a connection whose stream is attached to the session."""
    peer: Peer = peers(proxy)
    read_until(peer.ask("POST", f"{base}/xhr_streaming"), "h\n")
    return peer


def attached_poll(peers: Any, proxy: str, base: str) -> Peer:
    """Give a connection whose poll waits at the server."""
    rivals = [peers(proxy), peers(proxy)]
    for peer in rivals:
        peer.connection.request("POST", f"{base}/xhr")
    # One of the two is refused, at once, because the other one waits.
    readable = select.select([peer.connection.sock for peer in rivals], [], [], PATIENCE)[0]
    assert len(readable) == 1
    (refused,) = (peer for peer in rivals if peer.connection.sock is readable[0])
    assert refused.connection.getresponse().read().startswith(b"c[2010,")
    rivals.remove(refused)
    waiting: Peer = rivals[0]
    return waiting


# Apache tells of it when there is something to pass on: at the next heartbeat.
@pytest.mark.parametrize("proxy", sorted(PROXIES.keys() - {"apache"}), indirect=True)
@pytest.mark.parametrize("attach", [attached_stream, attached_poll])
def test_a_client_that_goes_away_is_gone_for_the_server(
    proxy: str, peers: Any, attach: Any
) -> None:
    base, name = fresh("/patient"), secrets.token_hex(8)
    peer = peers(proxy)
    assert peer.poll(base) == "o\n"
    peer.send(base, {"do": "name", "name": name})
    assert answer(peer.poll(base)) == {"named": name}
    attach(peers, proxy, base).close()

    watching = fresh("/patient")
    assert peer.poll(watching) == "o\n"
    peer.send(watching, {"do": "watch", "name": name})
    told = answer(peer.poll(watching))
    # Not because its time was over.
    assert (told["times"], told["reason"][0]) == (1, 1002)


def test_each_session_stays_with_one_of_the_servers(
    balancer: str, peers: Any, servers: list[Server]
) -> None:
    serving = set()
    for _ in range(40):
        base = fresh("/orders")
        # Another connection for each request: none of them remembers the server.
        assert peers(balancer).poll(base) == "o\n"
        peers(balancer).send(base, {"do": "info"})
        serving.add(answer(peers(balancer).poll(base))["pid"])
    assert serving == {server.pid for server in servers}


def test_each_session_stays_with_its_server_by_cookie(tmp_path: Path, peers: Any) -> None:
    command = ["examples/testserver.py", "--listen", "tcp:0:interface=127.0.0.1"]
    serving = set()
    with (
        running(*command) as one,
        running(*command) as two,
        haproxy_by_cookie(tmp_path, [one.port, two.port]) as url,
    ):
        for _ in range(6):
            base = fresh("/cookie_needed_echo")
            response = peers(url).ask("POST", f"{base}/xhr")
            assert response.read() == b"o\n"
            cookie = response.getheader("Set-Cookie", "").partition(";")[0]
            sent = peers(url).ask("POST", f"{base}/xhr_send", '["hello"]', Cookie=cookie)
            assert (sent.read(), sent.status) == (b"", 204)
            assert peers(url).poll(base, Cookie=cookie) == 'a["hello"]\n'
            serving.add(cookie)
    assert serving == {"JSESSIONID=s1~dummy", "JSESSIONID=s2~dummy"}


TRANSPORTS = ["websocket", "xhr-streaming", "xhr-polling", "eventsource"]
SCENARIOS = [
    "transport_in_use",
    "echo_unicode",
    "burst_of_500_echoed",
    "burst_of_500_pushed",
    "message_of_512_kib",
    "close_flushes",
    "closed_by_the_client",
    "heartbeats",
]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, proxy: str) -> Results:
    return play(request, "in_node.js", patience=120, test=proxy, extra=proxy)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_client_through_a_proxy(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None
