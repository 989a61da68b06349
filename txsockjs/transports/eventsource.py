"""EventSource: frames as events (protocol section 4)."""

from __future__ import annotations

from ..http.headers import EVENT_STREAM, UNBUFFERED, Heads
from .receiver import Framing

# The characters of the stream's syntax, and the one that escapes them: clients decode only these.
_ESCAPES = ((b"%", b"%25"), (b"\r", b"%0D"), (b"\n", b"%0A"), (b"\0", b"%00"))


def wrap(frame: bytes) -> bytes:
    """Return the frame as an event."""
    for raw, escaped in _ESCAPES:
        frame = frame.replace(raw, escaped)
    return b"data: " + frame + b"\r\n\r\n"


FRAMING = Framing("eventsource", True, Heads(200, EVENT_STREAM, UNBUFFERED), b"\r\n", wrap)
