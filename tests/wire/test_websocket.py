"""The SockJS websocket: framing, shapes and ends (protocol, sections 4, 6, 7 and 8)."""

import json
import struct

import pytest

from ..support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame
from ..support.receivers import messages
from ..support.websocket import Frame, WebSocket


def test_the_answer_to_the_handshake(site):
    head = site.websocket().head
    assert head.status == 101
    assert head.headers["upgrade"].lower() == "websocket"
    assert "upgrade" in head.headers.tokens("connection")
    assert "content-length" not in head.headers
    assert "transfer-encoding" not in head.headers
    assert "sec-websocket-extensions" not in head.headers


def test_an_array_and_a_single_string_are_messages(site):
    socket = site.websocket()
    socket.say('["a"]')
    assert socket.text() == 'a["a"]'
    socket.say('"b"')
    assert socket.text() == 'a["b"]'


def test_several_messages_of_one_frame_come_back_in_one(site):
    socket = site.websocket()
    socket.say('["a","b","c"]')
    assert socket.text() == 'a["a","b","c"]'


def test_nothing_to_deliver_is_ignored(site):
    socket = site.websocket()
    socket.send(frame(TEXT, ""), frame(TEXT, "[]"), frame(TEXT, '""'), frame(TEXT, '["a"]'))
    got = []
    while len(got) < 2:
        got += messages(socket.text())
    assert got == ["", "a"], "an empty frame is nothing, an empty string is a message"


@pytest.mark.parametrize(
    "text",
    ['["a', "a", "[", '["a"]]', "{", '"a', "['a']", '["a",]', "\0", '"\t"', " x"],
)
def test_broken_json_closes_at_once(lab, text):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(frame(TEXT, text), frame(TEXT, '["after"]'))
    assert socket.dropped()
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "close"]


@pytest.mark.parametrize(
    "text",
    ["{}", "[1]", "[null]", '["a",1]', "1", "null", "true", '[["a"]]', '{"a":"b"}', "[NaN]"],
)
def test_another_shape_closes_at_once(lab, text):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(frame(TEXT, text), frame(TEXT, '["after"]'))
    assert socket.dropped()
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "close"]


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "[" + "9" * 400_000 + "]"])
def test_hostile_json_closes_and_is_no_crash(lab, text):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.say(text)
    assert socket.dropped()
    assert lab.closings(session) == 1


def test_a_binary_message_is_no_sockjs(lab):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.say(b'["a"]')
    got = socket.event()
    if got.opcode == TEXT:
        assert got.payload == b'a["a"]', "a lenient server takes it for text"
    else:
        assert got.opcode == CLOSE


def test_the_close_frame_comes_before_the_handshake(site):
    socket = site.websocket("/close")
    assert socket.text() == 'c[3000,"Go away!"]'
    assert socket.closed().code in (1000, 3000)


def test_code_and_reason_of_the_application(lab):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.say('"close:3001:so long ž"')
    assert json.loads(socket.text()[1:]) == [3001, "so long ž"]
    assert socket.closed().code in (1000, 3001)
    assert lab.wait(session, "close")[-1] == ["close", [3001, "so long ž"]]


def test_what_was_sent_before_the_close_arrives(lab):
    socket = lab.websocket("/puppet")
    socket.say('"sayclose:last words"')
    assert socket.text() == 'a["last words"]'
    assert socket.text() == 'c[3001,"said"]'
    assert socket.closed().code in (1000, 3001)


def test_a_long_reason_never_makes_a_broken_close_frame(lab):
    socket = lab.websocket("/puppet")
    reason = "ž" * 200
    socket.say(json.dumps("close:3001:" + reason))
    assert json.loads(socket.text()[1:]) == [3001, reason]
    socket.closed()  # decodes what is left of the reason


def test_messages_of_one_turn_go_out_in_one_frame(lab):
    socket = lab.websocket("/puppet")
    socket.say('"send:3:1"')
    assert socket.text() == 'a["0","1","2"]'


def test_two_sockets_with_one_id_are_two_sessions(site):
    session = site.session()
    one, two = session.websocket(), session.websocket()
    one.say('"one"')
    two.say('"two"')
    assert one.text() == 'a["one"]'
    assert two.text() == 'a["two"]'
    one.peer.close()
    two.say('"still there"')
    assert two.text() == 'a["still there"]'


def test_one_id_after_the_other_is_another_session(lab):
    session = lab.session("/puppet")
    for number in (1, 2, 3):
        socket = session.websocket()
        socket.send(close_frame(1000))
        socket.closed()
        while lab.names(session).count("close") < number:
            lab.wait(session, "close")
    assert lab.names(session) == ["open", "close"] * 3


def test_a_poll_and_a_socket_with_one_id_are_two_sessions(site):
    session = site.opened()
    socket = session.websocket()
    session.send("for the poll")
    socket.say('"for the socket"')
    assert socket.text() == 'a["for the socket"]'
    assert session.poll() == b'a["for the poll"]\n'


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 524_288])
def test_every_length_of_a_frame(site, size):
    socket = site.websocket()
    message = "x" * size
    socket.say(json.dumps(message))
    assert messages(socket.text()) == [message]


