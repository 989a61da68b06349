"""The router in memory: composition, sessions by id, expiry, limits, statistics."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from txsockjs import SettingsError, SockJSConnection, SockJSRouter
from txsockjs.actors import pace

from ..support.memory import Echo, Lab, Slow

# -- composition


@pytest.mark.parametrize("prefix", ["chat", "/chat//", "//", "/a//b", "/<x>", "/a b", 5, "/a?b"])
def test_a_prefix_that_is_no_path_is_refused(prefix: Any) -> None:
    with pytest.raises(SettingsError, match="prefix must be"):
        SockJSRouter(Echo, prefix, reactor=object())


def test_a_wrong_setting_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="heartbeat_delay must be"):
        SockJSRouter(Echo, heartbeat_delay=-1)
    with pytest.raises(SettingsError, match="heartbeat_dealy"):
        SockJSRouter(Echo, settings={"heartbeat_dealy": 1})


# -- what applications ask


def test_a_session_is_found_by_its_id() -> None:
    lab = Lab()
    assert lab.router.get_session("abc") is None
    lab.xhr()
    session = lab.router.get_session("abc")
    assert session is not None
    assert session.session_id == "abc"
    assert lab.router.get_connection_class().__name__ == "Echo"
    assert repr(lab.router) == "<SockJSRouter Echo at />"
    lab.settle()


def test_a_websockets_session_can_not_be_reached_by_the_id_in_its_url() -> None:
    lab = Lab()
    socket = lab.upgrade("/000/abc/websocket")
    assert lab.router.get_session("abc") is None
    (session,) = lab.router.sessions
    assert lab.router.get_session(session.session_id) is session
    assert lab.send(b'["x"]', f"/000/{session.session_id}/xhr_send").status == 404
    socket.vanish()
    lab.settle()


def test_the_id_of_a_websockets_session_is_no_id_for_other_transports() -> None:
    lab = Lab()
    socket = lab.upgrade()
    (session,) = lab.router.sessions
    assert lab.xhr(f"/000/{session.session_id}/xhr").status == 404
    assert lab.send(b'["x"]', f"/000/{session.session_id}/xhr_send").status == 404
    socket.vanish()
    lab.settle()


def test_broadcast_reaches_every_transport() -> None:
    lab = Lab()
    poll = lab.connect().request("POST", "/000/p/xhr")
    stream = lab.connect().request("POST", "/000/s/xhr_streaming")
    socket = lab.upgrade()
    raw = lab.upgrade("/websocket")
    people = [session.connection for session in lab.router.sessions]
    lab.router.broadcast(people, "hé")
    assert poll.request("POST", "/000/p/xhr").received.endswith('a["hé"]\n'.encode())
    assert stream.body.endswith('o\na["hé"]\n'.encode())
    assert socket.received.endswith(b"\x81\x08" + 'a["hé"]'.encode())
    assert raw.received.endswith(b"\x81\x03" + "hé".encode())
    socket.vanish()
    raw.vanish()
    lab.settle()


# -- time and limits


def test_sessions_expire_by_a_sweep_that_ends_when_nothing_is_left() -> None:
    lab = Lab(disconnect_delay=5, session_check_interval=1)
    assert lab.clock.getDelayedCalls() == []
    lab.xhr()
    lab.pass_time(4)
    assert lab.log == ["open"]
    lab.pass_time(3)
    assert lab.log == ["open", ("close", (1006, "Session timed out"))]
    assert lab.xhr().body == b"o\n"
    lab.pass_time(30)
    assert lab.clock.getDelayedCalls() == []


def test_many_that_expire_at_once_take_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "clock", lambda: 0.0)  # turns are bounded by their number
    lab = Lab(disconnect_delay=5, session_check_interval=1)
    for number in range(1200):
        lab.xhr(f"/000/s{number}/xhr")
    lab.pass_time(4)
    assert [call.func for call in lab.clock.getDelayedCalls() if "LoopingCall" in str(call)] == [
        lab.router.stats._loop
    ]  # and none of them had a timer
    left: list[int] = []

    def look() -> None:  # what others do between two turns
        left.append(len(lab.router.sessions))
        if left[-1]:
            lab.clock.callLater(0, look)

    lab.clock.callLater(1, look)
    lab.clock.advance(1)
    assert left == [689, 178, 0]
    lab.settle()


def test_there_are_no_more_sessions_than_allowed() -> None:
    lab = Lab(max_sessions=2)
    lab.connect().request("POST", "/000/a/xhr")
    socket = lab.upgrade()
    assert lab.connect().request("POST", "/000/b/xhr").status == 503
    assert lab.upgrade().status == 503
    assert lab.connect().request("POST", "/000/a/xhr").received == b""  # it waits
    socket.vanish()
    assert lab.connect().request("POST", "/000/b/xhr").body == b"o\n"
    lab.settle()


def test_refused_sessions_are_counted_and_logged_once_a_second_with_how_many() -> None:
    lab = Lab(max_sessions=1, prefix="/chat")
    lab.xhr("/chat/000/only/xhr_streaming")
    with capturedLogs() as logs:
        for _ in range(50):
            assert lab.xhr("/chat/000/more/xhr").status == 503
            assert lab.upgrade("/chat/websocket").status == 503
        lines = [formatEvent(event) for event in logs]
        assert lines == ["<SockJSRouter Echo at /chat> refused 1 new sessions: max_sessions is 1"]
        lab.pass_time(5)
        lines = [formatEvent(event) for event in logs]
        assert [line.split(" refused ")[1].split(" ")[0] for line in lines] == ["1", "99"]
        for _ in range(2):
            lab.xhr("/chat/000/more/xhr")
        lab.settle()
        lines = [formatEvent(event) for event in logs]
        assert [line.split(" refused ")[1].split(" ")[0] for line in lines[2:]] == ["1", "1"]
        assert lab.xhr("/chat/000/late/xhr").status == 503
        assert len(lines) == len(logs)  # that the router is closed is no news
    assert lab.router.stats.refusals["sessions"] == 103


def test_a_session_can_be_bound_to_an_address() -> None:
    lab = Lab(verify_ip=True)
    lab.xhr()
    other = lab.connect("192.0.2.9").request("POST", "/000/abc/xhr_send", b'["x"]')
    assert other.status == 403
    assert lab.connect("192.0.2.9").request("POST", "/000/abc/xhr").status == 403
    assert lab.send(b'["x"]').status == 204
    assert lab.log == ["open", "x"]
    lab.settle()


# -- backpressure


def test_an_xhr_send_is_answered_when_there_is_room() -> None:
    lab = Lab(Slow, mailbox_limit=100)
    lab.xhr()
    assert lab.send(b'["first"]').status == 204
    held = lab.send(b'["' + b"x" * 80 + b'"]')
    assert held.received == b""
    lab.router.gates[0].callback(None)  # type: ignore[attr-defined]
    assert held.status == 204
    lab.settle()


def test_what_finds_no_room_is_not_taken_before_there_is() -> None:
    lab = Lab(Slow, mailbox_limit=100)
    lab.xhr()
    lab.send(b'["first"]')
    full = lab.send(b'["' + b"x" * 80 + b'"]')
    held = [lab.send(b'["held"]') for _ in range(3)]
    given_up = lab.send(b'["given up"]')
    given_up.vanish()
    session = lab.router.get_session("abc")
    assert session is not None
    assert session._application.size == 80 + 64
    lab.router.gates[0].callback(None)  # type: ignore[attr-defined]
    # The first of them leaves no room for the next, until the application goes on.
    assert [sent.status for sent in (full, *held)] == [204, 204, 0, 0]
    for gate in range(1, 5):
        lab.router.gates[gate].callback(None)  # type: ignore[attr-defined]
    assert [sent.status for sent in held] == [204] * 3
    assert lab.log == ["first", "x" * 80, *["held"] * 3]
    lab.settle()


def test_nothing_overtakes_what_waits_for_room() -> None:
    lab = Lab(Slow, mailbox_limit=200)
    lab.xhr()
    for body in (b'["first"]', b'["yyyyyyyyyy"]', b'["' + b"x" * 80 + b'"]', b'["held"]'):
        lab.send(body)
    lab.router.gates[0].callback(None)  # type: ignore[attr-defined]
    lab.send(b'["late"]')  # finds room, and another one before it
    for gate in range(1, 5):
        lab.router.gates[gate].callback(None)  # type: ignore[attr-defined]
    assert lab.log == ["first", "y" * 10, "x" * 80, "held", "late"]
    lab.settle()


def test_what_waits_for_room_is_for_nobody_once_the_session_ends() -> None:
    lab = Lab(Slow, mailbox_limit=100)
    poll = lab.xhr().request("POST", "/000/abc/xhr")
    lab.send(b'["first"]')
    lab.send(b'["' + b"x" * 80 + b'"]')
    held = lab.send(b'["held"]', Origin="http://page.example")
    poll.vanish()
    assert (held.status, held.body) == (404, b"Not Found")
    assert b"Access-Control-Allow-Origin: http://page.example" in held.received
    lab.settle()


def test_a_websocket_that_outruns_its_application_is_not_read() -> None:
    lab = Lab(Slow, mailbox_limit=100)
    socket = lab.upgrade()
    socket.say(b'["first"]')
    assert socket.transport.producerState == "producing"
    socket.say(b'["' + b"x" * 80 + b'"]')
    assert socket.transport.producerState == "paused"
    lab.router.gates[0].callback(None)  # type: ignore[attr-defined]
    assert socket.transport.producerState == "producing"
    socket.vanish()
    lab.settle()


# -- statistics


def test_what_waits_for_a_client_that_does_not_come_back_is_counted() -> None:
    class Pushing(SockJSConnection):
        def on_open(self, info: Any) -> None:
            self.session.server.pusher = self

    for end in ("expire", "vanish", "close", "abort"):
        lab = Lab(Pushing, disconnect_delay=5)
        stream = lab.connect()
        stream.transport.slow = end == "vanish"
        stream.request("POST", "/000/abc/xhr_streaming" if end == "vanish" else "/000/abc/xhr")
        for message in ("a", "b", "c"):
            lab.router.pusher.send(message)  # type: ignore[attr-defined]
        if end == "vanish":
            stream.vanish()
        elif end == "close":
            lab.router.pusher.close()  # type: ignore[attr-defined]
        elif end == "abort":
            lab.router.pusher.session.abort()  # type: ignore[attr-defined]
        lab.pass_time(20)
        assert lab.router.stats.messages_dropped == 3, end
        assert lab.clock.getDelayedCalls() == []


def test_statistics_count_what_happens() -> None:
    lab = Lab()
    stream = lab.connect().request("POST", "/000/s/xhr_streaming")
    socket = lab.upgrade()
    socket.say(b'["a","b"]')
    lab.clock.advance(1)
    counted = lab.router.stats.dump()
    assert counted["sessions_active"] == 2
    assert counted["connections_active"] == 2
    assert counted["transp_websocket"] == counted["transp_xhr_streaming"] == 1
    assert counted["packets_rcv_ps"] == counted["packets_sent_ps"] == 2
    assert counted["connections_ps"] == 2
    stream.vanish()
    socket.vanish()
    assert lab.router.stats.dump()["connections_active"] == 0
    assert lab.router.stats.dump()["sessions_active"] == 0
    lab.settle()


@pytest.mark.parametrize(
    ("kind", "message"), [("content", b"no JSON"), ("size", b'"' + b"x" * 101 + b'"')]
)
def test_what_ends_a_websocket_is_counted_as_a_refusal(kind: str, message: bytes) -> None:
    lab = Lab(max_message_size=100)
    socket = lab.upgrade()
    socket.say(message)
    counted = {name: n for name, n in lab.router.stats.dump().items() if "refused" in name and n}
    assert counted == {f"refused_{kind}": 1}
    socket.vanish()
    lab.settle()
