"""The streaming probe of the first clients, ``/chunking_test`` (protocol, section 3)."""

from ..support.checks import assert_cached_for_a_year, assert_open_to, assert_open_to_all
from ..support.labs import until
from ..support.receivers import JAVASCRIPT

PIECES = [b"h\n", b" " * 2048 + b"h\n", *[b"h\n"] * 5]


def test_each_piece_is_one_chunk_of_its_own(site):
    peer = site.connect()
    peer.ask("POST", "/echo/chunking_test")
    head = peer.head()
    assert head.status == 200 and head.chunked
    assert head.headers["content-type"] == JAVASCRIPT
    assert_open_to_all(head)
    chunks = list(iter(peer.chunk, b""))
    # There is no wait between the first two, which may be one.
    assert chunks in (PIECES, [PIECES[0] + PIECES[1], *PIECES[2:]])
    peer.ask("GET", "/echo")
    assert peer.response().status == 200


def test_the_first_pieces_come_at_once(site):
    peer = site.connect()
    peer.ask("POST", "/echo/chunking_test", {"Origin": "http://page.example"})
    assert_open_to(peer.head(), "http://page.example")
    first = b""
    while len(first) < 2052:
        first += peer.chunk()
    assert first.startswith(PIECES[0] + PIECES[1])


def test_the_probe_over_http_1_0(site):
    peer = site.connect()
    peer.ask("POST", "/echo/chunking_test", version="HTTP/1.0")
    head = peer.head()
    assert not head.chunked and "content-length" not in head.headers
    assert peer.until(PIECES[1]) == PIECES[0] + PIECES[1]


def test_the_probe_that_vanishes_leaves_no_timer(own_lab):
    before = own_lab.gauges()["timers"]
    for _ in range(5):
        peer = own_lab.connect()
        peer.ask("POST", "/puppet/chunking_test")
        assert peer.head().status == 200
        peer.abort()
    until(lambda: own_lab.gauges()["timers"] <= before)


def test_the_preflight_of_the_probe(site):
    answer = site.options("/echo/chunking_test", {"Origin": "null"})
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert_cached_for_a_year(answer)
    assert_open_to(answer, "null")
