"""What a client and a resumable connection say to each other in messages (docs/resume.md): no I/O.

A message of the envelope is a letter and what belongs to it; numbers are decimal and count the
messages of one direction, from 1, over all connections.

Rules: what can't be read raises `BadEnvelope`; a token is in messages only. Over HTTP messages have
their number, as browsers repeat a request whose answer was lost: what it said comes twice, and what
its answer said is missing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Said by both: a message, one with its number; how many were sent, and how many received.
MESSAGE, NUMBERED, SENT, ACKNOWLEDGE = "m", "k", "p", "a"
# Said by the client: that it begins, that it resumes, that it leaves for good.
NEW, RESUME, LEAVE = "n", "r", "x"
# Said by the server: that something begins, goes on, begins anew; that it is over.
STARTED, CONTINUED, FRESH, OVER = "s", "c", "f", "x"

# As many as a browser can count exactly.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_RESUME = re.compile(r"([\w-]{1,100}),([0-9]{1,16})", re.ASCII)
# The longest number and the comma after it.
_LONGEST = 17


class Refused(ValueError):
    """A client can't be served now: its connection ends for ``reason``, its session does not.

    ``cause`` is one of `stats.CAUSES`.
    """

    cause = "refused"

    def __init__(self, words: str = "Try again later") -> None:
        super().__init__(words)
        self.reason = 1013, words


class BadEnvelope(Refused):
    """A message that is none of the envelope."""

    cause = "error"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.reason = 1002, f"Bad envelope: {words}"


class Said(NamedTuple):
    """What a client said: its letter, the text after it, and the number in it, or 0."""

    letter: str
    text: str
    number: int = 0


def read(message: str) -> Said:
    """Read what a client says; ``text`` is that of a message, or a token."""
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
