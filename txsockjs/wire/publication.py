"""Publications: what nodes and other programs send to the members of a room; no I/O.

Rules: a publication is a JSON object with at most one of the keys ``send``, ``post``, ``close``,
``presence`` and ``ask``. A program that is not a node leaves out ``from`` and ``n``. A publication
of another shape is refused whole; unknown keys are ignored, so that a later version may add some.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from ..errors import BrokenJSON
from .frames import check_reason
from .proto import json_decode

VERSION = 1
#: The kinds: texts to send, JSON values to post, a code and reason, who joined and left, a
#: question.
SEND, POST, CLOSE, PRESENCE, ASK = KINDS = ("send", "post", "close", "presence", "ask")
#: A publication that only tells its count.
NOTHING = ""

#: The key of a room in one mount: its multiplexed channel, as `wire_name` writes it, or an empty
#: string; and its name.
Key = tuple[str, str]


# The characters that JavaScript's escape() changes.
_ESCAPED = re.compile("[^A-Za-z0-9@*_+./-]")


class Publication(NamedTuple):
    """A publication: its ``node`` and count ``n``, or "" and 0; its kind, and its value."""

    node: str
    n: int
    kind: str
    value: Any


def channel_name(prefix: str, key: Key) -> str:
    """Return the bus channel for a room of the mount at ``prefix``.

    Prefixes, and the names of multiplexed channels as clients write them, have no ``?`` or ``#``.
    """
    service, name = key
    return f"room:{prefix}{'?' + service if service else ''}#{name}"


def wire_name(name: str) -> str:
    """Return a channel's name as clients write it, with JavaScript's ``escape``."""
    return _ESCAPED.sub(_escape, name)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character <= "\xff":
        return f"%{ord(character):02X}"
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"%u{units[n : n + 2].hex().upper()}" for n in range(0, len(units), 2))


def encode(kind: str, value: object, node: str = "", n: int = 0) -> bytes:
    """Return a publication as bytes: ASCII, so that lone surrogates pass, too."""
    content: dict[str, object] = {"v": VERSION}
    if node:
        content.update({"from": node, "n": n})
    if kind:
        content[kind] = value
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Publication:
    """Parse a publication; raise `ValueError` for anything else."""
    content = json_object(data)
    node, n = content.get("from", ""), content.get("n", 0)
    if not isinstance(node, str) or len(node) > 64 or not is_count(n):
        raise ValueError("not a node and its count")
    kinds = [kind for kind in KINDS if kind in content]
    if not kinds and node:
        return Publication(node, n, NOTHING, None)
    if len(kinds) != 1:
        raise ValueError("not one thing to do")
    kind, value = kinds[0], content[kinds[0]]
    if not _CHECKS[kind](value):
        raise ValueError(f"not what {kind} takes")
    return Publication(node, n, kind, value)


def json_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object of a known version; raise `ValueError` for anything else."""
    try:
        content = json_decode(data)
    except BrokenJSON:
        raise ValueError("no JSON") from None
    if not isinstance(content, dict) or content.get("v", VERSION) != VERSION:
        raise ValueError("no object of this version")
    return content


def is_count(value: object) -> bool:
    """Return whether this is a valid count."""
    return type(value) is int and value >= 0


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_reason(value: Any) -> bool:
    try:
        check_reason(*value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, list) and type(value[0]) is int


def _is_presence(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(each, []), list) for each in ("joined", "left")
    )


def _is_question(value: object) -> bool:
    return isinstance(value, dict) and is_count(value.get("id")) and value.get("what") in QUESTIONS


#: The questions for the nodes of a room.
MEMBERS, COUNT = QUESTIONS = ("members", "count")

_CHECKS = {
    SEND: _is_texts,
    POST: lambda value: isinstance(value, list),
    CLOSE: _is_reason,
    PRESENCE: _is_presence,
    ASK: _is_question,
}
