"""htmlfile, the streaming iframe (protocol, section 4)."""

import pytest

from ..support.checks import assert_refused
from ..support.receivers import HTMLFILE, PAGE

REQUIRED = '"callback" parameter required'
INVALID = 'invalid "callback" parameter'

BAD_CALLBACKS = [
    "%20",
    "a%20b",
    "(",
    "a(b)",
    "a;b",
    "<script>alert(1)</script>",
    "%3Cscript%3E",
    "a%22b",
    "a'b",
    "a%0Ab",
    "a%0D%0Ab",
    "callback%0A",
    "%00",
    "%C3%A9",
    "%EF%BC%A1",
    "%D9%A1",
    "a[0]",
    "a=1",
    "a/b",
    "$x",
    "a,b",
    "a%2Bb",
    "%2525",
]


def prelude(site, query):
    peer = site.connect()
    peer.ask("GET", site.session().url("htmlfile?" + query))
    answer = peer.head()
    assert answer.status == 200, peer.response
    return peer.chunk()


def test_the_page_fills_what_old_browsers_hold_back(site):
    page = prelude(site, "c=callback")
    assert page.startswith(PAGE)
    assert page.endswith(b" \r\n\r\n")
    assert page[len(PAGE) :].strip() == b""
    assert len(page.rstrip(b"\r\n")) > 1024


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("c=callback", "callback"),
        ("c=a.b", "a.b"),
        ("c=_jp.abc-1_2", "_jp.abc-1_2"),
        ("c=%63allback", "callback"),
        ("callback=callback", "callback"),
        ("x=1&c=abc", "abc"),
    ],
)
def test_the_page_calls_the_callback(site, query, name):
    assert f"var c = parent.{name};\n".encode() in prelude(site, query)


@pytest.mark.parametrize("query", ["", "?", "?c=", "?c", "?callback=", "?x=callback"])
def test_a_missing_callback_is_an_error(site, query):
    session = site.session()
    assert_refused(site.get(session.url("htmlfile" + query)), 500, REQUIRED)
    assert session.send("a").status == 404, "no session is created"


@pytest.mark.parametrize("callback", BAD_CALLBACKS)
def test_a_bad_callback_is_refused_never_cleaned(site, callback):
    session = site.session()
    answer = site.get(session.url("htmlfile?c=" + callback))
    assert_refused(answer, 500, INVALID)
    assert not answer.headers["content-type"].startswith("text/html")
    assert session.send("a").status == 404, "no session is created"


def test_a_bad_callback_under_the_other_name_is_refused(site):
    assert_refused(site.get(site.session().url("htmlfile?callback=a(b")), 500, INVALID)


def test_frames_are_calls_in_a_script(site):
    session = site.session()
    stream = session.attach(HTMLFILE)
    assert stream.piece() == b'<script>\np("o");\n</script>\r\n'
    session.send("x")
    assert stream.piece() == b'<script>\np("a[\\"x\\"]");\n</script>\r\n'


@pytest.mark.parametrize(
    "text",
    [
        "</script>",
        "</SCRIPT>",
        "</script ",
        "<!--",
        "<!--<script>",
        "<script>alert(1)</script>",
        "]]>",
        "\\</script>",
        "</\u200cscript>",
        '"</script>\\',
    ],
)
def test_a_message_cannot_leave_its_script(site, text):
    session = site.session()
    stream = session.open(HTMLFILE)
    session.send(text)
    # unwrap refuses a piece that a browser would read as more than one string.
    assert session.collect(stream, 1) == [text]


def test_a_script_in_pieces_cannot_leave_either(site):
    session = site.session()
    stream = session.open(HTMLFILE)
    for part in "</script>":
        session.send(part)
    assert "".join(session.collect(stream, 9)) == "</script>"


def test_a_close_reason_cannot_leave_its_script(lab):
    session = lab.session("/puppet")
    stream = session.open(HTMLFILE)
    session.send("close:3001:</script><script>")
    assert stream.frame() == 'c[3001,"</script><script>"]'


def test_line_separators_cannot_end_the_string(site):
    session = site.session()
    stream = session.open(HTMLFILE)
    session.send("\u2028\u2029\n\r")
    piece = stream.piece()
    assert "\u2028" not in piece.decode() and "\u2029" not in piece.decode()
    assert piece.count(b"\n") == 3
