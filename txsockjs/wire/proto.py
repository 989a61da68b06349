"""Frames and JSON: every byte of the SockJS framing, without I/O.

Rules: frames are made here and nowhere else; output is escaped where browsers are not safe
(protocol section 5); input is checked before an application sees it.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from operator import is_
from typing import Any, NoReturn

from ..errors import BrokenJSON, PayloadExpected
from .frames import TEXT, frame

#: The frame types, as single characters.
CONNECT = "o"
DISCONNECT = "c"
MESSAGE = "m"
HEARTBEAT = "h"

OPEN_FRAME = b"o"
HEARTBEAT_FRAME = b"h"

# The bytes before the messages in a websocket frame of fewer than 126 bytes, by its size.
_BEFORE_SHORT = [bytes((0x80 | TEXT, size, ord("a"))) for size in range(126)]

# The characters that JSON libraries leave unescaped but browsers mistake; the libraries escape the
# control characters below U+0020. Each character is looked up in a table, because a client may send
# nothing but these: a call for each would take most of a second per MiB.
_LEFT = "\x7f-\x9f\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\ud800-\udfff"
_ANY_LEFT = re.compile(f"[{_LEFT}]")
_ESCAPES = {
    chr(code): f"\\u{code:04x}"
    for start in range(0, len(_LEFT), 3)
    for code in range(ord(_LEFT[start]), ord(_LEFT[start + 2]) + 1)
}


def json_encode(data: object) -> str:
    """Encode ``data`` as compact JSON that is safe on every transport (protocol section 5)."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if _ANY_LEFT.search(text):
        escape_of = _ESCAPES.get
        text = "".join([escape_of(character, character) for character in text])
    return text


def json_decode(data: str | bytes) -> Any:
    """Decode JSON, lone surrogates included; raise `BrokenJSON` for anything else."""
    try:
        return _loads(data)
    except (ValueError, RecursionError):
        pass  # perhaps only a lone surrogate, which the standard library accepts
    try:
        return _standard_loads(data)
    except (ValueError, RecursionError):
        raise BrokenJSON() from None


def _standard_loads(data: str | bytes) -> Any:
    text = data if isinstance(data, str) else data.decode("utf-8")
    if "\\" not in text and len(text) > 3 and text[:2] == '["' and text[-2:] == '"]':
        message = text[2:-2]  # most are like this, and PyPy takes half the time for it
        if '"' not in message and message.isprintable():
            return [message]
    if "N" in text or "I" in text:  # perhaps NaN and Infinity, which are not JSON
        return json.loads(text, parse_constant=_refuse_constant)
    return json.loads(text)  # far faster on PyPy


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _standard_dumps(messages: list[str]) -> bytes:
    """Encode strings in which nothing must be escaped except what JSON itself requires."""
    return f"[{','.join([encode_basestring(message) for message in messages])}]".encode()


try:
    from orjson import dumps as _dumps
    from orjson import loads as _loads
except ImportError:  # PyPy, or a platform without a wheel: the standard library does it all
    _dumps, _loads = _standard_dumps, _standard_loads  # type: ignore[assignment,unused-ignore]


class Message(str):
    """A message for many clients: text whose frame is built once and shared."""

    __slots__ = ("_frame", "_websocket_frame")
    _frame: bytes
    _websocket_frame: bytes

    @property
    def frame(self) -> bytes:
        """The ``a["..."]`` frame with only this message."""
        try:
            return self._frame
        except AttributeError:
            self._frame = b"a" + _encode_strings([str(self)])
            return self._frame

    @property
    def websocket_frame(self) -> bytes:
        """The websocket frame that carries `frame`."""
        try:
            return self._websocket_frame
        except AttributeError:
            self._websocket_frame = frame(TEXT, self.frame)
            return self._websocket_frame


class JSONMessage(Message):
    """A message that is not a string: JSON text, put into a frame as it is.

    The client's library passes the parsed value to its page. sockjs-tornado sends such messages.
    """

    __slots__ = ()

    def __new__(cls, text: str = "null") -> JSONMessage:
        # JSON allows a line feed there. It marks the message, so that frames of several messages
        # need to look only at marked ones, and the others cost nothing.
        return super().__new__(cls, text + "\n")

    @property
    def json(self) -> str:
        """The JSON text."""
        return self[:-1]

    @property
    def frame(self) -> bytes:
        """The ``a[...]`` frame with only this message."""
        return f"a[{self.json}]".encode()


