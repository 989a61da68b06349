"""Frames and JSON, by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.errors import BrokenJSON, PayloadExpected
from txsockjs.wire import proto
from txsockjs.wire.frames import TEXT, frame

ESCAPED = [
    *range(0x20),
    *range(0x7F, 0xA0),
    *range(0x200C, 0x2010),
    *range(0x2028, 0x2030),
    *range(0x2060, 0x2070),
    *range(0xFFF0, 0x10000),
    *range(0xD800, 0xE000, 37),
]
SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
# Any code point, lone surrogates included.
text = st.text(st.characters(exclude_categories=()))


@pytest.fixture(params=["fast", "standard"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "standard":
        monkeypatch.setattr(proto, "_dumps", proto._standard_dumps)
        monkeypatch.setattr(proto, "_loads", proto._standard_loads)
    elif proto._dumps is proto._standard_dumps:
        pytest.skip("orjson is not installed here")
    return str(request.param)


@given(st.lists(text, min_size=1, max_size=3), st.integers(0, 140))
def test_a_websocket_frame_carries_the_frame_of_messages(messages: list[str], more: int) -> None:
    messages[-1] += "x" * more
    expected = frame(TEXT, proto.messages_frame(messages))
    assert proto.websocket_frame(messages) == expected
    if len(messages) == 1:
        shared = proto.Message(messages[0])
        assert proto.websocket_frame([shared]) == expected
        assert proto.websocket_frame([shared]) is proto.websocket_frame([shared])
        number = proto.JSONMessage("7")
        assert proto.websocket_frame([number]) == frame(TEXT, b"a[7]")
        mixed = [number, shared]
        assert proto.websocket_frame(mixed) == frame(TEXT, proto.messages_frame(mixed))


def test_the_frame_of_the_messages_that_many_get_is_made_once() -> None:
    first, second = proto.Message("a"), proto.Message("b\n")
    made = proto.websocket_frame([first, second])
    assert made == frame(TEXT, b'a["a","b\\n"]')
    assert proto.websocket_frame([first, second]) is made


def test_only_the_same_messages_have_the_same_frame() -> None:
    first, batch = proto.Message("a"), [proto.Message("a"), proto.Message("7\n")]
    for after, last in (([proto.Message("7\n")], '"7\\n"'), ([proto.JSONMessage("7")], "7")):
        assert proto.websocket_frame([first, *after]) == frame(TEXT, f'a["a",{last}]'.encode())
    for added in ("", ',"b"'):
        wanted = frame(TEXT, f'a["a","7\\n"{added}]'.encode())
        assert proto.websocket_frame(batch) == wanted
        batch.append(proto.Message("b"))


def test_a_frame_that_only_a_slow_client_gets_is_not_kept() -> None:
    waiting = [proto.Message("x" * 1024)] * 1024
    messages = [proto.Message("a"), proto.Message("b")]
    kept = proto.websocket_frame(messages)
    made = proto.websocket_frame(waiting)
    assert made == frame(TEXT, proto.messages_frame(waiting))
    assert proto.websocket_frame(waiting) is not made
    assert proto.websocket_frame(messages) is kept


def test_a_frame_that_is_made_while_another_is_leaves_that_as_it_is() -> None:
    other = [proto.Message("c"), proto.Message("d")]

    class Interrupted(list[str]):
        """Another frame is made when it is read, as a finalizer that sends may do at any time."""

        def __iter__(self) -> Iterator[str]:
            assert proto.websocket_frame(other) == frame(TEXT, b'a["c","d"]')
            return super().__iter__()

    messages = [proto.Message("a"), proto.Message("b")]
    for batch in (Interrupted(messages), messages, Interrupted(messages)):
        assert proto.websocket_frame(batch) == frame(TEXT, b'a["a","b"]')


@pytest.mark.parametrize("size", [119, 120, 121, 122, 123, 65529, 65530, 65531, 65532])
def test_a_websocket_frame_has_the_shortest_form_of_its_length(size: int, library: str) -> None:
    messages = ["x" * size]
    assert proto.websocket_frame(messages) == frame(TEXT, proto.messages_frame(messages))


@pytest.mark.parametrize("code", ESCAPED, ids=hex)
def test_what_browsers_mistake_is_escaped_in_lower_case(code: int, library: str) -> None:
    escape = SHORT.get(chr(code), f"\\u{code:04x}")
    assert proto.messages_frame(["<" + chr(code) + ">"]) == f'a["<{escape}>"]'.encode()
    assert proto.json_encode(chr(code)) == f'"{escape}"'


def test_the_bytes_that_the_protocol_s_own_suite_compares(library: str) -> None:
    assert proto.messages_frame(["  \0\n\r "]) == b'a["  \\u0000\\n\\r "]'


def test_everything_else_goes_as_utf8(library: str) -> None:
    message = 'é€😀 <"\\/>'
    expected = 'a["é€😀 <\\"\\\\/>"]'
    assert proto.messages_frame([message]) == expected.encode("utf-8")


def test_a_backslash_before_a_letter_is_not_taken_for_an_escape(library: str) -> None:
    for message in ("\\n", "\\\\n", "\\\n", "\\u000a", '\\"\n'):
        frame = proto.messages_frame([message])
        assert json.loads(frame[1:]) == [message]
    assert proto.messages_frame(["\\n\n"]) == b'a["\\\\n\\n"]'


@pytest.mark.parametrize(
    "data",
    [
        '["]',
        '[""]',
        '["a"]',
        '["é€😀"]',
        '["a""]',
        '["a","b"]',
        '["a"]"]',
        '["a", "b"]',
        '["\\"]',
        '["\\""]',
        '["\x01"]',
        '["\n"]',
        '["\x7f\u2028\xa0"]',
        '"[]"',
        '["a"',
    ],
)
def test_what_looks_like_one_plain_string_is_read_as_the_json_that_it_is(
    data: str, library: str
) -> None:
    try:
        expected = json.loads(data)
    except ValueError:
        with pytest.raises(BrokenJSON):
            proto.json_decode(data)
    else:
        assert proto.json_decode(data) == expected
        assert proto.json_decode(data.encode("utf-8")) == expected


def test_messages_are_one_array_without_spaces(library: str) -> None:
    assert proto.messages_frame(["a", "b", ""]) == b'a["a","b",""]'


@given(st.lists(text, min_size=1))
def test_both_libraries_make_the_same_frame(messages: list[str]) -> None:
    fast = proto.messages_frame(messages)
    with mock.patch.object(proto, "_dumps", proto._standard_dumps):
        assert proto.messages_frame(messages) == fast
    assert json.loads(fast[1:]) == [_joined(message) for message in messages]


SPECIAL = "\x7f\x9f\u200c\u200f\u2028\u202f\u2060\u206f\ufff0\uffff\ud800\udfff"
CONTROL = "\0\b\t\n\f\r\x1f"


@given(st.text(st.sampled_from('ab\\"/unrtbf0\x7e\xa0é☃😀' + CONTROL + SPECIAL)))
def test_each_character_is_written_by_itself(message: str) -> None:
    written = {character: f"\\u{ord(character):04x}" for character in CONTROL + SPECIAL}
    written.update(SHORT)
    written.update({"\\": "\\\\", '"': '\\"'})
    expected = "".join(written.get(character, character) for character in message)
    assert proto.json_encode(message) == f'"{expected}"'


def _joined(message: str) -> str:
    # Two escaped halves that happen to stand side by side are one character to every reader.
    return message.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def test_a_message_for_many_is_encoded_once() -> None:
    message = proto.Message("héllo\n")
    frame = proto.messages_frame([message])
    assert frame == proto.messages_frame(["héllo\n"])
    assert proto.messages_frame([message]) is frame


def test_the_close_frame_is_json() -> None:
    assert proto.disconnect(3000, 'Go "away"\n') == 'c[3000,"Go \\"away\\"\\n"]'


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b'["a"]', ["a"]),
        (b' [ "a" , "b" ] ', ["a", "b"]),
        (b"[]", []),
        (b'[""]', [""]),
        (b'["\\ud800"]', ["\ud800"]),
        (b'["\\uDC00\\ud83d\\ude00"]', ["\udc00😀"]),
        (b'["\\u0000\\n\\/"]', ["\0\n/"]),
        ('["é"]'.encode(), ["é"]),
    ],
)
def test_arrays_of_strings_come_in(data: bytes, messages: list[str], library: str) -> None:
    assert proto.decode_messages(data) == messages
    assert proto.decode_frame(data) == messages
    assert proto.decode_messages(data.decode()) == messages


@pytest.mark.parametrize(
    "data",
    [b"[", b'["a"', b"a", b'["a",]', b'["\x01"]', b"[NaN]", b"\xff", b'\xef\xbb\xbf["a"]', b"'a'"],
)
def test_what_is_no_json_is_broken(data: bytes, library: str) -> None:
    for decode in (proto.decode_messages, proto.decode_frame):
        with pytest.raises(BrokenJSON):
            decode(data)


def test_json_nested_too_deeply_is_an_error_and_no_crash(library: str) -> None:
    for data in (b"[" * 100000, b"[" * 100000 + b"]" * 100000):
        with pytest.raises((BrokenJSON, PayloadExpected)):
            proto.decode_messages(data)


@pytest.mark.parametrize(
    "data",
    [b"{}", b"[1]", b"[null]", b'["a",1]', b'[["a"]]', b"1", b"null", b"true", b"[1e999]"],
)
def test_json_of_another_shape_is_refused_whole(data: bytes, library: str) -> None:
    for decode in (proto.decode_messages, proto.decode_frame):
        with pytest.raises(PayloadExpected):
            decode(data)


def test_a_huge_number_is_refused(library: str) -> None:
    with pytest.raises((PayloadExpected, BrokenJSON)):
        proto.decode_messages(b"[" + b"9" * 10000 + b"]")


def test_a_single_string_is_a_message_on_websockets_only(library: str) -> None:
    assert proto.decode_frame(b'"x"') == ["x"]
    with pytest.raises(PayloadExpected):
        proto.decode_messages(b'"x"')


def test_nothing_is_ignored_on_websockets_and_refused_elsewhere() -> None:
    assert proto.decode_frame(b"") == []
    with pytest.raises(PayloadExpected):
        proto.decode_messages(b"")


def test_what_is_no_string_stands_in_a_frame_as_it_is() -> None:
    value = proto.JSONMessage('{"a":[1,null]}')
    assert value.json == '{"a":[1,null]}'
    assert proto.messages_frame([value]) == b'a[{"a":[1,null]}]'
    assert proto.messages_frame(["x", value, "\ud800", proto.Message("y")]) == (
        b'a["x",{"a":[1,null]},"\\ud800","y"]'
    )
    assert proto.messages_frame(["x", "y\n"]) == b'a["x","y\\n"]'


@given(text)
def test_any_text_survives_there_and_back(message: str) -> None:
    frame = proto.messages_frame([message])
    assert proto.decode_messages(frame[1:]) == [_joined(message)]


@pytest.mark.parametrize("name", ["a", "callback", "a.b-c_D9", "_jp.a123"])
def test_a_plain_callback_is_taken(name: str) -> None:
    assert proto.is_callback(name, 32)


@pytest.mark.parametrize("name", ["", None, "a(", "a b", "a\n", "é", "a%20", "<a>", "a" * 33])
def test_any_other_callback_is_refused(name: str | None) -> None:
    assert not proto.is_callback(name, 32)


def test_a_long_callback_is_fine_where_there_is_no_limit() -> None:
    assert proto.is_callback("a" * 100)
