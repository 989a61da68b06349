"""xhr-polling and xhr-streaming: frames as lines (protocol section 4)."""

from __future__ import annotations

from ..http.headers import JAVASCRIPT, UNBUFFERED, Heads
from .receiver import Framing

_HEADS = Heads(200, JAVASCRIPT, UNBUFFERED)


def wrap(frame: bytes) -> bytes:
    """Return the frame as a line."""
    return frame + b"\n"


POLLING = Framing("xhr", False, _HEADS, b"", wrap)
# Browsers pass the first bytes of a response to a script only when there are enough of them.
STREAMING = Framing("xhr_streaming", True, _HEADS, b"h" * 2048 + b"\n", wrap)
