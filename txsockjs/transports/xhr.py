"""xhr-polling and xhr-streaming: frames as lines (protocol section 4)."""

from __future__ import annotations

from .receiver import Framing

_TYPE = b"application/javascript; charset=UTF-8"


def wrap(frame: bytes) -> bytes:
    """Return the frame as a line."""
    return frame + b"\n"


POLLING = Framing("xhr", _TYPE, False, b"", wrap)
# Browsers hand the first bytes of a response to a script only when there are many of them.
STREAMING = Framing("xhr_streaming", _TYPE, True, b"h" * 2048 + b"\n", wrap)
