"""The raw websocket at ``/websocket``, without SockJS framing (protocol, sections 1 and 7)."""

import pytest

from ..support.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame
from ..support.labs import fresh
from ..support.websocket import Closed, Frame, WebSocket


def raw(lab, prefix="/puppet"):
    """Open a raw websocket, and give it with the session that its journal is kept under."""
    session = lab.session(prefix, fresh("raw"))
    return lab.raw(f"{prefix}/websocket?name={session.name}"), session


def test_the_first_word_is_the_clients(site):
    socket = site.raw()
    assert socket.peer.silent(), "there is no open frame"
    socket.say("x")
    assert socket.text() == "x"


@pytest.mark.parametrize("text", ["", '["a"]', "a[", "o", "h", "\0", "ž\U0001f600", "x" * 70_000])
def test_text_comes_back_as_it_is(site, text):
    socket = site.raw()
    socket.say(text)
    assert socket.text() == text


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", bytes(range(256)), b"\0" * 70_000])
def test_binary_comes_back_as_it_is(site, data):
    socket = site.raw()
    socket.say(data)
    assert socket.binary() == data


def test_messages_are_not_merged(lab):
    socket, _ = raw(lab)
    socket.say("send:3:2")
    assert [socket.text() for _ in range(3)] == ["0x", "1x", "2x"]


def test_text_and_binary_keep_their_order(site):
    socket = site.raw()
    socket.send(frame(TEXT, "a"), frame(2, b"b"), frame(TEXT, "c"))
    assert (socket.text(), socket.binary(), socket.text()) == ("a", b"b", "c")


def test_the_first_message_may_come_with_the_request(site):
    socket = WebSocket(site.connect(), "/echo/websocket", first=frame(TEXT, "first"))
    assert socket.text() == "first"


@pytest.mark.parametrize(("code", "reason"), [(3001, "so long"), (1000, ""), (4999, "ž")])
def test_the_application_closes_with_its_code_and_reason(lab, code, reason):
    socket, session = raw(lab)
    socket.say(f"close:{code}:{reason}")
    assert socket.closed() == Closed(code, reason)
    assert lab.closings(session) == 1


def test_the_close_mount_closes_with_3000(site):
    assert site.raw("/close/websocket").closed() == Closed(3000, "Go away!")


def test_what_was_sent_before_the_close_arrives(lab):
    socket, _ = raw(lab)
    socket.say("sayclose:last words")
    assert socket.text() == "last words"
    assert socket.closed() == Closed(3001, "said")


def test_a_long_reason_is_cut_between_characters(lab):
    socket, _ = raw(lab)
    socket.say("close:3001:" + "x" + "ž" * 100)
    closed = socket.closed()
    assert closed.code == 3001
    assert closed.reason == "x" + "ž" * 61, "123 bytes at most"


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 5000, 70_000])
def test_a_code_that_may_not_be_sent_never_is(loud_lab, code):
    socket, session = raw(loud_lab)
    socket.say(f"close:{code}:x")
    sent = socket.closed().code
    assert sent != code
    assert sent in (1000, 1005, 1011) or 3000 <= sent < 5000
    assert loud_lab.closings(session) == 1
    loud_lab.errors()


@pytest.mark.parametrize("end", ["abort", "close", "half_close"])
def test_a_socket_that_goes_away_ends_its_session_once(lab, end):
    socket, session = raw(lab)
    getattr(socket.peer, end)()
    assert lab.closings(session) == 1


def test_a_close_of_the_client_is_answered(lab):
    socket, session = raw(lab)
    socket.send(close_frame(3456, "mine"))
    assert socket.closed().code == 3456
    assert lab.closings(session) == 1


def test_fragments_and_pings(site):
    socket = site.raw()
    socket.send(frame(TEXT, "a", final=False), frame(PING, "p"), frame(CONTINUATION, "b"))
    assert socket.event() == Frame(PONG, b"p")
    assert socket.text() == "ab"


def test_a_message_over_the_limit_is_1009(lab):
    socket, session = raw(lab, "/small")
    socket.say("x" * 1000)
    assert socket.text() == "x" * 1000
    socket.say("x" * 1001)
    assert socket.closed().code == 1009
    assert lab.closings(session) == 1


@pytest.mark.parametrize("wire", [frame(TEXT, b"\xff"), frame(TEXT, b"\xed\xa0\x80")])
def test_text_that_is_no_utf_8_is_1007(lab, wire):
    socket, session = raw(lab)
    socket.send(wire)
    assert socket.closed().code == 1007
    assert lab.names(session)[:1] == ["open"]
    assert lab.closings(session) == 1


def test_a_broken_frame_is_1002(lab):
    socket, session = raw(lab)
    socket.send(frame(TEXT, "x", mask=None))
    assert socket.closed().code == 1002
    assert lab.closings(session) == 1


def test_a_lone_surrogate_never_makes_a_broken_text_frame(loud_lab):
    socket, _ = raw(loud_lab)
    socket.say("surrogate")
    got = socket.event()
    if got.opcode == TEXT:
        got.payload.decode("utf-8")
    else:
        assert got.opcode == CLOSE
    loud_lab.errors()
