"""What messages cost, and how much a client may send at once.

Rules: one limit has one meaning on every transport (protocol section 6). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import BatchTooLarge, MessageTooLarge

#: What a message costs besides its text, so that one limit in bytes bounds both text and number.
MESSAGE_COST = 64

_SURROGATE = re.compile("[\ud800-\udfff]")


class Limits:
    """The limits of a payload: a body, or a websocket message with its fragments.

    ``message`` is the size of the largest message in bytes of UTF-8, ``batch`` the most that the
    messages of a payload may cost together. Payloads of up to ``harmless`` bytes need no check.
    """

    __slots__ = ("batch", "harmless", "message")

    def __init__(self, message: int, batch: int) -> None:
        self.message = message
        self.batch = batch
        # A message takes at least three bytes of JSON, so a byte costs less than 23.
        self.harmless = min(message, batch // 23)

    def check(self, messages: Sequence[str | bytes], size: int) -> None:
        """Raise `MessageTooLarge` or `BatchTooLarge` if the messages of a payload exceed a limit.

        ``size`` is the payload's size in bytes: no message in it can be larger.
        """
        if size > self.message:
            for message in messages:
                if len(message) * 4 > self.message and utf8_size(message) > self.message:
                    raise MessageTooLarge()
        left = self.batch - len(messages) * MESSAGE_COST
        if size > left and len(messages) > 1 and sum(map(len, messages)) > left:
            raise BatchTooLarge()


def length(messages: list[Any]) -> int:
    """Return the total length of all messages, in characters and bytes."""
    try:
        return len("".join(messages))  # takes a third of the time of summing their lengths
    except TypeError:  # bytes are among them
        return sum(map(len, messages))


def utf8_size(message: str | bytes) -> int:
    """Return the size of a message in bytes; a lone surrogate counts 3."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    try:
        return len(message.encode("utf-8"))
    except UnicodeEncodeError:
        # Not "surrogatepass": on PyPy its time grows with the square of their number.
        return len(_SURROGATE.sub("\ufffd", message).encode("utf-8"))