def test_ten_thousand_messages_in_order(site):
    socket = site.websocket()
    expected = [f"message {number}" for number in range(10_000)]
    got = []
    for start in range(0, 10_000, 1000):
        socket.send(*(frame(TEXT, json.dumps([text])) for text in expected[start : start + 1000]))
        while len(got) < start + 1000:
            got += messages(socket.text())
    assert got == expected


def test_a_frame_may_come_byte_by_byte(site):
    socket = site.websocket()
    socket.peer.dribble(frame(TEXT, '["dribbled"]'))
    assert socket.text() == 'a["dribbled"]'


def test_frames_may_be_cut_anywhere(site):
    socket = site.websocket()
    wire = frame(TEXT, '["one"]') + frame(TEXT, '["two"]')
    for cut in range(1, len(wire)):
        socket.send(wire[:cut])
        socket.send(wire[cut:])
        got = []
        while len(got) < 2:
            got += messages(socket.text())
        assert got == ["one", "two"]


def test_the_first_message_may_come_with_the_request(site):
    session = site.session()
    socket = session.websocket(first=frame(TEXT, '["first"]'))
    assert socket.text() == 'a["first"]'


def test_many_messages_may_come_with_the_request(site):
    first = b"".join(frame(TEXT, json.dumps(str(number))) for number in range(100))
    socket = site.session().websocket(first=first)
    got = []
    while len(got) < 100:
        got += messages(socket.text())
    assert got == [str(number) for number in range(100)]


def test_half_a_message_may_come_with_the_request(site):
    wire = frame(TEXT, '["half"]')
    socket = site.session().websocket(first=wire[:5])
    socket.send(wire[5:])
    assert socket.text() == 'a["half"]'


def test_a_message_right_after_the_answer(site):
    session = site.session()
    socket = WebSocket(site.connect(), session.url("websocket"))
    socket.say('["a"]')
    assert socket.text() == "o"
    assert socket.text() == 'a["a"]'


# Frames, RFC 6455


def test_a_message_in_fragments(site):
    socket = site.websocket()
    socket.send(
        frame(TEXT, '["a', final=False),
        frame(CONTINUATION, "", final=False),
        frame(CONTINUATION, "b", final=False),
        frame(CONTINUATION, 'c"]'),
    )
    assert socket.text() == 'a["abc"]'
    socket.say('["whole again"]')
    assert socket.text() == 'a["whole again"]'


def test_a_character_cut_by_fragments(site):
    socket = site.websocket()
    data = '["\U0001f600"]'.encode()
    socket.send(frame(TEXT, data[:4], final=False), frame(CONTINUATION, data[4:]))
    assert messages(socket.text()) == ["\U0001f600"]


def test_control_frames_in_the_middle_of_fragments(site):
    socket = site.websocket()
    socket.send(
        frame(TEXT, '["a', final=False),
        frame(PING, "between"),
        frame(PONG, "unasked"),
        frame(CONTINUATION, 'b"]'),
    )
    assert socket.event() == Frame(PONG, b"between")
    assert socket.text() == 'a["ab"]'


def test_a_ping_in_the_middle_of_messages(site):
    socket = site.websocket()
    socket.send(frame(TEXT, '["a"]'), frame(PING, "p"), frame(TEXT, '["b"]'))
    pong, got = 0, []
    while pong < 1 or len(got) < 2:
        seen = socket.event()
        if seen.opcode == PONG:
            assert seen.payload == b"p"
            pong += 1
        else:
            got += messages(seen.payload.decode())
    assert (pong, got) == (1, ["a", "b"])


@pytest.mark.parametrize("payload", [b"", b"x" * 125, bytes(range(125))])
def test_a_ping_gets_its_pong(site, payload):
    socket = site.websocket()
    socket.send(frame(PING, payload))
    assert socket.event() == Frame(PONG, payload)


def test_pongs_nobody_asked_for_change_nothing(site):
    socket = site.websocket()
    socket.send(*[frame(PONG, "unasked")] * 1000)
    socket.say('["a"]')
    assert socket.text() == 'a["a"]'


def test_any_mask_will_do(site):
    socket = site.websocket()
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\x01\x7f\x80"):
        socket.send(frame(TEXT, '["masked"]', mask=mask))
        assert socket.text() == 'a["masked"]'


