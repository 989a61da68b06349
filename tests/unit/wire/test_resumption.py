"""What a client of a resumable connection says."""

from __future__ import annotations

import pytest

from txsockjs.wire.resumption import BadEnvelope, Said, read


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("n", Said("n", "")),
        ("x", Said("x", "")),
        ("m", Said("m", "")),
        ("mtext, any: \u00e9\n", Said("m", "text, any: \u00e9\n")),
        ("k1,", Said("k", "", 1)),
        ("k12,text, any", Said("k", "text, any", 12)),
        ("k9007199254740991,x", Said("k", "x", 2**53 - 1)),
        ("p0", Said("p", "", 0)),
        ("a0", Said("a", "", 0)),
        ("a9007199254740991", Said("a", "", 2**53 - 1)),
        ("rAb_-9,12", Said("r", "Ab_-9", 12)),
    ],
)
def test_what_it_says_is_read(message: str, said: Said) -> None:
    assert read(message) == said


@pytest.mark.parametrize(
    "message",
    [
        *("", "n1", "xx", "a", "a-1", "a01", "a1.0", "a\u0661", "a" + "9" * 17, "q", "N"),
        *("r", "rtoken", "rtoken,", "r,1", "rto ken,1", "rtoken,1,2", "r\u00e9,1"),
        "r" + "x" * 101 + ",1",
        *("k", "k,", "k1", "kx,1", "k01,1", "k" + "1" * 17 + ",", "p", "p-1"),
    ],
)
def test_what_is_none_of_it_is_told(message: str) -> None:
    with pytest.raises(BadEnvelope):
        read(message)
