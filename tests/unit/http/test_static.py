"""Answers that belong to no session."""

from __future__ import annotations

import pytest

from ...support.memory import Lab


def test_the_chunking_test_goes_at_its_pace_and_stops_when_nobody_listens() -> None:
    lab = Lab()
    full, cut = lab.connect(), lab.connect()
    for connection in (full, cut):
        connection.request("POST", "/chunking_test")
    assert full.body == b"h\n"
    lab.clock.advance(0)
    cut.vanish()
    for seconds in (0.005, 0.025, 0.125, 0.625, 3.125):
        lab.clock.advance(seconds)
    assert full.body == b"h\n" + b" " * 2048 + b"h\n" * 6
    assert full.received.endswith(b"0\r\n\r\n")
    assert lab.clock.getDelayedCalls() == []


def test_an_iframe_page_that_depends_on_its_embedder_says_so_to_caches() -> None:
    lab = Lab(allowed_origins=lambda origin: origin.endswith(".example"))
    named = lab.connect().request("GET", "/iframe.html", Referer="http://a.example/page")
    assert b"frame-ancestors http://a.example\r\n" in named.received
    assert b"\r\nVary: Referer\r\n" in named.received
    lab.settle()
    for origins in ("*", ["http://a.example"]):
        lab = Lab(allowed_origins=origins)
        assert b"Vary" not in lab.connect().request("GET", "/iframe.html").received
        lab.settle()


@pytest.mark.parametrize("count", [1, 30, 130, 5000])
def test_headers_stay_short_however_many_origins_are_allowed(count: int) -> None:
    origins = [f"https://customer-{number}.example.com" for number in range(count)]
    whole = len(" ".join(origins)) <= 2048
    lab = Lab(allowed_origins=[*origins, "null"])
    own = {origins[-1]: origins[-1], "https://evil.example": "'none'", "": "'none'"}
    for referer, sources in own.items():
        page = lab.connect().request("GET", "/iframe.html", Referer=referer and referer + "/page")
        head = page.received.partition(b"\r\n\r\n")[0].decode()
        assert len(head) < 4096
        assert f"frame-ancestors {' '.join(sorted(origins)) if whole else sources}\r\n" in head
        assert ("\r\nVary: Referer\r\n" in head) is not whole
    assert whole == (count <= 30)
    info = lab.connect().request("GET", "/info", Origin=origins[0])
    assert b'"origins":["*:*"]' in info.body
    assert len(info.received) < 1024
    lab.settle()
