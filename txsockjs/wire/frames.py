"""Websocket frames as a server writes them (RFC 6455 sections 5.2 and 5.5.1).

Rules: frames are final and unmasked, with lengths in their shortest form. Pure.
"""

from __future__ import annotations

TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

_NORMAL = 1000
# RFC 6455 section 7.4.1 and its registry: the codes allowed in a close frame, besides the private
# ones.
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
# Normal, going away, no code given, service restart. Private codes come from applications, so they
# are intended ends, too.
_CLEAN_CODES = frozenset((1000, 1001, 1005, 1012))
_LONGEST_REASON = 123
# Reserved (RFC 6455 section 7.4.1): must not be sent in a close frame.
_RESERVED_CODES = frozenset((1004, 1005, 1006, 1015))


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def is_close_code(code: int) -> bool:
    """Return whether a code is allowed in a close frame."""
    return code in _CLOSE_CODES or 3000 <= code <= 4999


def is_clean(code: int) -> bool:
    """Return whether the code is that of an intended close."""
    return code in _CLEAN_CODES or 3000 <= code <= 4999


def check_reason(code: object, reason: object) -> None:
    """Raise if no client could be told this: `ValueError` for a code, `TypeError` for a reason.

    Codes are those of RFC 6455 section 7.4, although not all of them are allowed in its frames.
    """
    if not isinstance(code, int) or not 1000 <= code <= 4999 or code in _RESERVED_CODES:
        raise ValueError(
            f"a close code must be in 1000..4999 and not 1004, 1005, 1006 or 1015, not {code!r}"
        )
    if not isinstance(reason, str):
        raise TypeError(f"a close reason must be str, not {reason!r}")


def sendable_code(code: int) -> int:
    """Return a code allowed in a close frame: this one, or that of a normal end."""
    return code if is_close_code(code) else _NORMAL


def close_reason(reason: str) -> bytes:
    """Return a reason that fits into a close frame, cut between two characters if too long."""
    return (
        reason.encode("utf-8", "replace")[:_LONGEST_REASON]
        .decode("utf-8", "ignore")
        .encode("utf-8")
    )
