"""`Decoder`: turns the bytes that a protocol writes into messages for its client.

Rules: UTF-8 becomes text; a character split over two writes is kept until it is complete. Other
bytes are decoded with the fallback encoding, if there is one. A raw websocket gets them as binary
messages instead, and so are all its messages from then on.
"""

from __future__ import annotations

import codecs
from typing import Union

from ..errors import SettingsError

Data = Union[bytes, bytearray, memoryview]

# In place of an encoding: bytes that are not UTF-8 become U+FFFD.
REPLACE = "replace"


def split_lines(kept: bytearray, data: bytes) -> list[bytes]:
    """Return the lines that ``data`` completes, without their line ends.

    ``kept`` holds the beginning of the first line, and then that of the next one.
    """
    *lines, rest = data.split(b"\n")
    if lines:
        lines[0] = bytes(kept) + lines[0]
        kept.clear()
    kept += rest
    return lines


class NotText(ValueError):
    """``data`` is not UTF-8, and there is no other way to send it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"not UTF-8: {data[:75]!r}")
        self.data = data


class Decoder:
    """Decode the writes of one protocol; ``is_raw`` is whether its client takes bytes.

    ``is_binary`` is whether messages are ``bytes`` from now on, because bytes were written that are
    not UTF-8, or the client has sent a binary message.
    """

    def __init__(self, fallback_encoding: str | None, is_raw: bool) -> None:
        replaces = fallback_encoding == REPLACE
        # On a raw websocket decoding must be strict, to find what has to be sent as bytes.
        errors = "replace" if replaces and not is_raw else "strict"
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)
        self._fallback = "utf-8" if replaces else fallback_encoding
        self._is_raw = is_raw
        self.is_binary = False

    def go_binary(self) -> None:
        """Make all further messages ``bytes``."""
        self.is_binary = True

    @property
    def is_clean(self) -> bool:
        """Whether the next message is text, with no kept beginning of a character."""
        return not self.is_binary and not self._decoder.getstate()[0]

    def decode(self, data: Data) -> str | bytes:
        """Return the message to send, which may be empty; raise `NotText` if that is impossible."""
        if self.is_binary:
            return self._kept() + bytes(data)
        try:
            return self._decoder.decode(data)
        except UnicodeDecodeError:
            data = self._kept() + bytes(data)
        other = self._otherwise(data)
        if other is None:
            raise NotText(data)
        return other

    def flush(self) -> str | bytes:
        """Return a last message, from the beginning of a character that was never completed."""
        kept = self._kept()
        other = self._otherwise(kept) if kept else ""
        return kept.decode("utf-8", "replace") if other is None else other

    def _otherwise(self, data: bytes) -> str | bytes | None:
        """Return bytes that are not UTF-8 as a message; None if there is no way to send them."""
        if self._is_raw:
            self.is_binary = True
            return data
        return None if self._fallback is None else data.decode(self._fallback, "replace")

    def _kept(self) -> bytes:
        """Take the kept beginning of a character."""
        kept: bytes = self._decoder.getstate()[0]
        self._decoder.reset()
        return kept


def checked_encoding(name: object) -> str | None:
    """Return the name of a text encoding, ``replace`` or None.

    Raises `SettingsError` for anything else.
    """
    if name is None or name == REPLACE:
        return REPLACE if name else None
    if isinstance(name, str) and _is_encoding(name):
        return name
    raise SettingsError(
        f"fallback_encoding must be a text encoding such as latin-1, replace or none, not {name!r}"
    )


def _is_encoding(name: str) -> bool:
    try:
        b"x".decode(name, "replace")  # with empty bytes, the name would not be checked
    except (LookupError, ValueError):
        return False
    return True


def check_data(data: object) -> None:
    """Raise a `TypeError` that says what can be written, unless ``data`` can."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a transport writes bytes, not {data!r}")


def encoded(text: str) -> bytes:
    """Return text as UTF-8; a lone surrogate becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")
