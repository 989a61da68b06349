"""EventSource (protocol, section 4)."""

import pytest

from ..support.peer import Peer
from ..support.receivers import EVENTSOURCE

# As sockjs-client's decodeURISafe would have to read them: %41 must not become A.
TEXTS = [
    "%41 %25 100% %",
    "%0A",
    " leading",
    "a\r\nb\0c",
    "\u2028\u2029",
    "data: x",
    ":",
    "é%C3%A9",
]


def open_raw(site, session) -> Peer:
    peer = site.connect()
    peer.ask("GET", session.url("eventsource"))
    assert peer.head().headers["content-type"] == "text/event-stream"
    return peer


def test_the_stream_opens_with_one_line_end(site):
    peer = open_raw(site, site.session())
    assert peer.chunk() == b"\r\n"
    assert peer.chunk() == b"data: o\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ("%41", b'data: a["%2541"]\r\n\r\n'),
        ("100%", b'data: a["100%25"]\r\n\r\n'),
        (" x", b'data: a[" x"]\r\n\r\n'),
        ("+ &<>#'", b'data: a["+ &<>#\'"]\r\n\r\n'),
        ("é", 'data: a["é"]\r\n\r\n'.encode()),
        ("\u2028", b'data: a["\\u2028"]\r\n\r\n'),
        ("\0", b'data: a["\\u0000"]\r\n\r\n'),
    ],
)
def test_only_what_would_break_an_event_is_escaped(site, text, wrapped):
    session = site.session()
    stream = session.open(EVENTSOURCE)
    session.send(text)
    assert stream.piece() == wrapped


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_survives(site, text):
    session = site.session()
    stream = session.open(EVENTSOURCE)
    session.send(text)
    assert session.collect(stream, 1) == [text]


def test_a_percent_in_a_close_reason_is_escaped(lab):
    session = lab.session("/puppet")
    stream = session.open(EVENTSOURCE)
    session.send("close:3001:100% %41")
    assert stream.piece() == b'data: c[3001,"100%25 %2541"]\r\n\r\n'
    assert stream.ended()


def test_a_query_string_and_a_last_event_id_change_nothing(site):
    session = site.session()
    peer = site.connect()
    peer.ask("GET", session.url("eventsource?x=1"), {"Last-Event-ID": "7"})
    peer.head()
    assert [peer.chunk(), peer.chunk()] == [b"\r\n", b"data: o\r\n\r\n"]
