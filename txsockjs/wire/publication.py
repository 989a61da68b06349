"""Publications: what nodes, and other programs, say to the members of a room; without I/O.

Rules: one JSON object with one of the keys ``send``, ``post``, ``close``, ``presence``, ``ask`` or
none of them. A program that is no node leaves ``from`` and ``n`` out. What is of another shape is
refused whole; members that are not known here are ignored, so that a later version may add some.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from ..errors import BrokenJSON
from .frames import check_reason
from .proto import json_decode

VERSION = 1
#: The kinds: texts to send, JSON values to post, a code and reason, who came and went, a question.
SEND, POST, CLOSE, PRESENCE, ASK = KINDS = ("send", "post", "close", "presence", "ask")
#: A publication that only tells how many there were.
NOTHING = ""

#: The key of a room in one mount: the multiplexed channel that it is in, as `wire_name` has it, or
#: nothing, and its name.
Key = tuple[str, str]


# What JavaScript's escape() does not leave as it is.
_ESCAPED = re.compile("[^A-Za-z0-9@*_+./-]")


class Publication(NamedTuple):
    """A publication: its ``node`` and count ``n``, or "" and 0; what it is, and its value."""

    node: str
    n: int
    kind: str
    value: Any


def channel_name(prefix: str, key: Key) -> str:
    """Return the name, on the bus, of a room of the mount at ``prefix``.

    Neither a prefix nor the name of a multiplexed channel, as clients write it, has ``?`` or ``#``.
    """
    service, name = key
    return f"room:{prefix}{'?' + service if service else ''}#{name}"


def wire_name(name: str) -> str:
    """Return a channel's name as clients write it: what JavaScript's ``escape`` makes of it."""
    return _ESCAPED.sub(_escape, name)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character <= "\xff":
        return f"%{ord(character):02X}"
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"%u{units[n : n + 2].hex().upper()}" for n in range(0, len(units), 2))


def encode(kind: str, value: Any, node: str = "", n: int = 0) -> bytes:
    """Return a publication as bytes: ASCII, so that a lone surrogate passes, too."""
    content: dict[str, Any] = {"v": VERSION}
    if node:
        content.update({"from": node, "n": n})
    if kind:
        content[kind] = value
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Publication:
    """Read a publication; raise `ValueError` for anything else."""
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
    """Decode a JSON object of a version that is known; raise `ValueError` for anything else."""
    try:
        content = json_decode(data)
    except BrokenJSON:
        raise ValueError("no JSON") from None
    if not isinstance(content, dict) or content.get("v", VERSION) != VERSION:
        raise ValueError("no object of this version")
    return content


def is_count(value: object) -> bool:
    """Return whether this is a number that counts."""
    return type(value) is int and value >= 0


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_reason(value: Any) -> bool:
    try:
        check_reason(*value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, list) and type(value[0]) is int


def _is_presence(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(each, []), list) for each in ("joined", "left")
    )


def _is_question(value: Any) -> bool:
    return isinstance(value, dict) and is_count(value.get("id")) and value.get("what") in QUESTIONS


#: What may be asked of the nodes of a room.
MEMBERS, COUNT = QUESTIONS = ("members", "count")

_CHECKS = {
    SEND: _is_texts,
    POST: lambda value: isinstance(value, list),
    CLOSE: _is_reason,
    PRESENCE: _is_presence,
    ASK: _is_question,
}
