"""JSON both ways: what is escaped, what is not, and lone surrogates (protocol, section 5)."""

import json
import re

import pytest

from ..support.frames import TEXT, frame
from ..support.receivers import RECEIVERS, XHR

ESCAPED_RANGES = [
    (0x0000, 0x001F),
    (0x200C, 0x200F),
    (0x2028, 0x202F),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),
    (0xFFF0, 0xFFFF),
]
SHORT = {"\\u0008": "\\b", "\\u0009": "\\t", "\\u000a": "\\n", "\\u000c": "\\f", "\\u000d": "\\r"}

receivers = pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda receiver: receiver.name)


def escaped(start, end):
    """Write a range of code points one by one, so that no two make a pair, as they go out."""
    escapes = [f"\\u{point:04x}" for point in range(start, end + 1)]
    return [SHORT.get(escape, escape) for escape in escapes]


def echo(site, escapes):
    """Send each as a message; give what comes back."""
    session = site.opened("/puppet") if hasattr(site, "journal") else site.opened()
    body = "[" + ",".join(f'"{escape}"' for escape in escapes) + "]"
    assert site.post(session.url("xhr_send"), body).status == 204
    got = []
    while len(got) < len(escapes):  # so many may come in more than one frame
        frame = session.poll().decode("utf-8")
        assert frame.startswith('a["') and frame.endswith('"]\n')
        got += frame[3:-3].split('","')
    return got


@pytest.mark.parametrize(("start", "end"), ESCAPED_RANGES, ids=lambda point: f"{point:04x}")
def test_these_go_out_escaped_in_lower_case(site, start, end):
    escapes = escaped(start, end)
    assert echo(site, escapes) == escapes


@pytest.mark.parametrize(
    "text",
    ["\x20", "\x7e", "é", "\u200b", "\u2010", "\u2027", "\u2030", "\u205f", "\u2070", "\uffef"],
)
def test_neighbours_of_the_escaped_come_back_as_the_same_text(site, text):
    (got,) = echo(site, [text])
    assert json.loads(f'"{got}"') == text


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\udc00\\ud800", "a\\ud83db", "\\ud83d"])
def test_a_lone_surrogate_goes_out_as_it_came(site, escape):
    assert echo(site, [escape]) == [escape]


@receivers
def test_a_lone_surrogate_survives_every_receiver(site, receiver):
    session = site.session()
    attached = session.open(receiver)
    site.post(session.url("xhr_send"), '["\\ud800 \\udc00\\ud800"]')
    assert attached.frame() == 'a["\\ud800 \\udc00\\ud800"]'


def test_a_lone_surrogate_survives_a_websocket(site):
    socket = site.websocket()
    socket.send(frame(TEXT, '["\\ud800"]'))
    assert socket.text() == 'a["\\ud800"]'
    socket.send(frame(TEXT, '"\\udfff"'))
    assert socket.text() == 'a["\\udfff"]'


@receivers
def test_every_escaped_character_survives_every_receiver(site, receiver):
    session = site.session()
    attached = session.open(receiver)
    text = "".join(chr(point) for start, end in ESCAPED_RANGES for point in range(start, end + 1))
    text = re.sub("[\ud800-\udfff]", "", text)
    session.send(text)
    frame = attached.frame()
    assert json.loads(frame[1:]) == [text]
    assert frame.isprintable(), "nothing of it is left unescaped"


def test_every_escaped_character_survives_a_websocket(site):
    socket = site.websocket()
    for start, end in ESCAPED_RANGES:
        escapes = escaped(start, end)
        socket.say("[" + ",".join(f'"{escape}"' for escape in escapes) + "]")
        got: list[str] = []
        while len(got) < len(escapes):  # so many may come in more than one frame
            got += socket.text()[3:-2].split('","')
        assert got == escapes


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ('"\\u0061\\/\\b\\f\\n\\r\\t\\"\\\\"', 'a/\b\f\n\r\t"\\'),
        ('"\\uD83D\\uDE00"', "\U0001f600"),
        ('"\\ud83d\\uDe00"', "\U0001f600"),
        ('"\U0001f600"', "\U0001f600"),
        ('"\u2028"', "\u2028"),
        ('"\\u00e9\u00e9"', "éé"),
        ('"\x7f"', "\x7f"),
        ('"\U0010ffff"', "\U0010ffff"),
    ],
)
def test_any_escape_comes_in(site, sent, text):
    session = site.opened()
    assert site.post(session.url("xhr_send"), f"[{sent}]").status == 204
    assert json.loads(XHR.unwrap(session.poll())[1:]) == [text]


def test_frames_have_no_spaces(site):
    session = site.opened()
    site.post(session.url("xhr_send"), ' [ "a" , "b" , "" ] ')
    assert session.poll() == b'a["a","b",""]\n'


def test_quotes_and_backslashes(site):
    session = site.opened()
    session.send('"', "\\", "/", "'", "</script>")
    assert session.poll() == b'a["\\"","\\\\","/","\'","</script>"]\n'


def test_a_close_reason_is_escaped_like_a_message(lab):
    session = lab.session("/puppet")
    stream = session.open()
    session.send('close:3001:"\u2028\n')
    frame = stream.frame()
    assert json.loads(frame[1:]) == [3001, '"\u2028\n']
    assert "\u2028" not in frame and "\n" not in frame


def test_the_two_halves_of_a_pair_in_two_messages_do_not_meet(site):
    session = site.opened()
    site.post(session.url("xhr_send"), '["\\ud83d","\\ude00"]')
    assert session.poll() == b'a["\\ud83d","\\ude00"]\n'