BROKEN = {
    "unmasked": frame(TEXT, '["a"]', mask=None),
    "unmasked ping": frame(PING, mask=None),
    "reserved bit 1": frame(TEXT, '["a"]', reserved=4),
    "reserved bit 2": frame(TEXT, '["a"]', reserved=2),
    "reserved bit 3": frame(TEXT, '["a"]', reserved=1),
    "reserved bit in a control frame": frame(PING, reserved=4),
    "unknown opcode": frame(3, "a"),
    "unknown control opcode": frame(0xB, "a"),
    "fragmented ping": frame(PING, "a", final=False),
    "long ping": frame(PING, "a" * 126),
    "continuation of nothing": frame(CONTINUATION, '["a"]'),
    "text in the middle of text": frame(TEXT, '["a', final=False) + frame(TEXT, '"]'),
    "binary in the middle of text": frame(TEXT, '["a', final=False) + frame(BINARY, '"]'),
    "a length with its highest bit": frame(TEXT, "", length=struct.pack("!BQ", 0xFF, 1 << 63)),
    "close with one byte": frame(CLOSE, b"\x03"),
    "close with code 0": close_frame(0),
    "close with code 999": close_frame(999),
    "close with code 1004": close_frame(1004),
    "close with code 1005": close_frame(1005),
    "close with code 1006": close_frame(1006),
    "close with code 1015": close_frame(1015),
    "close with code 2999": close_frame(2999),
    "close with code 5000": close_frame(5000),
    "close with a broken reason": frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    "long close": frame(CLOSE, struct.pack("!H", 1000) + b"x" * 124),
    "fragmented close": frame(CLOSE, final=False),
}


@pytest.mark.parametrize("wire", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_frame_ends_the_connection(lab, wire):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(wire + frame(TEXT, '["after"]'))
    assert socket.closed().code in (1002, 1007)
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "close"], "nothing was delivered"


@pytest.mark.parametrize(
    "data",
    [b'["\xff"]', b'["\xc0\x80"]', b'["\xed\xa0\x80"]', b'["\xf4\x90\x80\x80"]', b'["\xe2\x82'],
)
def test_text_that_is_no_utf_8_is_1007(lab, data):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(frame(TEXT, data))
    assert socket.closed().code == 1007
    assert lab.closings(session) == 1


def test_broken_utf_8_in_fragments_is_1007(site):
    socket = site.websocket()
    socket.send(frame(TEXT, b'["\xe2\x82', final=False), frame(CONTINUATION, b'"]'))
    assert socket.closed().code == 1007


def test_a_message_over_the_limit_is_1009(lab):
    session = lab.session("/small")
    socket = session.websocket()
    socket.say(json.dumps("x" * 1000))
    assert messages(socket.text()) == ["x" * 1000]
    socket.say(json.dumps("x" * 1001))
    assert socket.closed().code == 1009
    assert lab.closings(session) == 1


def test_fragments_over_the_limit_are_1009(lab):
    socket = lab.websocket("/small")
    socket.send(frame(TEXT, '["' + "x" * 1500, final=False))
    socket.send(frame(CONTINUATION, "x" * 600, final=False))
    assert socket.closed().code == 1009


def test_a_length_over_the_limit_is_1009_before_the_data_comes(lab):
    for length in (struct.pack("!BQ", 0xFF, 1 << 40), struct.pack("!BH", 0xFE, 60_000)):
        socket = lab.websocket("/small")
        socket.send(frame(TEXT, "", length=length))
        assert socket.closed().code == 1009


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going"), (1011, "x"), (3000, "ž"), (4999, "r" * 123)]
)
def test_a_close_of_the_client_is_answered(lab, code, reason):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(close_frame(code, reason))
    assert socket.closed().code == code
    assert lab.closings(session) == 1


def test_a_close_without_a_code_is_answered(lab):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(close_frame())
    assert socket.closed().code in (1000, 1005)
    assert lab.closings(session) == 1


def test_nothing_is_delivered_after_the_close_of_the_client(lab):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(frame(TEXT, '["before"]'), close_frame(1000), frame(TEXT, '["after"]'))
    assert messages(socket.text()) == ["before"]
    assert socket.dropped()
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "message", "close"]


@pytest.mark.parametrize("end", ["abort", "close", "half_close"])
def test_a_socket_that_goes_away_ends_its_session_once(lab, end):
    session = lab.session("/puppet")
    socket = session.websocket()
    getattr(socket.peer, end)()
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "close"]


def test_a_socket_that_goes_away_in_the_middle_of_a_frame(lab):
    session = lab.session("/puppet")
    socket = session.websocket()
    socket.send(frame(TEXT, '["whole"]') + frame(TEXT, '["half"]')[:6])
    assert messages(socket.text()) == ["whole"]
    socket.peer.abort()
    assert lab.closings(session) == 1
    assert lab.names(session) == ["open", "message", "close"]


def test_amplified_messages_come_whole(site):
    socket = site.websocket("/amplify")
    for power in (1, 7, 16, 19):
        socket.say(f'"{power}"')
        assert messages(socket.text()) == ["x" * 2**power]


def test_a_tick_comes_without_a_message(site):
    assert site.websocket("/ticker").text() == 'a["tick!"]'


def test_broadcasts_reach_every_transport(site):
    socket = site.websocket("/broadcast")
    session = site.session("/broadcast")
    stream = session.open()
    # The one that came last speaks first: who hears it, on whatever node, knows of it.
    session.send("to all")
    assert socket.text() == 'a["to all"]'
    assert stream.frame() == 'a["to all"]'
    socket.say('"back"')
    assert socket.text() == 'a["back"]'
    assert stream.frame() == 'a["back"]'