# The size in bytes of the longest frame that is kept for other clients: what one client gets after
# it did not read for a while may be far longer.
_LONGEST_KEPT = 1024 * 1024


class _LastBatch:
    """The last messages of which the first was a `Message`, and their websocket frame.

    In a turn, many clients often get the same ones.
    """

    def __init__(self) -> None:
        self._last: tuple[tuple[str, ...], bytes] = ((), b"")

    def frame_of(self, messages: list[str]) -> bytes:
        """Return the websocket frame of these messages; it may be kept from the last call."""
        last, made = self._last
        # Equal is not enough: a `JSONMessage` may equal another string.
        if len(last) != len(messages) or not all(map(is_, last, messages)):
            made = frame(TEXT, b"a" + _encode_strings(messages))
            if len(made) <= _LONGEST_KEPT:
                # Together, because a finalizer that sends, or another thread, may come in between.
                self._last = tuple(messages), made
        return made


_last_batch = _LastBatch()


def messages_frame(messages: list[str]) -> bytes:
    """Return the ``a[...]`` frame with these messages, in order."""
    message = messages[0]
    if len(messages) == 1:
        if type(message) is not str:
            return message.frame  # type: ignore[attr-defined, no-any-return]
        if message.isascii() and message.isprintable():
            return b"a" + _dumps(messages)
    return b"a" + _encode_strings(messages)


def websocket_frame(messages: list[str]) -> bytes:
    """Return the websocket frame that carries the ``a[...]`` frame of these messages."""
    # The same as `messages_frame`, without a call and a copy: nothing is made more often.
    message = messages[0]
    is_single = len(messages) == 1
    if type(message) is not str:
        if is_single:
            return message.websocket_frame  # type: ignore[attr-defined, no-any-return]
        return _last_batch.frame_of(messages)
    plain = is_single and message.isascii() and message.isprintable()
    data = _dumps(messages) if plain else _encode_strings(messages)
    size = len(data) + 1
    return _BEFORE_SHORT[size] + data if size < 126 else frame(TEXT, b"a" + data)


def _encode_strings(messages: list[str]) -> bytes:
    # isprintable() is false for everything that must be escaped except U+FFFC and U+FFFD, and for
    # little else. With this test, nearly every message uses the fast library; text with line feeds
    # uses it after a slower test.
    text = "".join(messages)
    if text.isprintable():
        plain = text.isascii() or not ("\ufffd" in text or "\ufffc" in text)
    else:
        if JSONMessage in map(type, messages):
            return _encode_mixed(messages)
        plain = not _ANY_LEFT.search(text)
    return _dumps(messages) if plain else json_encode(messages).encode("utf-8")


def _encode_mixed(messages: list[str]) -> bytes:
    texts = [each.json if type(each) is JSONMessage else json_encode(each) for each in messages]
    return f"[{','.join(texts)}]".encode()


def disconnect(code: int, reason: str) -> str:
    """Return the close frame ``c[code,"reason"]``."""
    return DISCONNECT + json_encode([code, reason])


def decode_messages(data: str | bytes) -> list[str]:
    """Decode the body of a sender: a JSON array of strings.

    Raises `PayloadExpected` if it is empty or of another shape, `BrokenJSON` if it is not JSON
    (protocol section 6).
    """
    if not data:
        raise PayloadExpected()
    return _checked(json_decode(data))


def decode_frame(data: str | bytes) -> list[str]:
    """Decode a websocket message: an array as in `decode_messages`, a JSON string, or nothing."""
    if not data:
        return []
    try:
        messages = _loads(data)
    except (ValueError, RecursionError):
        messages = json_decode(data)
    if type(messages) is list and len(messages) == 1 and type(messages[0]) is str:
        return messages  # most are like this: it saves two calls for each message
    if type(messages) is str:
        return [messages]
    return _checked(messages)


def _checked(messages: object) -> list[str]:
    if type(messages) is not list:
        raise PayloadExpected()
    for message in messages:
        if type(message) is not str:
            raise PayloadExpected()
    return messages


_CALLBACK = re.compile(r"[a-zA-Z0-9_.-]+\Z")


def is_callback(name: str | None, longest: int | None = None) -> bool:
    """Return whether a callback name is harmless; other names are refused, never cleaned."""
    if name is None or (longest is not None and len(name) > longest):
        return False
    return _CALLBACK.match(name) is not None
