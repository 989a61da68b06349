"""Bytes that a protocol writes, as messages: UTF-8, a fallback, or bytes."""

from __future__ import annotations

import pytest

from txsockjs.wire.text import Decoder, NotText, check_data, encoded, split_lines

SNOWMAN = "☃".encode()


def test_lines_are_split_wherever_they_come_in_pieces() -> None:
    text = b"one\n\ntwo\r\nthree"
    for size in range(1, len(text) + 1):
        kept = bytearray()
        lines: list[bytes] = []
        for start in range(0, len(text), size):
            lines += split_lines(kept, text[start : start + size])
        assert lines == [b"one", b"", b"two\r"]
        assert kept == b"three"


def test_a_character_that_is_split_is_kept_until_it_is_whole() -> None:
    decoder = Decoder(None, False)
    assert decoder.is_clean
    assert decoder.decode(b"a" + SNOWMAN[:2]) == "a"
    assert not decoder.is_clean
    assert decoder.decode(memoryview(SNOWMAN[2:])) == "☃"
    assert decoder.is_clean


def test_bytes_without_a_fallback_are_refused_all_of_them() -> None:
    decoder = Decoder(None, False)
    assert decoder.decode(SNOWMAN[:1]) == ""
    with pytest.raises(NotText, match="not UTF-8") as caught:
        decoder.decode(b"\xff")
    assert caught.value.data == SNOWMAN[:1] + b"\xff"


@pytest.mark.parametrize(
    ("fallback", "text"), [("latin-1", "xÿ"), ("replace", "x\ufffd"), ("ascii", "x\ufffd")]
)
def test_a_fallback_decodes_what_is_not_utf_8(fallback: str, text: str) -> None:
    decoder = Decoder(fallback, False)
    assert decoder.decode(b"x\xff") == text
    assert decoder.decode(SNOWMAN) == "☃"


def test_a_raw_websocket_gets_bytes_from_then_on() -> None:
    decoder = Decoder("latin-1", True)
    assert decoder.decode(b"text" + SNOWMAN[:1]) == "text"
    assert decoder.decode(b"\xff") == SNOWMAN[:1] + b"\xff"
    assert decoder.is_binary
    assert decoder.decode(b"text") == b"text"


@pytest.mark.parametrize(
    ("fallback", "is_raw", "rest"),
    [(None, False, "\ufffd"), ("latin-1", False, "â"), (None, True, SNOWMAN[:1])],
)
def test_the_end_flushes_the_beginning_of_a_character(
    fallback: str | None, is_raw: bool, rest: object
) -> None:
    decoder = Decoder(fallback, is_raw)
    assert decoder.flush() == ""
    decoder.decode(SNOWMAN[:1])
    assert decoder.flush() == rest
    assert decoder.flush() == ""


def test_only_bytes_are_written() -> None:
    check_data(bytearray(b"x"))
    with pytest.raises(TypeError, match="a transport writes bytes, not 'x'"):
        check_data("x")


def test_half_a_surrogate_pair_is_encoded_as_a_replacement() -> None:
    assert encoded("a\ud800b😀") == "a\ufffdb😀".encode()
