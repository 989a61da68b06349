"""The messages between a client and a resumable connection (docs/resume.md); no I/O.

A message of this envelope is a letter and its content. Numbers are decimal, and count the messages
of one direction, from 1, over all connections.

Rules: a message that can't be read raises `BadEnvelope`; tokens are only in messages. Over HTTP,
messages have a number, because browsers repeat a request whose answer was lost: its messages arrive
twice, and those in its answer are missing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# From both sides: a message; one with its number; how many were sent; how many were received.
MESSAGE, NUMBERED, SENT, ACKNOWLEDGE = "m", "k", "p", "a"
# From the client: it begins; it resumes; it leaves for good.
NEW, RESUME, LEAVE = "n", "r", "x"
# From the server: the session begins; it goes on; a new one begins instead; it is over.
STARTED, CONTINUED, FRESH, OVER = "s", "c", "f", "x"

# Up to what a browser can count exactly.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_RESUME = re.compile(r"([\w-]{1,100}),([0-9]{1,16})", re.ASCII)
# The longest number and the comma after it.
_LONGEST = 17


class Refused(ValueError):
    """A client can't be served now: its connection ends with ``reason``, but not its session.

    ``cause`` is one of `stats.CAUSES`.
    """

    cause = "refused"

    def __init__(self, words: str = "Try again later") -> None:
        super().__init__(words)
        self.reason = 1013, words


class BadEnvelope(Refused):
    """A message that does not fit the envelope."""

    cause = "error"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.reason = 1002, f"Bad envelope: {words}"


class Said(NamedTuple):
    """A client's message: its letter, the text after it, and the number in it, or 0."""

    letter: str
    text: str
    number: int = 0


def read(message: str) -> Said:
    """Parse a client's message; ``text`` is a message's text, or a token."""
    letter, text = message[:1], message[1:]
    if letter == MESSAGE:
        return Said(letter, text)
    if letter == NUMBERED:
        comma = text.find(",", 0, _LONGEST)
        if comma < 0:
            raise BadEnvelope("a message without its number")
        return Said(letter, text[comma + 1 :], _number(text[:comma]))
    if letter in (ACKNOWLEDGE, SENT):
        return Said(letter, "", _number(text))
    if letter == RESUME:
        found = _RESUME.fullmatch(text)
        if found is None:
            raise BadEnvelope("a resumption without a token and a number")
        return Said(letter, found[1], _number(found[2]))
    if letter in (NEW, LEAVE) and not text:
        return Said(letter, "")
    raise BadEnvelope("not a message of the envelope")


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadEnvelope("not a number of messages")
    return int(text)
